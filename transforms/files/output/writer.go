package output

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/crashpoint"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
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
	name, err := NameOf(id, w.o.layout.N)
	if err != nil {
		return false, err
	}
	t, err := w.o.look(ctx, name)
	return err == nil && t.states && t.committed(w.lineage(id)), err
}

func (w *Writer) lineage(id chunk.ID) string {
	return governing(w.o.gens, partitionKey(id.Topic, id.Partition), id.Index).lineage
}

// current is ErrSuperseded if a newer generation makes the chunk.
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
		if governing(newer, partitionKey(id.Topic, id.Partition), id.Index).generation == number {
			return fmt.Errorf("%v: generation %d is %w, %d", id, w.spec.Generation, ErrSuperseded, number)
		}
	}
}

// Commit publishes a chunk: states, then pictures (pics may be nil), then
// results, which are the commit: what lies there without them is replaced. rows are
// all of end.Offsets, ascending; states all of end.Owed, in that order. Of a chunk
// that is committed already, results and states must be equal, and its pictures stay
// as they are. After a failure Commit may be repeated.
func (w *Writer) Commit(ctx context.Context, end chunk.End, rows []result.Frame, states []State, pics Pictures) (Published, error) {
	name, err := NameOf(end.ID, w.o.layout.N)
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
	c, err := w.encode(name, end, rows, states, pics)
	if err != nil {
		return Published{}, err
	}
	for try := 1; ; try++ {
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
	if err := w.removePartials(ctx, name, name.End); err != nil {
		return Published{}, err
	}
	if (end.Index+1)%markEvery == 0 {
		if err := w.advance(ctx, end.ID); err != nil {
			return Published{}, err
		}
	}
	sum := sha256.Sum256(c.results)
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

// publishAttempts bounds how often a chunk's files are published anew because
// another writer put its own in between.
const publishAttempts = 8

// errDisturbed says that another writer did something in between.
var errDisturbed = errors.New("another job writes the same chunk, and not the same")

// there is what lies at the names of a chunk's files.
type there struct {
	results, states               bool
	resultsLineage, statesLineage string
	ofStates, statesDigest        string // named by the results, and the states' own; "": made by an older program
}

// look reads the metadata of a chunk's files.
func (o *Output) look(ctx context.Context, name Name) (there, error) {
	var t there
	meta, err := readMeta(ctx, o.folder, o.layout.results(name))
	switch {
	case err == nil:
		t.results, t.resultsLineage, t.ofStates = true, meta[lineageKey], meta[ofStatesKey]
	case !errors.Is(err, fs.ErrNotExist):
		return t, err
	}
	err = withStates(ctx, o.folder, o.layout.states(name), func(r *statesReader) error {
		t.states, t.statesLineage, t.statesDigest = true, r.lineage, r.digest
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return t, err
	}
	return t, nil
}

// committed reports whether the results are those of the lineage and belong to
// the states, if there are any. Of two jobs that got different states for one
// chunk, which ought not to be, the one may have replaced the other's states when
// that one's results came: such a chunk is not complete, and is made again.
func (t *there) committed(lineage string) bool {
	return t.results && t.resultsLineage == lineage &&
		(!t.states || t.ofStates == "" || t.statesLineage == lineage && t.statesDigest == t.ofStates)
}

// publishAll publishes what is not there. The results are the commit: beside them
// everything stays as it is, and before them everything may be replaced.
func (w *Writer) publishAll(ctx context.Context, name Name, c *publication) error {
	t, err := w.o.look(ctx, name)
	if err != nil {
		return err
	}
	w.at("sink-looked")
	if t.committed(c.lineage) {
		return w.compare(ctx, name, c)
	}
	if err := w.clear(ctx, name, c, t); err != nil {
		return err
	}
	replaced, err := w.putStates(ctx, name, c)
	if err == nil {
		err = w.putRest(ctx, name, c)
	}
	return errors.Join(err, w.settle(ctx, name, replaced))
}

// putRest publishes what comes after the states.
func (w *Writer) putRest(ctx context.Context, name Name, c *publication) error {
	w.at("sink-between-files")
	if c.pics != nil {
		if err := w.putPictures(ctx, name, c); err != nil {
			return err
		}
	}
	// Another job may have found no results and put its states here.
	if mine, err := w.hasStates(ctx, name, c); err != nil {
		return err
	} else if !mine {
		return fmt.Errorf("%s: %w", w.o.folder.Path(w.o.layout.states(name)), errDisturbed)
	}
	w.at("sink-states-seen")
	err := w.putNew(ctx, &c.end, w.o.layout.results(name), c.results)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w", w.o.folder.Path(w.o.layout.results(name)), errDisturbed)
	}
	if err != nil {
		return err
	}
	w.at("sink-committed")
	// It may also do so now, if it looked before.
	mine, err := w.hasStates(ctx, name, c)
	if err != nil || mine {
		return err
	}
	return w.o.folder.WriteAtomic(ctx, w.o.layout.states(name), c.states)
}

// compare makes sure that what is committed is what was to be committed. Pictures
// are left alone: they are a view, another job may be told to keep others, and the
// log may have lost frames since. States that are missing are written again.
func (w *Writer) compare(ctx context.Context, name Name, c *publication) error {
	file := w.o.layout.results(name)
	b, err := w.o.folder.Read(ctx, file)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", w.o.folder.Path(file), errDisturbed)
	}
	if err != nil {
		return err
	}
	if !bytes.Equal(b, c.results) {
		rows, _, err := result.ReadParquet(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return fmt.Errorf("read %s: %w", w.o.folder.Path(file), err)
		}
		if err := checkLost(w.o.folder.Path(file), rows, &c.end); err != nil {
			return err
		}
		// A program of another version may write the same rows in another way.
		mine, _, err := result.ReadParquet(bytes.NewReader(c.results), int64(len(c.results)))
		if err != nil {
			return err
		}
		if !sameRows(rows, mine) {
			return differs(w.o.folder.Path(file), b, c.results)
		}
	}
	file = w.o.layout.states(name)
	b, err = w.o.folder.Read(ctx, file)
	if errors.Is(err, fs.ErrNotExist) {
		return w.putMissingStates(ctx, name, c)
	}
	if err != nil {
		return err
	}
	if !bytes.Equal(b, c.states) {
		if same, err := sameStates(b, c.states); err != nil {
			return fmt.Errorf("read states %s: %w", w.o.folder.Path(file), err)
		} else if !same {
			return differs(w.o.folder.Path(file), b, c.states)
		}
	}
	return nil
}

func differs(path string, there, now []byte) error {
	return fmt.Errorf("%s: %w: SHA-256 there is %x, now it is %x", path, ErrPromiseBroken, sha256.Sum256(there), sha256.Sum256(now))
}

// putMissingStates writes the states of results that are committed.
func (w *Writer) putMissingStates(ctx context.Context, name Name, c *publication) error {
	meta, err := readMeta(ctx, w.o.folder, w.o.layout.results(name))
	if err != nil {
		return err
	}
	if of := meta[ofStatesKey]; of != "" && of != c.digest {
		return fmt.Errorf("%s: %w: it belongs to states %s, now they are %s", w.o.folder.Path(w.o.layout.results(name)), ErrPromiseBroken, of, c.digest)
	}
	err = w.putNew(ctx, &c.end, w.o.layout.states(name), c.states)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w", w.o.folder.Path(w.o.layout.states(name)), errDisturbed)
	}
	return err
}

func sameRows(a, b []result.Frame) bool {
	return slices.EqualFunc(a, b, func(a, b result.Frame) bool { return bytes.Equal(a.Marshal(), b.Marshal()) })
}

// putStates writes the states, in the place of those of a commit that did not come
// to its results, which are returned. What was taken to be such states is looked at
// again where nobody else can change it.
func (w *Writer) putStates(ctx context.Context, name Name, c *publication) (*store.Taken, error) {
	f, file := w.o.folder, w.o.layout.states(name)
	err := w.putNew(ctx, &c.end, file, c.states)
	if !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if mine, err := w.hasStates(ctx, name, c); err != nil || mine {
		return nil, err
	}
	disturbed := fmt.Errorf("%s: %w", f.Path(file), errDisturbed)
	taken, err := f.Take(ctx, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, disturbed
	}
	if err != nil {
		return nil, err
	}
	w.at("sink-taken")
	committed, err := f.Exists(ctx, w.o.layout.results(name))
	if err == nil {
		err = w.current(ctx, c.end.ID)
	}
	if err != nil || committed {
		return nil, errors.Join(cmp.Or(err, disturbed), putBack(ctx, taken, w.statesBelong(ctx, name)))
	}
	err = w.putNew(ctx, &c.end, file, c.states)
	if errors.Is(err, fs.ErrExist) {
		err = disturbed
	}
	return taken, err
}

// settle gives states that were replaced their name again if their job has committed
// meanwhile the results to which they belong. Else nobody needs them.
func (w *Writer) settle(ctx context.Context, name Name, old *store.Taken) error {
	if old == nil {
		return nil
	}
	is, err := w.statesBelong(ctx, name)(old.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return nil // restored by a job that has just started
	}
	if err != nil {
		return err
	}
	if is {
		return old.Replace(ctx)
	}
	return old.Discard(ctx)
}

// hasStates reports whether the states that are there are the ones to be committed.
func (w *Writer) hasStates(ctx context.Context, name Name, c *publication) (mine bool, err error) {
	err = withStates(ctx, w.o.folder, w.o.layout.states(name), func(r *statesReader) error {
		mine = r.lineage == c.lineage && r.digest == c.digest
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return mine, err
}

// putPictures writes the pictures, in the place of those of a commit that did not
// come to its results.
func (w *Writer) putPictures(ctx context.Context, name Name, c *publication) error {
	file := w.o.layout.images(name)
	n := 0
	return w.o.folder.Put(ctx, file, func(out io.Writer) (err error) {
		n, err = c.pics.Pack(ctx, out, c.end, c.rows)
		return err
	}, func(s *store.Staged, ctx context.Context) error {
		if n > 0 {
			crashpoint.At("sink-temp-closed")
		}
		if err := w.current(ctx, c.end.ID); err != nil {
			return err
		}
		if there, err := w.o.folder.Exists(ctx, w.o.layout.results(name)); err != nil || there {
			return errors.Join(err, s.Discard(ctx)) // another job has committed, with its own
		}
		if n > 0 {
			return s.Replace(ctx)
		}
		return errors.Join(s.Discard(ctx), w.o.folder.Remove(ctx, file))
	})
}

// putNew gives a file its name unless one is there: fs.ErrExist.
func (w *Writer) putNew(ctx context.Context, end *chunk.End, file string, b []byte) error {
	return w.o.folder.Put(ctx, file, store.WriteAll(b), func(s *store.Staged, ctx context.Context) error {
		crashpoint.At("sink-temp-closed")
		if err := w.current(ctx, end.ID); err != nil {
			return err
		}
		return s.PublishNew(ctx)
	})
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

// encodeResults encodes the results of a whole chunk with the digest of the states
// that belong to them, and of the beginning of one without.
func encodeResults(lineage, ofStates string, rows []result.Frame) ([]byte, error) {
	meta := map[string]string{lineageKey: lineage}
	if ofStates != "" {
		meta[ofStatesKey] = ofStates
	}
	var b bytes.Buffer
	err := result.WriteParquet(&b, rows, meta)
	return b.Bytes(), err
}

// publication is a chunk as it is to be published.
type publication struct {
	end             chunk.End
	lineage, digest string // digest: of the states
	rows            []result.Frame
	states, results []byte // the files
	pics            Pictures
}

func (w *Writer) encode(name Name, end chunk.End, rows []result.Frame, states []State, pics Pictures) (*publication, error) {
	c := &publication{end: end, lineage: w.lineage(end.ID), digest: statesDigest(&end, states), rows: rows, pics: pics}
	var err error
	if c.states, err = encodeStates(name, c.lineage, &end, states); err != nil {
		return nil, err
	}
	c.results, err = encodeResults(c.lineage, c.digest, rows)
	return c, err
}

// clear removes a chunk's files that do not count. The results go first and the
// states last: what is left after a crash is recognised by its states, for
// pictures carry no lineage.
func (w *Writer) clear(ctx context.Context, name Name, c *publication, t there) error {
	f, results, states, images := w.o.folder, w.o.layout.results(name), w.o.layout.states(name), w.o.layout.images(name)
	if t.results {
		rows, _, err := readResults(ctx, f, results)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := checkLost(f.Path(results), rows, &c.end); err != nil {
			return err
		}
		err = w.remove(ctx, c.end.ID, results, w.resultsBelong(ctx, c.end.ID, name), func(file string) (bool, error) {
			meta, err := readMeta(ctx, f, file)
			return meta[lineageKey] == t.resultsLineage && meta[ofStatesKey] == t.ofStates, err
		})
		if err != nil {
			return err
		}
	}
	if !t.states || t.statesLineage == c.lineage {
		return nil
	}
	never := func(string) (bool, error) { return false, nil }
	if err := w.remove(ctx, c.end.ID, images, never, func(string) (bool, error) { return true, nil }); err != nil {
		return err
	}
	return w.remove(ctx, c.end.ID, states, w.statesBelong(ctx, name), func(file string) (bool, error) {
		_, lineage, err := readEnd(ctx, f, file)
		return lineage == t.statesLineage, err
	})
}

// remove removes a file if it is the one that is meant. Between a look at it and its
// removal any time may pass, in which a newer generation may put its own there. So it
// is taken from its name first, and looked at then: who comes later does not see
// it any more, and whoever came before is known now, and gets it back.
func (w *Writer) remove(ctx context.Context, id chunk.ID, file string, belongs, meant func(file string) (bool, error)) error {
	w.at("sink-remove")
	taken, err := w.o.folder.Take(ctx, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	w.at("sink-taken")
	is, err := meant(taken.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", w.o.folder.Path(file), errDisturbed) // restored by a job that has just started
	}
	if err == nil {
		err = w.current(ctx, id)
	}
	if err == nil && !is {
		err = fmt.Errorf("%s: %w", w.o.folder.Path(file), errDisturbed)
	}
	if err != nil {
		return errors.Join(err, putBack(ctx, taken, belongs))
	}
	return taken.Discard(ctx)
}

// putBack gives a file back that should not have been taken. If there is another by
// now, it stays unless belongs says that the one that was taken must be there.
func putBack(ctx context.Context, taken *store.Taken, belongs func(taken string) (bool, error)) error {
	err := taken.PutBack(ctx)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	is, err := belongs(taken.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if is {
		return taken.Replace(ctx)
	}
	return taken.Discard(ctx)
}

// resultsBelong reports whether the newest generation counts results that were
// taken, and not those that are there.
func (w *Writer) resultsBelong(ctx context.Context, id chunk.ID, name Name) func(string) (bool, error) {
	return func(taken string) (bool, error) {
		gens, err := readGenerations(ctx, w.o.folder, 0)
		if err != nil {
			return false, err
		}
		want := governing(gens, partitionKey(id.Topic, id.Partition), id.Index).lineage
		had, err := readLineage(ctx, w.o.folder, taken)
		if err != nil || had != want {
			return false, err
		}
		now, err := readLineage(ctx, w.o.folder, w.o.layout.results(name))
		return now != want, err
	}
}

// statesBelong reports whether the results that are there belong to states that
// were taken.
func (w *Writer) statesBelong(ctx context.Context, name Name) func(string) (bool, error) {
	return func(taken string) (is bool, err error) {
		meta, err := readMeta(ctx, w.o.folder, w.o.layout.results(name))
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		err = withStates(ctx, w.o.folder, taken, func(r *statesReader) error {
			is = r.lineage == meta[lineageKey] && r.digest == meta[ofStatesKey]
			return nil
		})
		return is, err
	}
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

// CommitPartial publishes the beginning of a chunk, up to end.UpTo, for readers
// that do not want to wait until the log has filled it. It replaces shorter
// partial files, and does nothing if a longer one or the whole chunk is there. pics,
// which may be nil, makes its pictures.
func (w *Writer) CommitPartial(ctx context.Context, end chunk.End, rows []result.Frame, pics Pictures) (Published, error) {
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
	if gov := governing(w.o.gens, partitionKey(end.Topic, end.Partition), end.Index); gov.from == end.Index && end.UpTo <= gov.at {
		return Published{}, nil // all of it is frozen, and shown
	}
	rows, err = w.o.withHead(ctx, end.ID, rows)
	if err == nil {
		err = w.check(&end, rows, nil)
	}
	if err != nil {
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
	lineage, again := w.lineage(end.ID), false
	for _, p := range partials {
		if p.End < name.End {
			break
		}
		if had, err := readLineage(ctx, w.o.folder, w.o.layout.partial(p)); errors.Is(err, fs.ErrNotExist) {
			continue // another job on this output has just removed it
		} else if err != nil {
			return fail(err)
		} else if had == lineage && p.End > name.End {
			return Published{}, nil
		} else if had == lineage {
			again = true
		}
	}
	b, err := encodeResults(lineage, "", rows)
	if err != nil {
		return fail(err)
	}
	// The pictures come first: a job that sees the rows may take its work for done.
	for try := 1; ; try++ {
		n := 0
		if pics != nil {
			if n, err = w.partialPictures(ctx, name, end, rows, pics, again); err != nil {
				return fail(err)
			}
		}
		w.at("sink-between-partials")
		err = w.o.folder.Put(ctx, w.o.layout.partial(name), store.WriteAll(b), func(s *store.Staged, ctx context.Context) error {
			if err := w.current(ctx, end.ID); err != nil {
				return err
			}
			return s.Replace(ctx)
		})
		if err != nil {
			return fail(err)
		}
		if n == 0 || try == publishAttempts {
			break
		}
		// Until there were rows, a job that has just started took the pictures for left over.
		if there, err := w.o.folder.Exists(ctx, w.o.layout.partialImages(name)); err != nil {
			return fail(err)
		} else if there {
			break
		}
	}
	if err := w.removePartials(ctx, whole, name.End-1); err != nil {
		return fail(err)
	}
	sum := sha256.Sum256(b)
	return Published{w.o.layout.partial(name), len(rows), hex.EncodeToString(sum[:])}, nil
}

// partialPictures publishes the pictures of the beginning of a chunk and returns how
// many there are. Those that are there stay if its rows are there too.
func (w *Writer) partialPictures(ctx context.Context, name Name, end chunk.End, rows []result.Frame, pics Pictures, again bool) (n int, err error) {
	file := w.o.layout.partialImages(name)
	if again {
		if there, err := w.o.folder.Exists(ctx, file); err != nil || there {
			return 0, err
		}
	}
	err = w.o.folder.Put(ctx, file, func(out io.Writer) (err error) {
		n, err = pics.Pack(ctx, out, end, rows)
		return err
	}, func(s *store.Staged, ctx context.Context) error {
		if err := w.current(ctx, end.ID); err != nil {
			return err
		}
		if n > 0 {
			return s.Replace(ctx)
		}
		return errors.Join(s.Discard(ctx), w.o.folder.Remove(ctx, file))
	})
	return n, err
}

// partials lists the chunk's partial files, the longest first.
func (w *Writer) partials(ctx context.Context, whole Name) ([]Name, error) {
	all, err := listPartials(ctx, w.o.folder, w.o.layout, whole.Topic, whole.Partition)
	return slices.DeleteFunc(all, func(n Name) bool { return n.Start != whole.Start }), err
}

// removePartials removes the chunk's partial files that end at last or before.
func (w *Writer) removePartials(ctx context.Context, whole Name, last int64) error {
	names, err := w.partials(ctx, whole)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		// A newer generation may have published its own under the same name.
		if err := w.current(ctx, chunk.ID{Topic: whole.Topic, Partition: whole.Partition, Index: chunk.Of(whole.Start, w.o.layout.N)}); err != nil {
			return err
		}
	}
	for _, n := range names {
		if n.End <= last {
			if err := errors.Join(w.o.folder.Remove(ctx, w.o.layout.partialImages(n)), w.o.folder.Remove(ctx, w.o.layout.partial(n))); err != nil {
				return err
			}
		}
	}
	return nil
}
