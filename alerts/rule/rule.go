// Package rule decides which events are told: what an alert rule matches, and what it holds
// back because enough was told already.
//
// What is decided follows from the events of a camera in the order of the topic, and from
// nothing else: times are those of capture. So whoever reads the same events again decides the
// same.
package rule

import (
	"slices"
	"time"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/config/schedule"
	"github.com/framebeam/framebeam/transforms/eventsink"
)

// Rule says which events are told, and how often. Of each list that is empty everything
// matches.
type Rule struct {
	Name        string
	Cameras     []string // patterns of camera ids, as analyses have them
	Except      []string // patterns of cameras that it is not for
	Types       []string // of events; a pattern as path.Match has it
	Rules       []string // names of lines, zones and so on
	Labels      []string // classes of objects
	Transitions []string
	// MinValue is the least value of the event: seconds, or a count, as its type has it. A
	// duration is the same in seconds. nil: any.
	MinValue *float64
	// Schedules are when it holds, by the time of capture; none: always.
	Schedules []schedule.Schedule
	// Quiet is how long nothing more of the same camera is told after something was. 0: not.
	Quiet time.Duration
	// Limit is how many events of a camera are told in each stretch of Per; 0: all.
	Limit int
	Per   time.Duration

	Picture bool // attach one
	Targets []string
}

// Matches reports whether the rule is for an event.
func (r *Rule) Matches(e *eventsink.Event) bool {
	one := func(list []string, s string) bool { return len(list) == 0 || slices.Contains(list, s) }
	return params.Selects(r.Cameras, e.Camera) && (len(r.Except) == 0 || !params.Selects(r.Except, e.Camera)) &&
		matchesType(r.Types, e.Type) && one(r.Rules, e.Rule) && one(r.Labels, e.Label) && one(r.Transitions, e.Transition) &&
		(r.MinValue == nil || float64(e.Value) >= *r.MinValue) && r.holds(e.Captured)
}

func (r *Rule) holds(at time.Time) bool {
	return len(r.Schedules) == 0 || slices.ContainsFunc(r.Schedules, func(s schedule.Schedule) bool { return s.Covers(at) })
}
