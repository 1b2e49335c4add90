package chunk

import (
	"fmt"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/wire"
)

// Kind says what a run brings.
type Kind uint8

const (
	// Frames: consecutive records of one camera from one chunk.
	Frames Kind = iota
	// Save: the chunk has ended, and the sequence stage is to emit the camera's state.
	Save
	// Clear: the camera was not seen for so long that it is forgotten.
	Clear
	// Stray: records of a chunk that belong to no camera (no key, or a bad one).
	Stray
)

// Link is what every run says about its place in a camera's chain.
//
// Runs are the elements that travel from the source to the sequence stage. Where
// a run begins and ends within its chunk is an accident of polling and of the
// engine; results must not depend on it.
type Link struct {
	Partition
	Chunk  int64 // the chunk the run lies in
	N      int64 // offsets per chunk
	Camera string
	Kind   Kind
	// Prev is the position of the link before the run's first, or Fresh.
	Prev int64
	// Restore is the chunk at whose end the camera's state is to be read when
	// the keyed state is empty: set on the runs whose predecessor lies before
	// the job's start. None otherwise.
	Restore int64
}

// Key is the run's Beam key: topic+partition+camera.
func (l *Link) Key() string { return l.Partition.Key() + "+" + l.Camera }

// ID is the chunk the run lies in.
func (l *Link) ID() ID { return ID{l.Partition, l.Chunk} }

// Append appends the link's encoding to b.
func (l *Link) Append(b []byte) []byte {
	b = l.Partition.Append(b)
	b = wire.Int(b, l.Chunk)
	b = wire.Int(b, l.N)
	b = wire.String(b, l.Camera)
	b = wire.Uint(b, uint64(l.Kind))
	b = wire.Int(b, l.Prev)
	return wire.Int(b, l.Restore)
}

// ReadLink reads what [Link.Append] wrote.
func ReadLink(r *wire.Reader) Link {
	return Link{
		Partition: ReadPartition(r), Chunk: r.Int(), N: r.Int(),
		Camera: r.String(), Kind: readKind(r), Prev: r.Int(), Restore: r.Int(),
	}
}

func readKind(r *wire.Reader) Kind {
	v := r.Uint()
	if v > uint64(Stray) {
		r.Fail()
		return 0
	}
	return Kind(v)
}

// Run is what the source emits: consecutive records of one camera (Frames), a
// mark in its chain (Save, Clear), or records of no camera (Stray).
type Run struct {
	Link
	Records []frame.Record // ascending offsets; empty for Save and Clear
}

// Size is about how many bytes the run takes.
func (r *Run) Size() int {
	n := 64
	for i := range r.Records {
		n += r.Records[i].Size()
	}
	return n
}

// Marshal encodes the run for a shuffle.
func (r *Run) Marshal() []byte {
	b := r.Link.Append(make([]byte, 0, r.Size()+64))
	b = wire.Uint(b, uint64(len(r.Records)))
	for i := range r.Records {
		b = r.Records[i].Append(b)
	}
	return b
}

// UnmarshalRun is the inverse of [Run.Marshal]; byte strings alias b.
func UnmarshalRun(b []byte) (Run, error) {
	r := wire.NewReader(b)
	run := Run{Link: ReadLink(r)}
	if n := r.Count(); n > 0 {
		run.Records = make([]frame.Record, n)
		for i := range run.Records {
			run.Records[i] = frame.ReadRecord(r)
		}
	}
	if err := r.Close(); err != nil {
		return Run{}, fmt.Errorf("decode run: %w", err)
	}
	return run, nil
}
