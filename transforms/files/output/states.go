package output

import (
	"bytes"
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"

	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// StatesVersion is the version of the states files: Avro object containers with
// one record per camera, sorted by camera, and before them one record of the
// camera "" that holds the chunk's end (chunk.End.Marshal) and its position. A
// file of another version is refused.
const StatesVersion = 1

const (
	formatKey   = "framebeam.format"
	lineageKey  = "framebeam.lineage"
	digestKey   = "framebeam.digest" // of states: statesDigest
	ofStatesKey = "framebeam.states" // of results: the digest of the states that belong to them
)

// statesDigest tells states from others of the same chunk without reading them all.
func statesDigest(end *chunk.End, states []element.State) string {
	h := sha256.New()
	write := func(b []byte) { fmt.Fprintf(h, "%d:", len(b)); h.Write(b) }
	write(end.Marshal())
	for i := range states {
		write([]byte(states[i].Camera))
		write(states[i].Bytes)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// sameStates reports whether two files hold the same states, however they are written.
func sameStates(a, b []byte) (bool, error) {
	var digests [2]string
	for i, file := range [][]byte{a, b} {
		r, err := newStatesReader(bytes.NewReader(file))
		if err != nil {
			return false, err
		}
		var states []element.State
		for {
			var st element.State
			if st, err = r.next(); err != nil {
				break
			}
			states = append(states, st)
		}
		if !errors.Is(err, io.EOF) {
			return false, errors.Join(err, r.r.Close())
		}
		digests[i] = r.lineage + statesDigest(&r.end, states)
		if err := r.r.Close(); err != nil {
			return false, err
		}
	}
	return digests[0] == digests[1], nil
}

var statesSchema = avro.MustParse(`{"type":"record","name":"State","namespace":"framebeam","fields":[` +
	`{"name":"camera","type":"string"},{"name":"position","type":"long"},{"name":"state","type":"bytes"}]}`)

// statesBlock is about how many bytes lie between two sync markers. A single
// record may be larger.
const statesBlock = 1 << 20

// maxStatesBlock bounds what is read at once.
const maxStatesBlock = 256 << 20

// encodeStates gives equal bytes for equal arguments: the marker between blocks
// is derived from the name.
func encodeStates(name chunkfolder.Name, lineage string, end *chunk.End, states []element.State) ([]byte, error) {
	return encodeStatesWith(name, lineage, statesDigest(end, states), end, states)
}

// encodeStatesWith leaves an empty digest out, as older programs did.
func encodeStatesWith(name chunkfolder.Name, lineage, digest string, end *chunk.End, states []element.State) ([]byte, error) {
	var b bytes.Buffer
	sum := sha256.Sum256([]byte("framebeam states " + name.String()))
	opts := []ocf.WriterOpt{
		// One option per key: the library writes the keys of one option in
		// the order of a map.
		ocf.WithMetadata(map[string][]byte{formatKey: []byte(strconv.Itoa(StatesVersion))}),
		ocf.WithMetadata(map[string][]byte{lineageKey: []byte(lineage)}),
		ocf.WithSyncMarker([16]byte(sum[:16])),
		ocf.WithBlockBytes(statesBlock),
	}
	if digest != "" {
		opts = append(opts, ocf.WithMetadata(map[string][]byte{digestKey: []byte(digest)}))
	}
	w, err := ocf.NewWriter(&b, statesSchema, opts...)
	if err != nil {
		return nil, fmt.Errorf("encode states %v: %w", name, err)
	}
	first := element.State{Position: chunk.EndPosition(end.Index, end.N), Bytes: end.Marshal()}
	err = w.Encode(&first)
	for i := range states {
		err = errors.Join(err, w.Encode(&states[i]))
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("encode states %v: %w", name, err)
	}
	return b.Bytes(), nil
}

// statesReader reads one states file from its beginning.
type statesReader struct {
	r       *ocf.Reader
	lineage string
	digest  string // "": made by an older program
	end     chunk.End
}

func newStatesReader(r io.Reader) (*statesReader, error) {
	or, err := ocf.NewReader(r, ocf.WithMaxBlockBytes(maxStatesBlock), ocf.WithMaxDecompressedBlockBytes(maxStatesBlock))
	if err != nil {
		return nil, err
	}
	meta := or.Metadata()
	if v := string(meta[formatKey]); v != strconv.Itoa(StatesVersion) {
		return nil, errors.Join(fmt.Errorf("format %q is not known here (only %d)", v, StatesVersion), or.Close())
	}
	var first element.State
	if err := or.Decode(&first); err != nil {
		return nil, errors.Join(fmt.Errorf("read the chunk's end: %w", noEOF(err)), or.Close())
	}
	if first.Camera != "" {
		return nil, errors.Join(errors.New("the first record is not the chunk's end"), or.Close())
	}
	end, err := chunk.UnmarshalEnd(first.Bytes)
	if err != nil {
		return nil, errors.Join(err, or.Close())
	}
	return &statesReader{or, string(meta[lineageKey]), string(meta[digestKey]), end}, nil
}

// next returns io.EOF after the last state.
func (s *statesReader) next() (element.State, error) {
	var st element.State
	err := s.r.Decode(&st)
	return st, err
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readEnd reads the chunk's end and the lineage from a states file.
func readEnd(ctx context.Context, f *store.Folder, file string) (end chunk.End, lineage string, err error) {
	err = withStates(ctx, f, file, func(r *statesReader) error {
		end, lineage = r.end, r.lineage
		return nil
	})
	return end, lineage, err
}

func withStates(ctx context.Context, f *store.Folder, file string, use func(*statesReader) error) (err error) {
	rc, err := f.OpenRead(ctx, file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	r, err := newStatesReader(rc)
	if err != nil {
		return fmt.Errorf("read states %s: %w", f.Path(file), err)
	}
	defer func() { err = errors.Join(err, r.r.Close()) }()
	if err := use(r); err != nil {
		return fmt.Errorf("read states %s: %w", f.Path(file), err)
	}
	return nil
}

// statesCached is how many files' states [States] keeps: the cameras of a
// partition restart from a few chunks, one after another.
const statesCached = 4

// States reads the saved states of an output. It is safe for concurrent use.
type States struct {
	o *Output // as it was when the generation began

	mu    sync.Mutex
	files map[string]*list.Element
	order *list.List // of *loadedStates, most recently used first
}

type loadedStates struct {
	file   string
	states map[string]element.State
}

// OpenStates opens the states of the output that spec names, in a worker.
func OpenStates(ctx context.Context, spec Spec) (*States, error) {
	o, err := openSpec(ctx, spec)
	if err != nil {
		return nil, err
	}
	return &States{o: o, files: map[string]*list.Element{}, order: list.New()}, nil
}

// Load returns the state of a camera at the end of a chunk and its position. ok
// is false if the chunk's states have none of that camera. A states file that is
// missing or of another lineage is an error.
func (s *States) Load(ctx context.Context, p chunk.Partition, index int64, camera string) (state []byte, position int64, ok bool, err error) {
	name, err := chunkfolder.NameOf(chunk.ID{Partition: p, Index: index}, s.o.layout.N)
	if err != nil {
		return nil, 0, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	file := s.o.layout.states(name)
	el, ok := s.files[file]
	if !ok {
		want := governing(s.o.gens, p.Key(), index).lineage
		states, err := readStates(ctx, s.o.folder, file, want)
		if err != nil {
			return nil, 0, false, err
		}
		el = s.order.PushFront(&loadedStates{file, states})
		s.files[file] = el
		if s.order.Len() > statesCached {
			last := s.order.Back()
			s.order.Remove(last)
			delete(s.files, last.Value.(*loadedStates).file)
		}
	}
	s.order.MoveToFront(el)
	st, ok := el.Value.(*loadedStates).states[camera]
	return st.Bytes, st.Position, ok, nil
}

func readStates(ctx context.Context, f *store.Folder, file, lineage string) (map[string]element.State, error) {
	states := map[string]element.State{}
	err := withStates(ctx, f, file, func(r *statesReader) error {
		if r.lineage != lineage {
			return fmt.Errorf("it has lineage %s, not %s", r.lineage, lineage)
		}
		for {
			st, err := r.next()
			if errors.Is(err, io.EOF) {
				// A file cut between two blocks reads well.
				if len(states) != len(r.end.Owed) {
					return fmt.Errorf("it has %d states, the chunk's end names %d", len(states), len(r.end.Owed))
				}
				return nil
			}
			if err != nil {
				return err
			}
			states[st.Camera] = st
		}
	})
	return states, err
}
