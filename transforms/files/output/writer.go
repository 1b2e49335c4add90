package output

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/crashpoint"
	"github.com/framebeam/framebeam/transforms/result"
)

// Published says what was published.
type Published struct {
	Name   string // of the results file, relative to the output folder
	Rows   int
	Digest string // SHA-256 of the results file, hex
	Bytes  int64  // of results and states
}

// Writer publishes chunks in one generation of an output. It is safe for
// concurrent use.
type Writer struct {
	o    *Output // as it was when the generation began
	spec Spec
	hook func(point string) // of tests; nil: none
}

// at is reached between two steps of which another job may come.
func (w *Writer) at(point string) {
	crashpoint.At(point)
	if w.hook != nil {
		w.hook(point)
	}
}

// OpenWriter opens the output that spec names, in a worker.
func OpenWriter(ctx context.Context, spec Spec) (*Writer, error) {
	o, err := openSpec(ctx, spec)
	if err != nil {
		return nil, err
	}
	return &Writer{o: o, spec: spec}, nil
}

// Done reports whether the chunk is complete in the output: what still comes
// for it repeats what is there.
func (w *Writer) Done(ctx context.Context, id chunk.ID) (bool, error) {
	name, err := chunkfolder.NameOf(id, w.o.layout.N)
	if err != nil {
		return false, err
	}
	t, err := w.o.look(ctx, name)
	if err != nil {
		return false, err
	}
	if t.states || t.results && t.resultsLineage != w.lineage(id) {
		return t.committed(w.lineage(id)), nil
	}
	// What retention gave up was complete once.
	read := readBase
	if t.results {
		read = readStatesBase
	}
	from, err := read(ctx, w.o.folder, id.Partition)
	return err == nil && name.End < from, err
}

// givenUp reports whether retention gave the chunk up: nobody makes it again.
func (w *Writer) givenUp(ctx context.Context, name chunkfolder.Name) (bool, error) {
	from, err := readBase(ctx, w.o.folder, name.Partition)
	return err == nil && name.End < from, err
}

func (w *Writer) lineage(id chunk.ID) string {
	return governing(w.o.gens, id.Partition.Key(), id.Index).lineage
}

// current returns ErrSuperseded if the chunk belongs to a newer generation than the
// writer's.
func (w *Writer) current(ctx context.Context, id chunk.ID) error {
	newer := w.o.gens
	for number := w.spec.Generation + 1; ; number++ {
		g, err := readGeneration(ctx, w.o.folder, number)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		newer = append(slices.Clone(newer), g)
		if governing(newer, id.Partition.Key(), id.Index).generation == number {
			return fmt.Errorf("%v: generation %d is %w, %d", id, w.spec.Generation, ErrSuperseded, number)
		}
	}
}

// Commit publishes a chunk, unless it was given up meanwhile: states, then pictures (pics may be nil), then
// results, which are the commit: what lies there without them is replaced. rows are
// all of end.Offsets, ascending; states all of end.Owed, in that order. Of a chunk
// that is committed already, results and states must be equal, and its pictures stay
// as they are. After a failure Commit may be repeated.
func (w *Writer) Commit(ctx context.Context, end chunk.End, rows []result.Frame, states []element.State, pics Pictures) (Published, error) {
	name, err := chunkfolder.NameOf(end.ID, w.o.layout.N)
	if err != nil {
		return Published{}, err
	}
	rows, err = w.o.withHead(ctx, end.ID, rows)
	if err == nil {
		err = w.check(&end, rows, states)
	}
	if err != nil {
		return Published{}, fmt.Errorf("commit %v: %w", end.ID, err)
	}
	crashpoint.At("sink-claim")
	p, err := w.commit(ctx, name, end, rows, states, pics)
	if err != nil {
		return Published{}, fmt.Errorf("commit %v: %w", end.ID, err)
	}
	return p, nil
}

func (w *Writer) check(end *chunk.End, rows []result.Frame, states []element.State) error {
	if end.N != w.o.layout.N {
		return fmt.Errorf("the chunk's end has %d offsets per chunk: %w: %d", end.N, ErrOtherLayout, w.o.layout.N)
	}
	var have chunk.Offsets
	for i := range rows {
		r := &rows[i]
		if r.Topic != end.Topic || r.Partition != end.Partition.ID || i > 0 && r.Offset <= rows[i-1].Offset {
			return fmt.Errorf("row %d (topic %s partition %d offset %d) is of another partition or out of order", i, r.Topic, r.Partition, r.Offset)
		}
		have.Add(r.Offset)
	}
	if !have.Equal(end.Offsets) {
		return fmt.Errorf("the rows have offsets %v, the end names %v", have, end.Offsets)
	}
	for _, r := range end.Offsets {
		if r.From < end.Index*w.o.layout.N || r.To > (end.Index+1)*w.o.layout.N {
			return fmt.Errorf("offsets %v do not lie in the chunk", end.Offsets)
		}
	}
	if end.Partial {
		return nil
	}
	if len(states) != len(end.Owed) {
		return fmt.Errorf("there are %d states, the end names %d", len(states), len(end.Owed))
	}
	for i, s := range states {
		if s.Camera != end.Owed[i] || s.Position != chunk.EndPosition(end.Index, end.N) {
			return fmt.Errorf("state of camera %s at position %d; expected camera %s at the chunk's end", s.Camera, s.Position, end.Owed[i])
		}
	}
	return nil
}

func (w *Writer) commit(
	ctx context.Context, name chunkfolder.Name, end chunk.End, rows []result.Frame, states []element.State, pics Pictures,
) (Published, error) {
	if end.Partial {
		return Published{}, errors.New("the chunk's end is partial")
	}
	c, err := w.encode(name, end, rows, states, pics)
	if err != nil {
		return Published{}, err
	}
	for try := 1; ; try++ {
		if given, err := w.givenUp(ctx, name); err != nil || given {
			return Published{}, err
		}
		err := w.publishAll(ctx, name, c)
		if err == nil {
			break
		}
		if !errors.Is(err, errDisturbed) || try == publishAttempts {
			return Published{}, err
		}
	}
	crashpoint.At("sink-renamed")
	if crashpoint.Chosen("sink-out-of-order") {
		if err := w.atOutOfOrder(ctx, end.ID); err != nil {
			return Published{}, err
		}
	}
	if err := w.removePartials(ctx, name, name); err != nil {
		return Published{}, err
	}
	if (end.Index+1)%markEvery == 0 {
		if err := w.advance(ctx, end.ID); err != nil {
			return Published{}, err
		}
	}
	sum := sha256.Sum256(c.results)
	return Published{w.o.layout.results(name), len(rows), hex.EncodeToString(sum[:]), int64(len(c.results) + len(c.states))}, nil
}

// markEvery is after how many chunks of a partition a writer advances its mark,
// so that the next start finds little that was not verified, and keeps what footers say for
// who asks. It costs some four listings and twice the metadata of as many files.
const markEvery = 256

// advance advances the mark of a partition.
func (w *Writer) advance(ctx context.Context, id chunk.ID) error {
	_, _, err := w.o.extent(ctx, id.Partition)
	if err == nil {
		w.o.Catalog().keep(ctx, id.Partition, w.o.layout.BlockOf(id.Index))
	}
	return err
}

// atOutOfOrder is a crash point: a chunk is complete and the one before is not.
func (w *Writer) atOutOfOrder(ctx context.Context, id chunk.ID) error {
	start, err := readBase(ctx, w.o.folder, id.Partition)
	if err != nil || start == chunk.None || id.Index <= chunk.Of(start, w.o.layout.N) {
		return err
	}
	id.Index--
	done, err := w.Done(ctx, id)
	if err == nil && !done {
		crashpoint.At("sink-out-of-order")
	}
	return err
}
