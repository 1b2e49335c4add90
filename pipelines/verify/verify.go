// Package verify looks at all of an output and an archive: whether every offset is there
// once, every file can be read to its end and says of itself what it holds, and, for a
// sample, whether analysing again gives the same bytes.
package verify

import (
	"context"
	"fmt"
	"time"

	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/output"
)

// Run is what to look at.
type Run struct {
	Output  *output.Output  // nil: none
	Archive *archive.Folder // nil: none
	// Sample is of how many chunks it is made sure that analysing them again gives the same
	// bytes, which Seed chooses. It needs both folders.
	Sample int
	Seed   uint64
	// Progress is told how many chunks of how many were looked at.
	Progress func(done, total int64, left time.Duration)
}

// Finding is one thing that is wrong.
type Finding struct {
	In        string `json:"in"`   // output or archive
	Kind      string `json:"kind"` // of file: frames, results, states, images, partial
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Chunk     int64  `json:"chunk"`
	From      int64  `json:"from"` // offsets
	To        int64  `json:"to"`   // the last
	File      string `json:"file"` // relative to its folder
	Missing   bool   `json:"missing"`
	What      string `json:"what"`
}

// ID is the finding's chunk.
func (f *Finding) ID() chunk.ID {
	return chunk.ID{Partition: chunk.Partition{Topic: f.Topic, ID: f.Partition}, Index: f.Chunk}
}

func (f *Finding) String() string {
	return fmt.Sprintf("%s, topic %s partition %d offsets %d to %d: %s: %s", f.In, f.Topic, f.Partition, f.From, f.To, f.File, f.What)
}

// Held is what one of the folders holds of a partition.
type Held struct {
	In        string `json:"in"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	From      int64  `json:"from"` // the first offset
	To        int64  `json:"to"`   // of complete chunks, exclusive
	Frames    int64  `json:"frames"`
	Kept      int    `json:"kept"` // chunks before From that are there for themselves
}

// Reproduced is what came of a chunk of the sample.
type Reproduced struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Chunk     int64  `json:"chunk"`
	Same      bool   `json:"same"`
	Skipped   string `json:"skipped,omitempty"` // why it could not be made again
}

// Report is what a run found.
type Report struct {
	Files    int64 // that were read
	Held     []Held
	Findings []Finding
	Sample   []Reproduced
}

// OK reports whether nothing is wrong.
func (r *Report) OK() bool { return len(r.Findings) == 0 }

// Verify looks at everything. The error is of what kept it from looking.
func (r *Run) Verify(ctx context.Context) (*Report, error) {
	l := &looking{run: r, began: time.Now(), archived: map[chunk.Partition]*archived{}}
	for _, step := range []func(context.Context) error{l.plan, l.archive, l.output, l.again, l.sample} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("verify: %w", err)
		}
	}
	return &l.report, nil
}

// looking is a run under way.
type looking struct {
	run         *Run
	report      Report
	began       time.Time
	done, total int64
	archives    []archivePart
	outputs     []outputPart
	archived    map[chunk.Partition]*archived
}

type archivePart struct {
	chunk.Partition
	archive.Whole
	base int64
}

type outputPart struct {
	chunk.Partition
	output.Extent
	base int64
	well []int64 // chunks of which nothing is wrong
}

// archived is what was read of an archive's partition.
type archived struct {
	covered chunk.Offsets // of files that are well
	records chunk.Offsets // in them
}

// plan counts what there is to look at.
func (l *looking) plan(ctx context.Context) error {
	if a := l.run.Archive; a != nil {
		ids, err := a.Begun(ctx)
		if err != nil {
			return err
		}
		for _, p := range ids {
			w, err := a.Whole(ctx, p)
			if err != nil {
				return err
			}
			base, err := a.Base(ctx, p)
			if err != nil {
				return err
			}
			l.archives = append(l.archives, archivePart{p, w, base})
			l.total += w.End - w.First + int64(len(w.Kept)+len(w.Tails))
		}
	}
	if o := l.run.Output; o != nil {
		ids, err := o.Partitions(ctx)
		if err != nil {
			return err
		}
		for _, p := range ids {
			e, ok, err := o.Extent(ctx, p)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			base, err := o.Base(ctx, p)
			if err != nil {
				return err
			}
			l.outputs = append(l.outputs, outputPart{Partition: p, Extent: e, base: base})
			l.total += e.End - e.First + int64(len(e.Kept)) + 1
		}
	}
	return nil
}

// step tells the progress.
func (l *looking) step() {
	l.done++
	if l.run.Progress != nil {
		left := time.Duration(float64(time.Since(l.began)) / float64(l.done) * float64(max(0, l.total-l.done)))
		l.run.Progress(l.done, max(l.done, l.total), left)
	}
}
