package output

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/crashpoint"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

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
func (o *Output) look(ctx context.Context, name chunkfolder.Name) (there, error) {
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
func (w *Writer) publishAll(ctx context.Context, name chunkfolder.Name, c *publication) error {
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
func (w *Writer) putRest(ctx context.Context, name chunkfolder.Name, c *publication) error {
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
func (w *Writer) compare(ctx context.Context, name chunkfolder.Name, c *publication) error {
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
func (w *Writer) putMissingStates(ctx context.Context, name chunkfolder.Name, c *publication) error {
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
func (w *Writer) putStates(ctx context.Context, name chunkfolder.Name, c *publication) (*store.Taken, error) {
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
func (w *Writer) settle(ctx context.Context, name chunkfolder.Name, old *store.Taken) error {
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
func (w *Writer) hasStates(ctx context.Context, name chunkfolder.Name, c *publication) (mine bool, err error) {
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
func (w *Writer) putPictures(ctx context.Context, name chunkfolder.Name, c *publication) error {
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

func (w *Writer) encode(name chunkfolder.Name, end chunk.End, rows []result.Frame, states []element.State, pics Pictures) (*publication, error) {
	c := &publication{end: end, lineage: w.lineage(end.ID), digest: statesDigest(&end, states), rows: rows, pics: pics}
	var err error
	if c.states, err = encodeStates(name, c.lineage, &end, states); err != nil {
		return nil, err
	}
	c.results, err = encodeResults(c.lineage, c.digest, rows)
	return c, err
}
