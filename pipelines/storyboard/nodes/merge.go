package nodes

import (
	"cmp"
	"slices"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
)

func init() {
	beam.RegisterDoFn(&mergeFn{})
	register.Emitter1[Node]()
	register.Iter1[[]byte]()
}

// mergeFn makes nodes of the pieces of a stretch of a camera's time, or of a track.
type mergeFn struct{}

// ProcessElement emits the nodes, ascending.
func (*mergeFn) ProcessElement(key string, pieces func(*[]byte) bool, emit func(Node)) error {
	var all []piece
	for b := []byte(nil); pieces(&b); {
		p, err := unmarshalPiece(b)
		if err != nil {
			return err
		}
		all = append(all, p)
	}
	if strings.HasPrefix(key, "t") {
		mergeTrack(all, emit)
		return nil
	}
	for _, n := range mergeStretch(all) {
		emit(n)
	}
	return nil
}

// mergeTrack makes a track of its pieces, whose order is that of their numbers.
func mergeTrack(all []piece, emit func(Node)) {
	slices.SortFunc(all, func(a, b piece) int { return cmp.Compare(a.track.ID, b.track.ID) })
	n := *all[0].track
	for _, p := range all[1:] {
		t := p.track
		n.Frames += t.Frames
		n.To, n.Last = max(n.To, t.To), t.Last
		if t.Box.area() > n.Box.area() {
			n.Box, n.Frame = t.Box, t.Frame
		}
	}
	emit(n)
}

// mergeStretch makes the shots of a stretch: those of key frames; that of the first frame
// after a cut if no key frame follows in the stretch, since the last shot of a log has none;
// and with none of these, that of the stretch's first frame. What happened goes to the last
// shot before it.
func mergeStretch(all []piece) []Node {
	var shots, begins, first []Node
	var events []Event
	var counts []Count
	var last int64
	for _, p := range all {
		shots, begins, first = append(shots, p.keys...), append(begins, p.begins...), append(first, p.first...)
		events = append(events, p.events...)
		last = max(last, p.last)
		counts = Add(counts, p.counts)
	}
	order := func(a, b Node) int { return cmp.Compare(a.ID, b.ID) }
	for _, list := range [][]Node{shots, begins, first} {
		slices.SortFunc(list, order)
	}
	if n := len(begins); n > 0 {
		b := begins[n-1]
		if !slices.ContainsFunc(shots, func(s Node) bool { return s.ID >= b.ID }) {
			b.To = max(last, b.From)
			shots = append(shots, b)
		}
	}
	if len(shots) == 0 && len(first) > 0 {
		n := first[0]
		n.To = max(last, n.From)
		shots = []Node{n}
	}
	shots = slices.CompactFunc(shots, func(a, b Node) bool { return a.ID == b.ID })
	if len(shots) > 0 {
		happened(shots, events, counts)
	}
	return shots
}

// Add adds counts to others, each of a kind once, in the order in which they come.
func Add(to, counts []Count) []Count {
	for _, c := range counts {
		if i := slices.IndexFunc(to, func(x Count) bool { return x.What == c.What }); i >= 0 {
			to[i].Times += c.Times
		} else {
			to = append(to, c)
		}
	}
	return to
}

// happened gives events to shots. The counts, which no longer say when, go to the first.
func happened(shots []Node, events []Event, counts []Count) {
	for _, e := range firstOf(events) {
		to := &shots[0]
		for i := range shots {
			if shots[i].Frame.Captured <= e.At {
				to = &shots[i]
			}
		}
		to.Events = append(to.Events, e)
	}
	slices.SortFunc(counts, func(a, b Count) int { return a.What.compare(b.What) })
	shots[0].Happened = counts[:min(len(counts), MostCounts)]
}

// firstOf are the first of events, as many as a node holds. They are the same of a whole and of
// the first of its parts, so that it does not matter in which files events are.
func firstOf(events []Event) []Event {
	slices.SortFunc(events, func(a, b Event) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Offset, b.Offset), a.What.compare(b.What))
	})
	return events[:min(len(events), MostEvents)]
}

func (w What) compare(o What) int {
	return cmp.Or(strings.Compare(w.Type, o.Type), strings.Compare(w.Rule, o.Rule),
		strings.Compare(w.Transition, o.Transition), strings.Compare(w.Label, o.Label))
}
