package output

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/result"
)

// Shelves are a partition's complete files by kind, for who gives up old ones.
type Shelves struct {
	Results, States, Images chunkfolder.Shelf
	// Cameras are the pictures that were rendered of one camera each, by its id.
	Cameras map[string]chunkfolder.Shelf
}

// cameraFolder is how the folders of such pictures begin, below that of images.
const cameraFolder = "camera="

// Shelves returns a partition's. States may be given up before their results are: the
// results then count without.
func (o *Output) Shelves(ctx context.Context, p chunk.Partition) (Shelves, error) {
	shelf := func(dir, ext, raised string) chunkfolder.Shelf {
		s := chunkfolder.Shelf{
			Partition: p, Files: o.folder, Layout: o.layout.Layout, Dir: dir, Ext: ext, Journal: journal, Begins: baseFile(p),
		}
		if raised != "" {
			s.Raised = partitionDir(p.Key()) + raised
		}
		return s
	}
	s := Shelves{
		Results: shelf(resultsDir, resultsExt, retained), States: shelf(statesDir, statesExt, retainedStates), Images: shelf(imagesDir, imagesExt, ""),
		Cameras: map[string]chunkfolder.Shelf{},
	}
	s.Results.Notes = []string{partitionDir(p.Key()) + statisticsPrefix + "*", partitionDir(p.Key()) + "*" + notesExt}
	folders, err := o.folder.Folders(ctx, imagesDir)
	if err != nil {
		return s, err
	}
	for _, name := range folders {
		if camera, ok := strings.CutPrefix(name, cameraFolder); ok {
			s.Cameras[camera] = shelf(imagesDir+name+"/", imagesExt, "")
		}
	}
	return s, nil
}

// Needed is what jobs that go on need of a partition's complete chunks.
type Needed struct {
	From   int64          // the first chunk of those that all must stay
	Next   int64          // the first that is not complete
	States map[int64]bool // chunks before From of which the states must stay; nil: all
}

// Needed returns what a job needs that goes on at the end of the contiguous chunks, or up
// to behind chunks before it, where an engine may have to begin again: that chunk's end, and
// the states of the cameras that it knows.
func (o *Output) Needed(ctx context.Context, p chunk.Partition, behind int64) (Needed, error) {
	start, next, err := o.extent(ctx, p)
	if err != nil || start == chunk.None {
		return Needed{}, err
	}
	n := Needed{From: chunk.Of(start, o.layout.N), Next: next}
	if next == n.From {
		return n, nil
	}
	n.States = map[int64]bool{}
	n.From = max(n.From, next-1-behind)
	name, err := chunkfolder.NameOf(chunk.ID{Partition: p, Index: n.From}, o.layout.N)
	if err != nil {
		return Needed{}, err
	}
	end, _, err := readEnd(ctx, o.folder, o.layout.states(name))
	if err != nil {
		return Needed{}, fmt.Errorf("what a job that goes on with %v needs: %w", p, err)
	}
	for _, c := range end.Cameras {
		if k := chunk.Of(c.Last, o.layout.N); k < n.From {
			n.States[k] = true
		}
	}
	return n, nil
}

// Cameras are the cameras in a results file with the newest timestamp of each, in
// milliseconds since 1970 UTC.
func (o *Output) Cameras(ctx context.Context, file string) (newest map[string]int64, err error) {
	newest = map[string]int64{}
	err = o.Read(ctx, file, result.Selection{}, func(rows []result.Frame) error {
		for i := range rows {
			if had, ok := newest[rows[i].Camera]; !ok || rows[i].Timestamp > had {
				newest[rows[i].Camera] = rows[i].Timestamp
			}
		}
		return nil
	})
	return newest, err
}

func pinnedFile(p chunk.Partition) string { return partitionDir(p.Key()) + "pinned.json" }

// Pinned are the offsets of a partition that were pinned: who gives up old files leaves
// those of their chunks.
func (o *Output) Pinned(ctx context.Context, p chunk.Partition) (chunk.Offsets, error) {
	return chunkfolder.ReadPinned(ctx, o.folder, pinnedFile(p), p)
}

// Pin replaces the pinned offsets of a partition.
func (o *Output) Pin(ctx context.Context, p chunk.Partition, pinned chunk.Offsets) error {
	return journal.WritePinned(ctx, o.folder, pinnedFile(p), p, pinned)
}

// GivenUp reports whether a file of results or pictures that is not there any more lay
// before the partition's beginning: a reader that had it listed passes over it.
func (o *Output) GivenUp(ctx context.Context, file string) (bool, error) {
	n, ok := chunkfolder.ParseFile(file[strings.LastIndexByte(file, '/')+1:], "", file[max(0, strings.LastIndexByte(file, '.')):])
	if !ok {
		return false, nil
	}
	start, err := readBase(ctx, o.folder, n.Partition)
	return err == nil && n.End < start, err
}

// gone reports whether err is that of a file which was given up since it was listed.
func (o *Output) gone(ctx context.Context, file string, err error) bool {
	if !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	given, lookErr := o.GivenUp(ctx, file)
	return lookErr == nil && given
}

// Lookup finds the results files of a partition. It lists a block when a chunk of it is
// asked for and remembers the last one.
type Lookup struct{ c *contents }

// Lookup returns a new one.
func (o *Output) Lookup(p chunk.Partition) (*Lookup, error) {
	c, err := o.contents(p)
	return &Lookup{c}, err
}

// Results returns the results file that holds chunk k, if one is there.
func (l *Lookup) Results(ctx context.Context, k int64) (file string, ok bool, err error) {
	b, err := l.c.block(ctx, l.c.o.layout.BlockOf(k))
	if err != nil {
		return "", false, err
	}
	r, ok := b.covering(k, l.c.o.layout.N)
	return l.c.o.layout.results(r), ok, nil
}
