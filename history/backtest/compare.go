package backtest

import (
	"cmp"
	"slices"

	"github.com/framebeam/framebeam/transforms/result"
)

// mostPending bounds how many events of a key wait for one that they may have moved to.
const mostPending = 512

// tally compares the rows of one camera of a partition, in the order of the log, and counts.
type tally struct {
	camera     string
	window     int64 // µs
	detections bool

	counts   map[Key]*Count
	timeline timeline
	detected map[string]*Detected
	found    []Difference // since they were taken
	waiting  map[Key]*waiting
	order    []Key // of waiting, as they came

	frames, first, last int64 // first and last capture times, µs; 0: none
}

// waiting are events of a key that only one side has, so far.
type waiting struct {
	items []waiter
	last  int64 // capture time, µs
}

type waiter struct {
	after    bool // only the side after the change has it
	captured int64
	event    int // of the side's row
	rows     [2]result.Frame
}

func newTally(camera string, o Options) *tally {
	return &tally{
		camera: camera, window: cmp.Or(o.Window, DefaultWindow).Microseconds(), detections: o.Detections,
		counts: map[Key]*Count{}, detected: map[string]*Detected{}, waiting: map[Key]*waiting{},
		timeline: newTimeline(),
	}
}

func (t *tally) count(k Key) *Count {
	c := t.counts[k]
	if c == nil {
		c = &Count{}
		t.counts[k] = c
	}
	return c
}

func keyOf(camera string, e *result.Event) Key {
	return Key{camera, e.Analysis, e.Rule, e.Type, e.Transition}
}

// add compares the two rows of a frame.
func (t *tally) add(before, after *result.Frame) {
	at := cmp.Or(after.Captured, before.Captured)
	if !before.Status.OfSource() {
		t.frames++
	}
	if at != 0 {
		if t.first == 0 || at < t.first {
			t.first = at
		}
		t.last = max(t.last, at)
		t.settle(at)
	}
	if t.detections {
		t.detect(before, after)
	}
	if len(before.Events)+len(after.Events) == 0 {
		return
	}
	t.events(before, after, at)
}

// events matches the events of one frame: those that are alike, then those of one track,
// then in their order.
func (t *tally) events(before, after *result.Frame, at int64) {
	for i := range before.Events {
		t.count(keyOf(t.camera, &before.Events[i])).Before++
		t.timeline.at(at).Before++
	}
	for i := range after.Events {
		t.count(keyOf(t.camera, &after.Events[i])).After++
		t.timeline.at(at).After++
	}
	a, b := make([]bool, len(before.Events)), make([]bool, len(after.Events))
	match := func(fits func(x, y *result.Event) bool) {
		for i := range before.Events {
			for j := range after.Events {
				x, y := &before.Events[i], &after.Events[j]
				if a[i] || b[j] || keyOf("", x) != keyOf("", y) || !fits(x, y) {
					continue
				}
				a[i], b[j] = true, true
				t.same(before, after, x, y, at)
			}
		}
	}
	match(func(x, y *result.Event) bool { return len(fields(x, y)) == 0 })
	match(func(x, y *result.Event) bool { return x.Track == y.Track })
	match(func(x, y *result.Event) bool { return true })
	for i := range before.Events {
		if !a[i] {
			t.wait(keyOf(t.camera, &before.Events[i]), waiter{captured: at, event: i, rows: rowsOf(before, after)})
		}
	}
	for j := range after.Events {
		if !b[j] {
			t.wait(keyOf(t.camera, &after.Events[j]), waiter{after: true, captured: at, event: j, rows: rowsOf(before, after)})
		}
	}
}

func rowsOf(before, after *result.Frame) [2]result.Frame {
	rows := [2]result.Frame{*before, *after}
	rows[0].Features, rows[1].Features = nil, nil
	return rows
}

// same is for two events at one frame.
func (t *tally) same(before, after *result.Frame, x, y *result.Event, at int64) {
	differ := fields(x, y)
	switch {
	case len(differ) == 0:
		return
	case runs(x) && !slices.ContainsFunc(differ, func(f string) bool { return f != "value" && f != "detail" }):
		t.count(keyOf(t.camera, x)).Renumbered++
		t.timeline.at(at).Renumbered++
		return
	}
	rows := rowsOf(before, after)
	t.found = append(t.found, Difference{
		Key: keyOf(t.camera, x), Kind: Changed, Fields: differ,
		Before: Moment{x, rows[0]}, After: Moment{y, rows[1]},
	})
	t.count(keyOf(t.camera, x)).Changed++
	t.timeline.at(at).Changed++
}

// runs reports whether the event's value is a running number, which one event more or less
// changes in all that come after.
func runs(e *result.Event) bool { return e.Type == result.EventLineCrossed }

// fields are what two events differ in, but for their ids.
func fields(x, y *result.Event) (differ []string) {
	same := func(a, b result.Number) bool { return a == b || a != a && b != b }
	for _, f := range []struct {
		name string
		same bool
	}{
		{"track", x.Track == y.Track}, {"label", x.Label == y.Label}, {"value", same(x.Value, y.Value)},
		{"snapshot", x.Snapshot == y.Snapshot}, {"detail", x.Detail == y.Detail},
	} {
		if !f.same {
			differ = append(differ, f.name)
		}
	}
	return differ
}

func (t *tally) wait(k Key, w waiter) {
	of := t.waiting[k]
	if of == nil {
		of = &waiting{}
		t.waiting[k] = of
		t.order = append(t.order, k)
	}
	of.items = append(of.items, w)
	of.last = w.captured
	if len(of.items) >= mostPending {
		t.resolve(k)
	}
}

// settle decides about what waits when the camera's next frame is of time at: nothing that
// comes is within the window of it, unless clocks are set back.
func (t *tally) settle(at int64) {
	for _, k := range slices.Clone(t.order) {
		if of := t.waiting[k]; at-of.last > t.window || of.last-at > t.window {
			t.resolve(k)
		}
	}
}

// finish decides about all that waits, and returns what was found.
func (t *tally) finish() []Difference {
	for _, k := range slices.Clone(t.order) {
		t.resolve(k)
	}
	return t.take()
}

// take returns what was found since.
func (t *tally) take() []Difference {
	found := t.found
	t.found = nil
	return found
}

// resolve makes pairs of what only one side has: the nearest in time first, of pairs as
// near the earlier in the log. What is left was added or removed.
func (t *tally) resolve(k Key) {
	items := t.waiting[k].items
	delete(t.waiting, k)
	t.order = slices.DeleteFunc(t.order, func(o Key) bool { return o == k })
	type pair struct {
		i, j     int
		distance int64
	}
	var pairs []pair
	for i := range items {
		for j := range items {
			if items[i].after || !items[j].after {
				continue
			}
			d := items[i].captured - items[j].captured
			if d = max(d, -d); d <= t.window {
				pairs = append(pairs, pair{i, j, d})
			}
		}
	}
	// Items are in the order of the log, and of a row.
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.i, b.i), cmp.Compare(a.j, b.j))
	})
	with := make([]int, len(items)) // of the other side, + 1; 0: none
	for _, p := range pairs {
		if with[p.i] == 0 && with[p.j] == 0 {
			with[p.i], with[p.j] = p.j+1, p.i+1
		}
	}
	for i := range items {
		w := &items[i]
		d := Difference{Key: k, Kind: Removed, Before: Moment{Frame: w.rows[0]}, After: Moment{Frame: w.rows[1]}}
		switch {
		case with[i] == 0 && w.after:
			d.Kind, d.After.Event = Added, &d.After.Frame.Events[w.event]
		case with[i] == 0:
			d.Before.Event = &d.Before.Frame.Events[w.event]
		case w.after:
			continue // said of the other
		default:
			o := &items[with[i]-1]
			d.Kind, d.Before.Event = Moved, &d.Before.Frame.Events[w.event]
			d.After = Moment{&o.rows[1].Events[o.event], o.rows[1]}
		}
		t.found = append(t.found, d)
		for _, c := range []*Count{t.count(k), t.timeline.at(d.Captured().UnixMicro())} {
			switch d.Kind {
			case Added:
				c.Added++
			case Removed:
				c.Removed++
			case Moved:
				c.Moved++
			}
		}
	}
}

// detect counts detections by analysis.
func (t *tally) detect(before, after *result.Frame) {
	if len(before.Detections)+len(after.Detections) == 0 {
		return
	}
	here := map[string]*Detected{}
	of := func(name string) *Detected {
		d := here[name]
		if d == nil {
			d = &Detected{}
			here[name] = d
		}
		return d
	}
	for i := range before.Detections {
		of(before.Detections[i].Analysis).Before++
	}
	for i := range after.Detections {
		of(after.Detections[i].Analysis).After++
	}
	for name, d := range here {
		sum := t.detected[name]
		if sum == nil {
			sum = &Detected{Camera: t.camera, Analysis: name}
			t.detected[name] = sum
		}
		sum.Frames++
		if d.Before != d.After {
			sum.Differ++
		}
		sum.Before += d.Before
		sum.After += d.After
	}
}
