package sequence

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// TestScripts plays testdata/order: the runs of one camera as an engine may deliver
// them, and what the stage does with each. They are there to be read, beside the
// property tests that look for what nobody thought of. Add -rewrite to write into them
// what is done now, and read the difference.
//
// A script says what arrives and, below ----, what came of it:
//
//	camera n=4 [forget=3]      a camera never seen; chunks have 4 offsets
//	frames 4-5 prev=end/0      a run of the frames at offsets 4 and 5
//	save 0 prev=frame/2        chunk 0 has ended: say the state
//	clear 3 prev=end/0         not seen up to the end of chunk 3: forget
//	job                        another job goes on: keyed state is empty, the states that
//	                           were given are in the output
//	lose                       the engine loses the camera's state and keeps the position
//
// prev is the link before: frame/O at offset O, end/K of chunk K, or fresh. With
// restore=K the state is to be read from the output at the end of chunk K if the keyed
// state is empty.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/order", func(t *testing.T, path string) {
		s := newScript(t)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "camera":
				s = newScript(t)
				d.ScanArgs(t, "n", &s.n)
				if d.HasArg("forget") {
					d.ScanArgs(t, "forget", &s.seq.forget)
				}
				return s.stands()
			case "job":
				s.begin()
				return s.stands()
			case "lose":
				s.store.saved = nil
				return s.stands()
			}
			return s.deliver(t, s.run(t, d))
		})
	})
}

// script is one camera in the sequence stage, kept between runs as Beam keeps it.
type script struct {
	n     int64
	seq   sequencer
	chain []byte
	store *memoryStorage
}

func newScript(t *testing.T) *script {
	a, err := NewAnalyzer([]Step{witness{}}, time.Hour, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{
		seq:   sequencer{analyzer: func(string) (*Analyzer, error) { return a, nil }},
		store: &memoryStorage{a: a, from: newGiven()},
	}
	s.begin()
	return s
}

// begin empties the keyed state.
func (s *script) begin() {
	empty := chain{position: chunk.None}
	s.chain, s.store.saved, s.store.bag = empty.marshal(), nil, nil
}

// run makes the run that a script names.
func (s *script) run(t *testing.T, d *datadriven.TestData) element.Run {
	t.Helper()
	r := element.Run{Link: chunk.Link{Partition: chunk.Partition{Topic: "frames"}, N: s.n, Camera: "door", Restore: chunk.None}}
	var prev string
	d.ScanArgs(t, "prev", &prev)
	r.Prev = s.position(d, prev)
	if d.HasArg("restore") {
		d.ScanArgs(t, "restore", &r.Restore)
	}
	what := d.CmdArgs[0].Key
	switch d.Cmd {
	case "frames":
		first, last, ok := strings.Cut(what, "-")
		if !ok {
			last = first
		}
		for o := number(d, first); o <= number(d, last); o++ {
			r.Items = append(r.Items, element.Item{
				Result: result.Frame{Topic: r.Topic, Offset: o, Camera: r.Camera, Status: result.OK},
				Frame:  frame.Frame{Camera: r.Camera, Epoch: "e", Sequence: o, Captured: time.Unix(o, 0)},
			})
		}
		r.Chunk = chunk.Of(r.Items[0].Result.Offset, s.n)
	case "save":
		r.Kind, r.Chunk = chunk.Save, number(d, what)
	case "clear":
		r.Kind, r.Chunk = chunk.Clear, number(d, what)
	default:
		d.Fatalf(t, "what is %s?", d.Cmd)
	}
	return r
}

func (s *script) position(d *datadriven.TestData, name string) int64 {
	kind, at, _ := strings.Cut(name, "/")
	switch kind {
	case "fresh":
		return chunk.Fresh
	case "frame":
		return chunk.FramePosition(number(d, at))
	case "end":
		return chunk.EndPosition(number(d, at), s.n)
	}
	panic(fmt.Sprintf("%s: %q is no position", d.Pos, name))
}

func number(d *datadriven.TestData, s string) int64 {
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", d.Pos, err))
	}
	return v
}

// deliver gives the run to the stage, as encoded as all that lies between two elements.
func (s *script) deliver(t *testing.T, sent element.Run) string {
	t.Helper()
	run, err := element.UnmarshalRun(sent.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	m, err := unmarshalChain(s.chain)
	if err != nil {
		t.Fatal(err)
	}
	before := *s.store
	parts, err := s.seq.process(&m, &run, s.store)
	if err != nil { // the engine drops what a failed bundle wrote
		*s.store = before
		return fmt.Sprintf("error: %v\n", err)
	}
	s.chain = m.marshal()

	var out strings.Builder
	for _, p := range parts {
		if n := len(p.Results); n > 0 {
			given := make([]element.Item, n)
			for i := range p.Results {
				given[i].Result = p.Results[i]
			}
			fmt.Fprintf(&out, "gives results %s of chunk %d; seen: %s\n", spans(offsets(given)), p.Index, p.Results[n-1].Detections[0].Label)
		}
		if p.State != nil {
			cam, err := s.store.a.Restore(p.State.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&out, "gives the state at %s; seen: %s\n", s.name(p.State.Position), spans(cam.memories[0].(*witnessed).offsets))
			s.store.from.States[fmt.Sprintf("%d/%s@%d", p.Index, p.State.Camera, p.State.Position)] = string(p.State.Bytes)
		}
	}
	if len(parts) == 0 {
		out.WriteString("gives nothing\n")
	}
	return out.String() + s.stands()
}

// stands tells what the keyed state holds.
func (s *script) stands() string {
	m, err := unmarshalChain(s.chain)
	if err != nil {
		panic(err)
	}
	var out strings.Builder
	waiting, err := s.store.waiting()
	if err != nil {
		panic(err)
	}
	for i := range waiting {
		r := &waiting[i]
		what := []string{"frames " + spans(offsets(r.Items)), fmt.Sprint("save ", r.Chunk), fmt.Sprint("clear ", r.Chunk)}[r.Kind]
		fmt.Fprintf(&out, "waits for %s: %s\n", s.name(r.Prev), what)
	}
	switch {
	case m.position == chunk.None:
		out.WriteString("stands nowhere: never seen\n")
	case m.forgotten:
		fmt.Fprintf(&out, "stands at %s, forgotten\n", s.name(m.position))
	default:
		fmt.Fprintf(&out, "stands at %s\n", s.name(m.position))
	}
	return out.String()
}

// name is the inverse of position.
func (s *script) name(position int64) string {
	switch {
	case position == chunk.Fresh:
		return "a clear"
	case position%2 == 1:
		return fmt.Sprint("frame/", position/2)
	}
	return fmt.Sprint("end/", position/2/s.n-1)
}

func offsets(items []element.Item) (all []int64) {
	for i := range items {
		all = append(all, items[i].Result.Offset)
	}
	return all
}

// spans writes offsets in the order that they have, 0-2 for 0 1 2.
func spans(offsets []int64) string {
	var out []string
	for i := 0; i < len(offsets); {
		k := i + 1
		for k < len(offsets) && offsets[k] == offsets[k-1]+1 {
			k++
		}
		if k-i == 1 {
			out = append(out, fmt.Sprint(offsets[i]))
		} else {
			out = append(out, fmt.Sprintf("%d-%d", offsets[i], offsets[k-1]))
		}
		i = k
	}
	if out == nil {
		return "nothing"
	}
	return strings.Join(out, " ")
}

// witness is a step that remembers which frames it was shown, in what order: one that
// was shown twice, left out or too early is there to be read.
type witness struct{}

func (witness) Name() string         { return "witness" }
func (witness) Digest() string       { return "1" }
func (witness) Pixels() frame.Pixels { return frame.NoPixels }
func (witness) Start() Memory        { return &witnessed{} }
func (witness) Restore(b []byte) (Memory, error) {
	m := &witnessed{}
	for _, f := range strings.Fields(string(b)) {
		o, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return nil, err
		}
		m.offsets = append(m.offsets, o)
	}
	return m, nil
}

type witnessed struct{ offsets []int64 }

func (m *witnessed) Next(_ pixels.Input, out *result.Frame) error {
	m.offsets = append(m.offsets, out.Offset)
	out.Detections = append(out.Detections, result.Detection{Analysis: "witness", Label: spans(m.offsets)})
	return nil
}
func (*witnessed) Break(Break) {}
func (m *witnessed) Save() []byte {
	return []byte(strings.Trim(fmt.Sprint(m.offsets), "[]"))
}
func (*witnessed) Close() {}
