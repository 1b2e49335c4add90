package sequence

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// hashStep is a step whose state depends on every frame and break before, so
// that a frame fed twice, left out or out of order shows in all later results.
type hashStep struct{ digest string }

func (hashStep) Name() string         { return "hash" }
func (s hashStep) Digest() string     { return s.digest }
func (hashStep) Pixels() frame.Pixels { return frame.NoPixels }
func (hashStep) Start() Memory        { return &hashMemory{} }
func (hashStep) Restore(b []byte) (Memory, error) {
	return &hashMemory{binary.BigEndian.Uint64(b)}, nil
}

type hashMemory struct{ h uint64 }

func (m *hashMemory) Next(in pixels.Input, out *result.Frame) error {
	m.h = m.h*1099511628211 + uint64(in.Frame().Data[0]) + 1
	out.Detections = append(out.Detections, result.Detection{Analysis: "hash", Label: fmt.Sprint(m.h)})
	return nil
}
func (m *hashMemory) Source(state frame.SourceState, out *result.Frame) {
	m.h = m.h*37 + uint64(len(state))
	out.Events = append(out.Events, result.Event{Analysis: "hash", Detail: fmt.Sprint(m.h)})
}
func (m *hashMemory) Break(b Break) { m.h = m.h*31 + uint64(b) }
func (m *hashMemory) Save() []byte  { return binary.BigEndian.AppendUint64(nil, m.h) }
func (m *hashMemory) Close()        {}

// entry is a record of the test's log.
type entry struct {
	offset int64
	camera string
	item   element.Item
}

func drawLog(t *rapid.T, n int64) []entry {
	cameras := rapid.IntRange(1, 4).Draw(t, "cameras")
	count := rapid.IntRange(1, 60).Draw(t, "records")
	var log []entry
	var offset int64
	seq := make([]int64, cameras)
	for range count {
		c := rapid.IntRange(0, cameras-1).Draw(t, "camera")
		if rapid.IntRange(0, 9).Draw(t, "gap") == 0 {
			offset += rapid.Int64Range(1, 3*n).Draw(t, "gap size")
		}
		e := entry{offset: offset, camera: fmt.Sprintf("cam%d", c)}
		res := result.Frame{Topic: "t", Partition: 3, Offset: offset, Camera: e.camera, Status: result.OK, Sequence: -1}
		f := frame.Frame{
			Camera: e.camera, Epoch: rapid.SampledFrom([]string{"a", "a", "a", "b"}).Draw(t, "epoch"),
			Sequence: seq[c], Captured: time.Unix(offset*int64(rapid.IntRange(1, 8).Draw(t, "pace")), 0).UTC(),
			Data: []byte{byte(rapid.IntRange(0, 255).Draw(t, "data"))},
		}
		switch rapid.IntRange(0, 9).Draw(t, "oddity") {
		case 0:
			res.Kill(&frame.Poison{Reason: frame.ReasonTruncated})
			f = frame.Frame{}
		case 1: // said again, or late
			f.Sequence = rapid.Int64Range(0, max(seq[c], 0)).Draw(t, "old sequence")
		case 3: // what happens to the source, and sometimes a copy of that
			res.DescribeSource(&frame.SourceChange{
				State: rapid.SampledFrom([]frame.SourceState{frame.SourceLost, frame.SourceBack, frame.SourceStopped, frame.SourceEnded, frame.SourceFailed}).Draw(t, "state"),
				At:    time.Unix(rapid.Int64Range(0, offset).Draw(t, "at"), 0),
			})
			f = frame.Frame{}
		case 2: // frames missing
			f.Sequence += 3
			seq[c] += 4
		default:
			seq[c]++
		}
		e.item = element.Item{Result: res, Frame: f}
		log = append(log, e)
		offset++
	}
	return log
}

// given is all that the sequence stage gives.
type given struct {
	Results map[int64]string // by offset
	States  map[string]string
}

func newGiven() given { return given{map[int64]string{}, map[string]string{}} }

func (g given) add(t *rapid.T, parts []element.Part) {
	put := func(key string, had string, ok bool, now string) {
		if ok && had != now {
			t.Fatalf("%s was given twice with different content", key)
		}
	}
	for _, p := range parts {
		for i := range p.Results {
			o, b := p.Results[i].Offset, string(p.Results[i].Marshal())
			had, ok := g.Results[o]
			put(fmt.Sprint("offset ", o), had, ok, b)
			g.Results[o] = b
		}
		if p.State != nil {
			k := fmt.Sprintf("%d/%s@%d", p.Index, p.State.Camera, p.State.Position)
			had, ok := g.States[k]
			put(k, had, ok, string(p.State.Bytes))
			g.States[k] = string(p.State.Bytes)
		}
	}
}

// oracle is the bare loop: one camera after the other would do as well.
func oracle(t *rapid.T, a *Analyzer, log []entry, n, forget int64) given {
	g := newGiven()
	cams := map[string]*Camera{}
	last := map[string]int64{}
	end := chunk.Of(log[len(log)-1].offset, n)
	i := 0
	for k := int64(0); k <= end; k++ {
		for ; i < len(log) && chunk.Of(log[i].offset, n) == k; i++ {
			e := log[i]
			if cams[e.camera] == nil {
				cams[e.camera] = a.Start()
			}
			it := e.item
			if err := cams[e.camera].Next(&it); err != nil {
				t.Fatal(err)
			}
			last[e.camera] = e.offset
			g.Results[e.offset] = string(it.Result.Marshal())
		}
		for c, l := range last {
			switch at := chunk.Of(l, n); {
			case at == k:
				b, err := cams[c].Save()
				if err != nil {
					t.Fatal(err)
				}
				g.States[fmt.Sprintf("%d/%s@%d", k, c, chunk.EndPosition(k, n))] = string(b)
			case k-at >= forget:
				delete(cams, c)
				delete(last, c)
			}
		}
	}
	return g
}

// source cuts the log from offset from into runs as the Kafka source does, with
// bounds drawn at random.
func source(t *rapid.T, log []entry, from, n, forget int64) []element.Run {
	var runs []element.Run
	last := map[string]int64{}
	for _, e := range log { // what an earlier job has read
		if e.offset >= from {
			break
		}
		last[e.camera] = e.offset
	}
	for c, l := range last {
		if chunk.Of(from, n)-1-chunk.Of(l, n) >= forget {
			delete(last, c)
		}
	}
	link := func(c string, k int64, kind chunk.Kind) chunk.Link {
		l := chunk.Link{Partition: chunk.Partition{Topic: "t", ID: 3}, Chunk: k, N: n, Camera: c, Kind: kind, Prev: chunk.Fresh, Restore: chunk.None}
		if o, ok := last[c]; ok {
			l.Prev = chunk.LinkBefore(o, k, n)
			if o < from {
				l.Restore = chunk.Of(o, n)
			}
		}
		return l
	}
	open := map[string]int{} // camera -> index of its open run
	end := chunk.Of(log[len(log)-1].offset, n)
	i := slices.IndexFunc(log, func(e entry) bool { return e.offset >= from })
	for k := chunk.Of(from, n); k <= end; k++ {
		clear(open)
		for ; i < len(log) && chunk.Of(log[i].offset, n) == k; i++ {
			e := log[i]
			r, ok := open[e.camera]
			if !ok || rapid.IntRange(0, 2).Draw(t, "cut") == 0 {
				r = len(runs)
				open[e.camera] = r
				runs = append(runs, element.Run{Link: link(e.camera, k, chunk.Frames)})
			}
			runs[r].Items = append(runs[r].Items, e.item)
			last[e.camera] = e.offset
		}
		cameras := []string{}
		for c := range last {
			cameras = append(cameras, c)
		}
		slices.Sort(cameras)
		for _, c := range cameras {
			switch at := chunk.Of(last[c], n); {
			case at == k:
				runs = append(runs, element.Run{Link: link(c, k, chunk.Save)})
			case k-at >= forget:
				runs = append(runs, element.Run{Link: link(c, k, chunk.Clear)})
				delete(last, c)
			}
		}
	}
	return runs
}

// memoryStorage keeps a camera's state encoded, as Beam does.
type memoryStorage struct {
	a     *Analyzer
	saved []byte
	bag   [][]byte
	from  given // states of earlier jobs
}

func (s *memoryStorage) camera() (*Camera, error) {
	if s.saved == nil {
		return nil, nil
	}
	return s.a.Restore(s.saved)
}

func (s *memoryStorage) put(c *Camera) (err error) {
	s.saved = nil
	if c != nil {
		s.saved, err = c.Save()
	}
	return err
}

func (s *memoryStorage) restore(l *chunk.Link) (*Camera, error) {
	k := fmt.Sprintf("%d/%s@%d", l.Restore, l.Camera, chunk.EndPosition(l.Restore, l.N))
	b, ok := s.from.States[k]
	if !ok {
		return nil, fmt.Errorf("no state %s", k)
	}
	return s.a.Restore([]byte(b))
}

func (s *memoryStorage) wait(r *element.Run) error {
	s.bag = append(s.bag, r.Marshal())
	return nil
}

func (s *memoryStorage) waiting() ([]element.Run, error) {
	var runs []element.Run
	for _, b := range s.bag {
		r, err := element.UnmarshalRun(b)
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	return runs, nil
}

func (s *memoryStorage) replaceWaiting(runs []element.Run) error {
	s.bag = nil
	for i := range runs {
		if err := s.wait(&runs[i]); err != nil {
			return err
		}
	}
	return nil
}

// deliver gives the runs to one sequencer per camera, every run over the wire.
func deliver(t *rapid.T, a *Analyzer, runs []element.Run, into, earlier given) {
	stores := map[string]*memoryStorage{}
	marks := map[string][]byte{}
	seq := sequencer{analyzer: func(string) (*Analyzer, error) { return a, nil }}
	for i := range runs {
		run, err := element.UnmarshalRun(runs[i].Marshal())
		if err != nil {
			t.Fatal(err)
		}
		st := stores[run.Camera]
		m := chain{position: chunk.None}
		if st == nil {
			st = &memoryStorage{a: a, from: earlier}
			stores[run.Camera] = st
		} else if m, err = unmarshalChain(marks[run.Camera]); err != nil {
			t.Fatal(err)
		}
		parts, err := seq.process(&m, &run, st)
		if err != nil {
			t.Fatal(err)
		}
		marks[run.Camera] = m.marshal()
		into.add(t, parts)
	}
}

func testAnalyzer(t interface{ Fatal(...any) }) *Analyzer {
	a, err := NewAnalyzer([]Step{hashStep{"1"}}, 20*time.Second, 0)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestResultsDoNotDependOnHowAnEngineDeliversRuns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := testAnalyzer(t)
		n := rapid.Int64Range(1, 12).Draw(t, "N")
		log := drawLog(t, n)
		const forget = 1000 // see TestAForgottenCameraStartsAfresh
		want := oracle(t, a, log, n, forget)

		runs := source(t, log, 0, n, forget)
		for range rapid.IntRange(0, 3).Draw(t, "replays") { // with other bounds, so overlapping
			again := source(t, log, 0, n, forget)
			from := rapid.IntRange(0, len(again)-1).Draw(t, "replayed from")
			runs = append(runs, again[from:]...)
		}
		runs = rapid.Permutation(runs).Draw(t, "order")
		got := newGiven()
		deliver(t, a, runs, got, given{})
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("results differ from the bare loop's (-want +got):\n%s", d)
		}
	})
}

func TestAJobGoesOnFromTheStatesOfTheOneBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := testAnalyzer(t)
		n := rapid.Int64Range(1, 6).Draw(t, "N")
		forget := rapid.Int64Range(1, 6).Draw(t, "F")
		log := drawLog(t, n)
		want := oracle(t, a, log, n, forget)

		from := rapid.Int64Range(0, chunk.Of(log[len(log)-1].offset, n)).Draw(t, "chunk") * n
		got := newGiven()
		// Within a job runs of a camera come in order here: F is small.
		for o, b := range want.Results {
			if o < from {
				got.Results[o] = b
			}
		}
		earlier := newGiven()
		for k, b := range want.States {
			var at int64
			fmt.Sscanf(k, "%d/", &at)
			if at < from/n {
				earlier.States[k] = b
				got.States[k] = b
			}
		}
		deliver(t, a, source(t, log, from, n, forget), got, earlier)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("results differ from an undisturbed job's (-want +got):\n%s", d)
		}
	})
}

func TestAForgottenCameraStartsAfresh(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := testAnalyzer(t)
		n := rapid.Int64Range(1, 4).Draw(t, "N")
		forget := rapid.Int64Range(1, 3).Draw(t, "F")
		log := drawLog(t, n)
		want := oracle(t, a, log, n, forget)

		runs := source(t, log, 0, n, forget)
		// A replay comes after what it repeats: an engine repeats, it does not
		// foretell. Runs of one camera may overtake each other by one.
		runs = append(runs, source(t, log, 0, n, forget)...)
		for i := 0; i+1 < len(runs); i++ {
			overtakes := runs[i].Prev != chunk.Fresh && runs[i+1].Prev != chunk.Fresh
			if overtakes && rapid.Bool().Draw(t, "swap") {
				runs[i], runs[i+1] = runs[i+1], runs[i]
			}
		}
		got := newGiven()
		deliver(t, a, runs, got, given{})
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("results differ from the bare loop's (-want +got):\n%s", d)
		}
	})
}

func TestAChangedStepStartsAfreshAndOthersGoOn(t *testing.T) {
	old := testAnalyzer(t)
	c := old.Start()
	for i := range 3 {
		it := element.Item{Result: result.Frame{Status: result.OK}, Frame: frame.Frame{Epoch: "e", Sequence: int64(i), Data: []byte{1}}}
		if err := c.Next(&it); err != nil {
			t.Fatal(err)
		}
	}
	saved, err := c.Save()
	if err != nil {
		t.Fatal(err)
	}
	changed, err := NewAnalyzer([]Step{hashStep{"2"}}, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	r, err := changed.Restore(saved)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.memories[0].(*hashMemory).h; got != 0 {
		t.Errorf("the changed step kept its memory %d", got)
	}
	it := element.Item{Result: result.Frame{Status: result.OK}, Frame: frame.Frame{Epoch: "e", Sequence: 1, Data: []byte{1}}}
	if err := r.Next(&it); err != nil {
		t.Fatal(err)
	}
	if it.Result.Status != result.Repeat {
		t.Errorf("a frame seen before the change is %q, want repeat", it.Result.Status)
	}
}

// greedyStep is a step whose memory takes all that steps may have together.
type greedyStep struct {
	hashStep
	bytes int
}

func (s greedyStep) Start() Memory                  { return &greedyMemory{bytes: s.bytes} }
func (s greedyStep) Restore([]byte) (Memory, error) { return s.Start(), nil }

type greedyMemory struct {
	hashMemory
	bytes int
}

func (m *greedyMemory) Save() []byte { return make([]byte, m.bytes) }

func TestManyEpochsAndHolesFitIntoTheLeastState(t *testing.T) {
	const limit = 4096
	a, err := NewAnalyzer([]Step{greedyStep{hashStep{"1"}, limit * 3 / 4}}, 0, limit)
	if err != nil {
		t.Fatal(err)
	}
	c := a.Start()
	defer func() { c.Close() }()
	f := frame.Frame{Camera: "gate", Data: []byte{1}}
	for e := range maxEpochs {
		f.Epoch = fmt.Sprintf("%0*d", frame.MaxEpoch, e)
		for i := range maxRanges {
			f.Sequence = int64(i) << 56
			it := element.Item{Result: result.Frame{Status: result.OK}, Frame: f}
			if err := c.Next(&it); err != nil {
				t.Fatal(err)
			}
			b, err := c.Save()
			if err != nil {
				t.Fatalf("epoch %d frame %d: %v", e, i, err)
			}
			if i%16 > 0 {
				continue
			}
			if it.Result.Events[0].Type != result.EventEpochStarted && i == 0 {
				t.Fatalf("epoch %d was known before", e)
			}
			c.Close()
			if c, err = a.Restore(b); err != nil {
				t.Fatal(err)
			}
		}
	}
	it := element.Item{Result: result.Frame{Status: result.OK}, Frame: f}
	if err := c.Next(&it); err != nil || it.Result.Status != result.Repeat {
		t.Errorf("the last frame again is %q, %v", it.Result.Status, err)
	}
}

func TestAStateWithoutRoomForNumbersIsRefused(t *testing.T) {
	if _, err := NewAnalyzer([]Step{hashStep{strings.Repeat("night", 150)}}, 0, 4<<10); err == nil || !strings.Contains(err.Error(), "state limit 4096") {
		t.Errorf("it said %v", err)
	}
}

// heavy is a memory that holds pixels.
type heavy struct {
	Memory
	bytes int
}

func (m *heavy) Held() int { return m.bytes }

func TestDecodedCamerasAreKeptAsLongAsThereIsRoomForTheirPixels(t *testing.T) {
	a, err := NewAnalyzer([]Step{hashStep{"1"}}, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := newCameraCache()
	defer c.clear()
	for i, bytes := range []int{20 << 20, 20 << 20, 20 << 20, 10 << 20, 70 << 20} {
		cam := a.Start()
		cam.memories[0] = &heavy{cam.memories[0], bytes}
		c.put(fmt.Sprint(i), 1, cam)
		if i == 3 {
			var there []int
			for k := range 4 {
				if cam := c.take(fmt.Sprint(k), 1); cam != nil {
					there = append(there, k)
					c.put(fmt.Sprint(k), 1, cam)
				}
			}
			if !slices.Equal(there, []int{1, 2, 3}) || c.bytes != 50<<20 {
				t.Errorf("of four there are %v with %d bytes", there, c.bytes)
			}
		}
	}
	if len(c.entries) != 0 || c.bytes != 0 {
		t.Errorf("beside one that is too large %d are left with %d bytes", len(c.entries), c.bytes)
	}
}

func TestStateOverTheLimitIsAnError(t *testing.T) {
	a, err := NewAnalyzer([]Step{hashStep{"1"}}, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	a.limit = 8 // as if a step did not keep to its part
	if _, err := a.Start().Save(); err == nil {
		t.Error("a state over the limit was saved")
	}
}
