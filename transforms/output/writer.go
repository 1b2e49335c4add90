package output

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/crashpoint"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/store"
)

// Pictures makes the file of a chunk's pictures. Equal arguments must give
// equal bytes. It may be called again for the same chunk.
type Pictures interface {
	// Pack writes the pictures of the chunk to w as one zip file and returns
	// how many there are. If there are none, no file is kept.
	Pack(ctx context.Context, w io.Writer, end chunk.End, rows []result.Frame) (n int, err error)
}

// Published says what was published.
type Published struct {
	Name   string // of the results file, relative to the output folder
	Rows   int
	Digest string // SHA-256 of the results file, hex
}

// Writer publishes chunks in one generation of an output. It is safe for
// concurrent use.
type Writer struct {
	o    *Output // as it was when the generation began
	spec Spec
}

// OpenWriter opens the output that spec names, in a worker.
func OpenWriter(ctx context.Context, spec Spec) (*Writer, error) {
	o, err := openSpec(ctx, spec)
	if err != nil {
		return nil, err
	}
	return &Writer{o, spec}, nil
}

// Done reports whether the chunk is complete in the output: what still comes
// for it repeats what is there.
func (w *Writer) Done(ctx context.Context, id chunk.ID) (bool, error) {
	name, err := NameOf(id, w.o.layout.N)
	if err != nil {
		return false, err
	}
	lineage, err := readLineage(ctx, w.o.folder, w.o.layout.results(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if lineage != w.lineage(id) {
		return false, nil
	}
	return w.o.folder.Exists(ctx, w.o.layout.states(name))
}

func (w *Writer) lineage(id chunk.ID) string {
	return governing(w.o.gens, partitionKey(id.Topic, id.Partition), id.Index).lineage
}

// current is ErrSuperseded if a newer generation makes the chunk.
func (w *Writer) current(ctx context.Context, id chunk.ID) error {
	newer := w.o.gens
	for number := w.spec.Generation + 1; ; number++ {
		var g Generation
		err := w.o.folder.ReadJSON(ctx, generationFile(number), journalFormat, &g)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		newer = append(slices.Clone(newer), g)
		if governing(newer, partitionKey(id.Topic, id.Partition), id.Index).generation == number {
			return fmt.Errorf("%v: generation %d is %w, %d", id, w.spec.Generation, ErrSuperseded, number)
		}
	}
}

// Commit publishes a chunk: states, then pictures (pics may be nil), then
// results. rows are all of end.Offsets, ascending; states all of end.Owed, in
// that order. Files that are there already are left if they are equal; after a
// failure Commit may be repeated.
func (w *Writer) Commit(ctx context.Context, end chunk.End, rows []result.Frame, states []State, pics Pictures) (Published, error) {
	name, err := NameOf(end.ID, w.o.layout.N)
	if err != nil {
		return Published{}, err
	}
	if err := w.check(&end, rows, states); err != nil {
		return Published{}, fmt.Errorf("commit %v: %w", end.ID, err)
	}
	crashpoint.At("sink-claim")
	p, err := w.commit(ctx, name, end, rows, states, pics)
	if err != nil {
		return Published{}, fmt.Errorf("commit %v: %w", end.ID, err)
	}
	return p, nil
}

func (w *Writer) check(end *chunk.End, rows []result.Frame, states []State) error {
	if end.N != w.o.layout.N {
		return fmt.Errorf("the chunk's end has %d offsets per chunk: %w: %d", end.N, ErrOtherLayout, w.o.layout.N)
	}
	var have chunk.Offsets
	for i := range rows {
		r := &rows[i]
		if r.Topic != end.Topic || r.Partition != end.Partition || i > 0 && r.Offset <= rows[i-1].Offset {
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

func (w *Writer) commit(ctx context.Context, name Name, end chunk.End, rows []result.Frame, states []State, pics Pictures) (Published, error) {
	if end.Partial {
		return Published{}, errors.New("the chunk's end is partial")
	}
	lineage := w.lineage(end.ID)
	sb, err := encodeStates(name, lineage, &end, states)
	if err != nil {
		return Published{}, err
	}
	rb, err := encodeResults(lineage, rows)
	if err != nil {
		return Published{}, err
	}
	for try := 1; ; try++ {
		err := w.publishAll(ctx, name, end, lineage, sb, rb, rows, pics)
		if err == nil {
			break
		}
		if !errors.Is(err, errOtherLineage) || try == publishAttempts {
			return Published{}, err
		}
	}
	crashpoint.At("sink-renamed")
	if crashpoint.Enabled {
		if err := w.atOutOfOrder(ctx, end.ID); err != nil {
			return Published{}, err
		}
	}
	if err := w.removePartials(ctx, name, name.End); err != nil {
		return Published{}, err
	}
	if (end.Index+1)%markEvery == 0 {
		if err := w.advance(ctx, end.ID); err != nil {
			return Published{}, err
		}
	}
	sum := sha256.Sum256(rb)
	return Published{w.o.layout.results(name), len(rows), hex.EncodeToString(sum[:])}, nil
}

// markEvery is after how many chunks of a partition a writer advances its mark,
// so that the next start finds little that was not verified. It costs some two
// listings and the metadata of as many files.
const markEvery = 256

// advance advances the mark of a partition.
func (w *Writer) advance(ctx context.Context, id chunk.ID) error {
	start, err := readBase(ctx, w.o.folder, id.Topic, id.Partition)
	if err != nil || start == chunk.None {
		return err
	}
	_, err = w.o.contiguous(ctx, id.Topic, id.Partition, start)
	return err
}

// publishAttempts bounds how often a chunk's files are published anew because a
// superseded writer, which had just checked, put its own in between.
const publishAttempts = 3

var errOtherLineage = errors.New("a file of another lineage appeared")

func (w *Writer) publishAll(ctx context.Context, name Name, end chunk.End, lineage string, states, results []byte, rows []result.Frame, pics Pictures) error {
	if err := w.clear(ctx, name, &end, lineage); err != nil {
		return err
	}
	statesLineage := func() (string, error) {
		_, lineage, err := readEnd(ctx, w.o.folder, w.o.layout.states(name))
		return lineage, err
	}
	if err := w.publish(ctx, &end, w.o.layout.states(name), lineage, statesLineage, writeBytes(states)); err != nil {
		return err
	}
	crashpoint.At("sink-between-files")
	if pics != nil {
		pack := func(out io.Writer) (bool, error) {
			n, err := pics.Pack(ctx, out, end, rows)
			return n > 0, err
		}
		// Pictures have the lineage of the states beside them.
		err := w.publish(ctx, &end, w.o.layout.images(name), lineage, statesLineage, pack)
		if errors.Is(err, ErrPromiseBroken) {
			err = w.replaceImages(ctx, name, &end, lineage, statesLineage, pack, err)
		}
		if err != nil {
			return err
		}
	}
	return w.publish(ctx, &end, w.o.layout.results(name), lineage, func() (string, error) {
		return readLineage(ctx, w.o.folder, w.o.layout.results(name))
	}, writeBytes(results))
}

// replaceImages replaces pictures that a commit left which did not come to its
// results: a job may be started again with other pictures, which are a view and
// no part of the configuration. Beside results, other pictures are the error broken.
func (w *Writer) replaceImages(ctx context.Context, name Name, end *chunk.End, lineage string, had func() (string, error),
	pack func(io.Writer) (bool, error), broken error) error {
	if there, err := w.o.folder.Exists(ctx, w.o.layout.results(name)); err != nil {
		return err
	} else if there {
		return broken
	}
	if err := w.current(ctx, end.ID); err != nil {
		return err
	}
	if err := w.o.folder.Remove(ctx, w.o.layout.images(name)); err != nil {
		return err
	}
	return w.publish(ctx, end, w.o.layout.images(name), lineage, had, pack)
}

// atOutOfOrder is a crash point: a chunk is complete and the one before is not.
func (w *Writer) atOutOfOrder(ctx context.Context, id chunk.ID) error {
	start, err := readBase(ctx, w.o.folder, id.Topic, id.Partition)
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

func encodeResults(lineage string, rows []result.Frame) ([]byte, error) {
	var b bytes.Buffer
	err := result.WriteParquet(&b, rows, map[string]string{lineageKey: lineage})
	return b.Bytes(), err
}

func writeBytes(b []byte) func(io.Writer) (bool, error) {
	return func(w io.Writer) (bool, error) {
		_, err := w.Write(b)
		return true, err
	}
}

// clear removes a chunk's files of another lineage. The results go first and
// the states last: what is left after a crash is recognised by its states, for
// pictures carry no lineage.
func (w *Writer) clear(ctx context.Context, name Name, end *chunk.End, lineage string) error {
	f := w.o.folder
	rows, had, err := readResults(ctx, f, w.o.layout.results(name))
	staleResults := err == nil && had != lineage
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil {
		if err := checkLost(f.Path(w.o.layout.results(name)), rows, end); err != nil {
			return err
		}
	}
	_, had, err = readEnd(ctx, f, w.o.layout.states(name))
	staleStates := err == nil && had != lineage
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !staleResults && !staleStates {
		return nil
	}
	// Only files of older generations may go. Had a newer one written them, it
	// would be seen here.
	if err := w.current(ctx, end.ID); err != nil {
		return err
	}
	if staleResults {
		if err := f.Remove(ctx, w.o.layout.results(name)); err != nil {
			return err
		}
	}
	if staleStates {
		if err := f.Remove(ctx, w.o.layout.images(name)); err != nil {
			return err
		}
		return f.Remove(ctx, w.o.layout.states(name))
	}
	return nil
}

func checkLost(path string, rows []result.Frame, end *chunk.End) error {
	var lost chunk.Offsets
	for i := range rows {
		if !end.Offsets.Contains(rows[i].Offset) {
			lost.Add(rows[i].Offset)
		}
	}
	if len(lost) > 0 {
		return fmt.Errorf("%s: %w: offsets %v", path, ErrRowsLost, lost)
	}
	return nil
}

// publish gives a file its name if none is there, and else compares. had tells
// the lineage of the one that is there; keep is false if there turns out to be
// nothing to publish.
func (w *Writer) publish(ctx context.Context, end *chunk.End, file, lineage string, had func() (string, error), write func(io.Writer) (keep bool, err error)) error {
	var sum [sha256.Size]byte
	var keep bool
	err := w.o.folder.Put(ctx, file, func(out io.Writer) (err error) {
		h := sha256.New()
		if keep, err = write(io.MultiWriter(out, h)); err == nil {
			h.Sum(sum[:0])
		}
		return err
	}, func(s *store.Staged, ctx context.Context) error {
		if !keep {
			return s.Discard(ctx)
		}
		crashpoint.At("sink-temp-closed")
		if err := w.current(ctx, end.ID); err != nil {
			return err
		}
		return s.PublishNew(ctx)
	})
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	there, err := w.digest(ctx, file)
	if err != nil {
		return err
	}
	if there != sum {
		if l, err := had(); err != nil {
			return err
		} else if l != lineage {
			return fmt.Errorf("%s: %w: %s", w.o.folder.Path(file), errOtherLineage, l)
		}
		return fmt.Errorf("%s: %w: SHA-256 there is %x, now it is %x", w.o.folder.Path(file), ErrPromiseBroken, there, sum)
	}
	return nil
}

func (w *Writer) digest(ctx context.Context, file string) (sum [sha256.Size]byte, err error) {
	r, err := w.o.folder.OpenRead(ctx, file)
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return sum, fmt.Errorf("read %s: %w", w.o.folder.Path(file), err)
	}
	h.Sum(sum[:0])
	return sum, nil
}

// CommitPartial publishes the beginning of a chunk, up to end.UpTo, for readers
// that do not want to wait until the log has filled it. It replaces shorter
// partial files, and does nothing if a longer one or the whole chunk is there.
func (w *Writer) CommitPartial(ctx context.Context, end chunk.End, rows []result.Frame) (Published, error) {
	fail := func(err error) (Published, error) {
		return Published{}, fmt.Errorf("commit partial %v up to offset %d: %w", end.ID, end.UpTo, err)
	}
	whole, err := NameOf(end.ID, w.o.layout.N)
	if err != nil {
		return fail(err)
	}
	if !end.Partial || end.UpTo <= whole.Start || end.UpTo > whole.End {
		return fail(fmt.Errorf("not a part of offsets %d to %d", whole.Start, whole.End))
	}
	if err := w.check(&end, rows, nil); err != nil {
		return fail(err)
	}
	done, err := w.Done(ctx, end.ID)
	if err != nil {
		return fail(err)
	}
	if done {
		return Published{}, w.removePartials(ctx, whole, whole.End)
	}
	name := whole
	name.End = end.UpTo - 1
	partials, err := w.partials(ctx, whole)
	if err != nil {
		return fail(err)
	}
	lineage := w.lineage(end.ID)
	for _, p := range partials {
		if p.End <= name.End {
			break
		}
		if had, err := readLineage(ctx, w.o.folder, p.partial()); errors.Is(err, fs.ErrNotExist) {
			continue // another job on this output has just removed it
		} else if err != nil {
			return fail(err)
		} else if had == lineage {
			return Published{}, nil
		}
	}
	b, err := encodeResults(lineage, rows)
	if err != nil {
		return fail(err)
	}
	err = w.o.folder.Put(ctx, name.partial(), store.WriteAll(b), func(s *store.Staged, ctx context.Context) error {
		if err := w.current(ctx, end.ID); err != nil {
			return err
		}
		return s.Replace(ctx)
	})
	if err != nil {
		return fail(err)
	}
	if err := w.removePartials(ctx, whole, name.End-1); err != nil {
		return fail(err)
	}
	sum := sha256.Sum256(b)
	return Published{name.partial(), len(rows), hex.EncodeToString(sum[:])}, nil
}

// partials lists the chunk's partial files, the longest first.
func (w *Writer) partials(ctx context.Context, whole Name) ([]Name, error) {
	all, err := listPartials(ctx, w.o.folder, whole.Topic, whole.Partition)
	return slices.DeleteFunc(all, func(n Name) bool { return n.Start != whole.Start }), err
}

// removePartials removes the chunk's partial files that end at last or before.
func (w *Writer) removePartials(ctx context.Context, whole Name, last int64) error {
	names, err := w.partials(ctx, whole)
	if err != nil {
		return err
	}
	for _, n := range names {
		if n.End <= last {
			if err := w.o.folder.Remove(ctx, n.partial()); err != nil {
				return err
			}
		}
	}
	return nil
}
