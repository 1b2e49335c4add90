package graph

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/framebeam/framebeam/transforms/files/store"
)

func init() {
	beam.RegisterFunction(ofPart)
}

// Run runs a pipeline on an engine until it has ended.
type Run func(ctx context.Context, p *beam.Pipeline) error

// worker is what the DoFns share that read or write the work folder.
type worker struct {
	Config Config
	folder *store.Folder
}

// Setup opens the work folder.
func (fn *worker) Setup(ctx context.Context) (err error) {
	fn.folder, err = store.Open(ctx, fn.Config.Work)
	return err
}

// step is the state of a computation after so many supersteps: a file for each part.
type step struct {
	name string // of the computation, and of its folders
	n    int
}

func (s step) dir() string { return fmt.Sprintf("%s+%04d", s.name, s.n) }

// stateVersion is the first byte of a state's file. A number follows, eight bytes, high
// byte first: how much still changed in the part, for whoever decides whether to go on.
const stateVersion = 1

func marshalState(changed uint64, state []byte) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{stateVersion}, changed), state...)
}

const stateHead = 1 + 8

func unmarshalState(b []byte) (changed uint64, state []byte, err error) {
	if len(b) < stateHead || b[0] != stateVersion {
		return 0, nil, errors.New("no state of version 1")
	}
	return binary.BigEndian.Uint64(b[1:]), b[stateHead:], nil
}

// read reads the state of a part.
func (s step) read(ctx context.Context, folder *store.Folder, part int64) (changed uint64, state []byte, err error) {
	name := partFile(s.dir(), part)
	b, err := folder.Read(ctx, name)
	if err != nil {
		return 0, nil, err
	}
	if changed, state, err = unmarshalState(b); err != nil {
		return 0, nil, fmt.Errorf("read %s: %w", folder.Path(name), err)
	}
	return changed, state, nil
}

func (s step) write(ctx context.Context, folder *store.Folder, part int64, changed uint64, state []byte) error {
	return folder.WriteAtomic(ctx, partFile(s.dir(), part), marshalState(changed, state))
}

// changed is the sum over all parts; the error is fs.ErrNotExist if one is not there.
func (s step) changed(ctx context.Context, folder *store.Folder, parts int) (sum uint64, err error) {
	for p := range parts {
		n, err := s.changedIn(ctx, folder, int64(p))
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

func (s step) changedIn(ctx context.Context, folder *store.Folder, part int64) (n uint64, err error) {
	name := partFile(s.dir(), part)
	f, err := folder.OpenRead(ctx, name)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	head := make([]byte, stateHead)
	if _, err := io.ReadFull(f, head); err != nil {
		return 0, fmt.Errorf("read %s: %w", folder.Path(name), err)
	}
	if n, _, err = unmarshalState(head); err != nil {
		return 0, fmt.Errorf("read %s: %w", folder.Path(name), err)
	}
	return n, nil
}

// steps lists the states of a computation that are there, in whole or in part, ascending.
func steps(ctx context.Context, folder *store.Folder, name string) ([]step, error) {
	dirs, err := folder.Folders(ctx, "")
	if err != nil {
		return nil, err
	}
	var found []step
	for _, d := range dirs {
		text, ok := strings.CutPrefix(d, name+"+")
		if n, err := strconv.Atoi(text); ok && err == nil && n >= 0 {
			found = append(found, step{name, n})
		}
	}
	return found, nil
}

// latest is the last state that is whole, and how much changed in its last superstep. With
// none it is superstep 0, which is the graph itself.
func latest(ctx context.Context, folder *store.Folder, name string, parts int) (step, uint64, error) {
	there, err := steps(ctx, folder, name)
	if err != nil {
		return step{}, 0, err
	}
	for _, s := range slices.Backward(there) {
		n, err := s.changed(ctx, folder, parts)
		if err == nil {
			return s, n, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return step{}, 0, err
		}
	}
	return step{name, 0}, 0, nil
}

// forget removes the states before one.
func (s step) forget(ctx context.Context, folder *store.Folder) error {
	there, err := steps(ctx, folder, s.name)
	if err != nil {
		return err
	}
	for _, old := range there {
		if old.n >= s.n {
			continue
		}
		names, err := folder.List(ctx, old.dir()+"/*")
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := folder.Remove(ctx, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// reach runs the pipeline that ends in a state, and forgets those before. It returns how much
// changed in the last superstep.
func (s step) reach(ctx context.Context, run Run, p *beam.Pipeline, folder *store.Folder, parts int) (changed uint64, err error) {
	if err := run(ctx, p); err != nil {
		return 0, err
	}
	if changed, err = s.changed(ctx, folder, parts); err != nil {
		return 0, err
	}
	return changed, s.forget(ctx, folder)
}

// Computed is what is known of the graph in a work folder: to find out reads something of all
// parts, so it is done once for all.
type Computed struct {
	folder            *store.Folder
	components, ranks step // superstep 0: not known yet
}

// Computed looks up what [Components] and [PageRank] have left.
func (c Config) Computed(ctx context.Context) (Computed, error) {
	folder, err := store.Open(ctx, c.Work)
	if err != nil {
		return Computed{}, err
	}
	components, changed, err := latest(ctx, folder, componentsName, c.Parts)
	if err != nil {
		return Computed{}, err
	}
	if changed > 0 {
		components = step{}
	}
	ranks, _, err := latest(ctx, folder, rankName, c.Parts)
	return Computed{folder, components, ranks}, err
}

// ofPart is the key of a part, and nothing.
func ofPart(part int64) (int64, []byte) { return part, nil }

// each is a PCollection of every part, spread over the workers, with nothing.
func (c Config) each(s beam.Scope) beam.PCollection {
	parts := make([]int64, c.Parts)
	for i := range parts {
		parts[i] = int64(i)
	}
	return beam.GroupByKey(s, beam.ParDo(s, ofPart, beam.CreateList(s, parts)))
}
