package rule

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/config/schedule"
	"github.com/framebeam/framebeam/transforms/eventsink"
	"github.com/framebeam/framebeam/transforms/result"
)

var noon = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

func TestARuleMatches(t *testing.T) {
	five := 5.0
	e := eventsink.Event{
		Event:  result.Event{ID: "1", Type: "FieldDetector/ObjectsInside", Rule: "ramp", Label: "person", Transition: "leave", Value: 4},
		Camera: "gate-1", Captured: noon,
	}
	for _, c := range []struct {
		name string
		rule Rule
		want bool
	}{
		{"everything", Rule{}, true},
		{"cameras by a pattern", Rule{Cameras: []string{"yard", "gate-*"}}, true},
		{"other cameras", Rule{Cameras: []string{"yard"}}, false},
		{"all cameras but some", Rule{Except: []string{"gate-1"}}, false},
		{"all cameras but others", Rule{Except: []string{"gate-2"}}, true},
		{"a type", Rule{Types: []string{"FieldDetector/ObjectsInside"}}, true},
		{"types by a pattern", Rule{Types: []string{"FieldDetector/*"}}, true},
		{"every type", Rule{Types: []string{"*"}}, true},
		{"another type", Rule{Types: []string{"SignalLoss"}}, false},
		{"a zone, a class and a transition", Rule{Rules: []string{"ramp"}, Labels: []string{"car", "person"}, Transitions: []string{"leave"}}, true},
		{"another zone", Rule{Rules: []string{"door"}}, false},
		{"another class", Rule{Labels: []string{"car"}}, false},
		{"another transition", Rule{Transitions: []string{"enter"}}, false},
		{"less than the least value", Rule{MinValue: &five}, false},
		{"a time that covers it", Rule{Schedules: []schedule.Schedule{{From: "20:00", To: "06:00"}, {From: "12:00", To: "13:00"}}}, true},
		{"another time", Rule{Schedules: []schedule.Schedule{{From: "20:00", To: "06:00"}}}, false},
	} {
		if got := c.rule.Matches(&e); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// At most Limit are told in any stretch that begins with a told one, none within Quiet of the
// last, and none is forgotten: those that are told and those that are held back are all.
func TestNoMoreIsToldThanMayBeAndNothingIsForgotten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Rule{
			Name:  "r",
			Quiet: time.Duration(rapid.IntRange(0, 5).Draw(t, "quiet")) * time.Second,
			Limit: rapid.IntRange(0, 3).Draw(t, "limit"),
			Per:   time.Duration(rapid.IntRange(1, 20).Draw(t, "per")) * time.Second,
		}
		var m Memory
		at := noon
		var told []time.Time
		reported, summaries := 0, map[string]bool{}
		n := rapid.IntRange(0, 40).Draw(t, "events")
		for i := range n {
			at = at.Add(time.Duration(rapid.IntRange(0, 8).Draw(t, "later")) * time.Second)
			if due := m.Due(&r); !due.IsZero() && at.After(due) && rapid.Bool().Draw(t, "the clock was faster") {
				id, held := m.Summarise(&r, "gate")
				if summaries[id] || held.Count == 0 {
					t.Fatalf("summary %s of %d comes twice", id, held.Count)
				}
				summaries[id] = true
				reported += held.Count
			}
			e := eventsink.Event{Event: result.Event{ID: fmt.Sprint(i)}, Captured: at}
			ok, held := m.Take(&r, &e)
			if !ok {
				m.Hold(&e)
				continue
			}
			if len(told) > 0 && r.Quiet > 0 && at.Sub(told[len(told)-1]) < r.Quiet {
				t.Fatalf("told %v after the last", at.Sub(told[len(told)-1]))
			}
			told = append(told, at)
			reported += held.Count
		}
		if got := len(told) + reported + m.Held.Count; got != n {
			t.Fatalf("%d of %d are accounted for", got, n)
		}
		if r.Limit > 0 {
			// The dumb way: go through them in stretches.
			for i := 0; i < len(told); {
				j := i
				for j < len(told) && told[j].Sub(told[i]) < r.Per {
					j++
				}
				if j-i > r.Limit {
					t.Fatalf("%d were told in %v", j-i, r.Per)
				}
				i = j
			}
		}
		if r.Limit == 0 && r.Quiet == 0 && len(told) != n {
			t.Fatal("something is held back without a reason")
		}
	})
}

func TestAClockThatWasSetBackKeepsNothingQuietForLong(t *testing.T) {
	r := Rule{Quiet: time.Minute, Limit: 1, Per: time.Minute}
	var m Memory
	for i, c := range []struct {
		at   time.Time
		want bool
	}{{noon, true}, {noon.Add(-30 * time.Second), false}, {noon.Add(-time.Hour), true}, {noon.Add(-time.Hour + time.Second), false}} {
		e := eventsink.Event{Captured: c.at}
		if got, _ := m.Take(&r, &e); got != c.want {
			t.Errorf("%d: %v", i, got)
		}
	}
}
