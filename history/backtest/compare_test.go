package backtest

import (
	"testing"

	"github.com/framebeam/framebeam/transforms/result"
)

// What cannot be read has no time, which says nothing of how far apart events are.
func TestAnEventMovesOverADeadLetter(t *testing.T) {
	y := newTally("gate", Options{})
	at := func(offset, captured int64, events ...result.Event) *result.Frame {
		return &result.Frame{Topic: "frames", Offset: offset, Camera: "gate", Captured: captured, Status: result.OK, Events: events}
	}
	crossed := result.Event{ID: "x", Analysis: "lines/gate", Type: result.EventLineCrossed, Rule: "gate", Transition: result.Forward}
	dead := &result.Frame{Topic: "frames", Offset: 2, Camera: "gate", Status: result.Dead}
	y.add(at(1, 10_000_000, crossed), at(1, 10_000_000))
	y.add(dead, dead)
	y.add(at(3, 10_500_000), at(3, 10_500_000, crossed))
	found := y.finish()
	if len(found) != 1 || found[0].Kind != Moved {
		t.Errorf("%d differences, want one that moved: %+v", len(found), found)
	}
}
