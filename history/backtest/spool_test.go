package backtest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/framebeam/framebeam/transforms/result"
)

func TestDifferencesComeInTheOrderOfCaptureAndAsTheyWere(t *testing.T) {
	row := func(partition int32, offset, captured int64, events ...result.Event) result.Frame {
		return result.Frame{
			Topic: "frames", Partition: partition, Offset: offset, Camera: "gate", Captured: captured, Status: result.OK, Events: events,
			Detections: []result.Detection{{Analysis: "tracking", Label: "person", X: 1, Width: 2, Height: 3, Score: 1, Track: 7}},
		}
	}
	event := result.Event{ID: "x", Analysis: "lines/gate", Type: result.EventLineCrossed, Rule: "gate", Transition: result.Forward, Value: 3}
	key := Key{"gate", "lines/gate", "gate", result.EventLineCrossed, result.Forward}
	of := func(kind Kind, before, after result.Frame) Difference {
		d := Difference{Key: key, Kind: kind, Before: Moment{Frame: before}, After: Moment{Frame: after}}
		for _, m := range []*Moment{&d.Before, &d.After} {
			if len(m.Frame.Events) > 0 {
				m.Event = &m.Frame.Events[len(m.Frame.Events)-1]
			}
		}
		return d
	}
	other := event
	other.ID, other.Track = "y", 9
	late := of(Added, row(0, 9, 5000), row(0, 9, 5000, event))
	early := of(Removed, row(1, 4, 1000, other, event), row(1, 4, 1000))
	moved := of(Moved, row(0, 1, 2000, event), row(0, 3, 4000, event))
	changed := of(Changed, row(1, 2, 4000, event), row(1, 2, 4000, other))
	changed.Fields = []string{"track"}
	r, err := Of(Result{}, late, changed, moved, early)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // it may be read again
		var got []Difference
		if err := r.Each(func(d *Difference) error { got = append(got, *d); return nil }); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]Difference{early, moved, changed, late}, got, cmpopts.EquateEmpty()); d != "" {
			t.Error(d)
		}
	}
	n := 0
	if err := r.Each(func(*Difference) error { n++; return ErrStop }); err != nil || n != 1 {
		t.Errorf("%d differences, then %v", n, err)
	}
	wrong := errors.New("wrong")
	if err := r.Each(func(*Difference) error { return wrong }); !errors.Is(err, wrong) {
		t.Errorf("%v", err)
	}
	if moved.Shift().Milliseconds() != 2 || early.Captured().UnixMicro() != 1000 {
		t.Error(moved.Shift(), early.Captured())
	}
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Error(err)
	}
}
