// Package nodes makes the graph of a storyboard out of an output's rows: shots, each by its
// key frame, and tracks, joined where they are alike, close in time, or show the same track.
package nodes

import (
	"fmt"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/framebeam/framebeam/transforms/wire"
)

func init() {
	beam.RegisterCoder(reflect.TypeOf(Node{}), func(n Node) []byte { return n.Marshal() }, Unmarshal)
}

// Kind is what a node stands for.
type Kind uint8

// Kinds of nodes.
const (
	Shot  Kind = iota // a stretch of a film or of a camera's time, by one frame of it
	Track             // an object that was tracked
)

func (k Kind) String() string {
	if k == Track {
		return "track"
	}
	return "shot"
}

// Kinds of edges of the graph, the least the strongest.
const (
	Alike     uint8 = iota // shots whose perceptual hashes differ in few bits
	Soon                   // shots that are alike in hash and colours, and close in time
	SameTrack              // shots whose frames show the same track
	Gap                    // tracks of which one begins soon after, and near to where, the other ended
)

// Node is a shot or a track.
type Node struct {
	ID        int64 // ascending with topic, partition and offset
	Kind      Kind
	Topic     string
	Partition int32
	Camera    string
	// Frame is the picture of it: of a shot its key frame, of a track where it is largest.
	Frame Frame
	// From and To are when it begins and ends, in microseconds since 1970.
	From, To int64

	// Of a shot.
	Cut       bool   // whether the analysis cuts has told it; else it is of a stretch of time
	Hash      uint64 // perceptual hash of the frame
	Histogram []byte // similarity.KindHistogram of the frame; nil: none
	Tracks    []int64
	Events    []Event // that happened from this frame to the next node's, of the first of its stretch
	Happened  []Count // all of them, by what happened

	// Of a track.
	Track       int64
	Label       string
	Frames      int64 // in which it was seen
	First, Last Box   // where it was first and last
	Box         Box   // where it is in its picture
}

// Frame is a frame's place and what tells it from another that has its place now.
type Frame struct {
	Offset, Captured, Sequence int64
	Epoch                      string
}

// Box is where something is in its frame, in 1/65536 of its width and height.
type Box struct{ X, Y, Width, Height int64 }

// Event is something that happened.
type Event struct {
	At     int64 // when, in microseconds
	Offset int64
	What   What
}

// What can happen.
type What struct{ Type, Rule, Transition, Label string }

// Count is how often something happened.
type Count struct {
	What  What
	Times int64
}

// Bounds of what a node holds.
const (
	MostEvents = 8
	MostCounts = 16
	MostTracks = 16
)

// Name says what a node is: topic/partition@offset of a shot's key frame,
// topic/partition#track of a track.
func (n *Node) Name() string {
	if n.Kind == Track {
		return fmt.Sprintf("%s/%d#%d", n.Topic, n.Partition, n.Track)
	}
	return fmt.Sprintf("%s/%d@%d", n.Topic, n.Partition, n.Frame.Offset)
}

// Marshal encodes the node for a shuffle and for its file.
func (n *Node) Marshal() []byte {
	b := wire.Uint(wire.Int(nil, n.ID), uint64(n.Kind))
	b = wire.String(b, n.Topic)
	b = wire.Int(b, int64(n.Partition))
	b = wire.String(b, n.Camera)
	b = n.Frame.append(b)
	b = wire.Int(wire.Int(b, n.From), n.To-n.From)
	if n.Kind == Track {
		b = wire.Int(b, n.Track)
		b = wire.String(b, n.Label)
		b = wire.Int(b, n.Frames)
		return n.Box.append(n.Last.append(n.First.append(b)))
	}
	b = wire.Bool(b, n.Cut)
	b = wire.Uint(b, n.Hash)
	b = wire.Bytes(b, n.Histogram)
	b = wire.Uint(b, uint64(len(n.Tracks)))
	for _, t := range n.Tracks {
		b = wire.Int(b, t)
	}
	b = wire.Uint(b, uint64(len(n.Events)))
	for _, e := range n.Events {
		b = e.append(b)
	}
	b = wire.Uint(b, uint64(len(n.Happened)))
	for _, c := range n.Happened {
		b = wire.Int(c.What.append(b), c.Times)
	}
	return b
}

// Unmarshal is the inverse of [Node.Marshal].
func Unmarshal(b []byte) (Node, error) {
	r := wire.NewReader(b)
	n := Node{ID: r.Int(), Kind: Kind(r.Uint()), Topic: r.String(), Partition: int32(r.Int()), Camera: r.String(), Frame: readFrame(r), From: r.Int()}
	n.To = n.From + r.Int()
	switch n.Kind {
	case Track:
		n.Track, n.Label, n.Frames = r.Int(), r.String(), r.Int()
		n.First, n.Last, n.Box = readBox(r), readBox(r), readBox(r)
	case Shot:
		n.Cut, n.Hash = r.Bool(), r.Uint()
		if h := r.Bytes(); h != nil {
			n.Histogram = append([]byte{}, h...)
		}
		n.Tracks = readList(r, r.Int)
		n.Events = readList(r, func() Event { return readEvent(r) })
		n.Happened = readList(r, func() Count { return Count{readWhat(r), r.Int()} })
	default:
		r.Fail()
	}
	if err := r.Close(); err != nil {
		return Node{}, fmt.Errorf("decode node: %w", err)
	}
	return n, nil
}

// readList reads a list, nil if it is empty.
func readList[T any](r *wire.Reader, one func() T) []T {
	n := r.Count()
	if n == 0 {
		return nil
	}
	list := make([]T, n)
	for i := range list {
		list[i] = one()
	}
	return list
}

func (f Frame) append(b []byte) []byte {
	return wire.String(wire.Int(wire.Int(wire.Int(b, f.Offset), f.Captured), f.Sequence), f.Epoch)
}

func readFrame(r *wire.Reader) Frame { return Frame{r.Int(), r.Int(), r.Int(), r.String()} }

func (x Box) append(b []byte) []byte {
	return wire.Int(wire.Int(wire.Int(wire.Int(b, x.X), x.Y), x.Width), x.Height)
}

func readBox(r *wire.Reader) Box { return Box{r.Int(), r.Int(), r.Int(), r.Int()} }

func (e Event) append(b []byte) []byte {
	return e.What.append(wire.Int(wire.Int(b, e.At), e.Offset))
}

func readEvent(r *wire.Reader) Event { return Event{r.Int(), r.Int(), readWhat(r)} }

func (w What) append(b []byte) []byte {
	return wire.String(wire.String(wire.String(wire.String(b, w.Type), w.Rule), w.Transition), w.Label)
}

func readWhat(r *wire.Reader) What { return What{r.String(), r.String(), r.String(), r.String()} }
