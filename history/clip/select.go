package clip

import (
	"context"
	"slices"

	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/transforms/result"
)

// Filter says which events are wanted; an empty list, or text, is all.
type Filter struct {
	Period                         period.Period
	Cameras                        []string
	Analyses, Types, Rules, Labels []string
	Transitions                    []string
}

// Names reports whether the filter asks for some events rather than for all.
func (f *Filter) Names() bool {
	return len(f.Analyses)+len(f.Types)+len(f.Rules)+len(f.Labels)+len(f.Transitions) > 0
}

func (f *Filter) wants(e *result.Event) bool {
	in := func(list []string, s string) bool { return len(list) == 0 || slices.Contains(list, s) }
	return result.OfAnalysis(*e) && in(f.Analyses, e.Analysis) && in(f.Types, e.Type) && in(f.Rules, e.Rule) && in(f.Labels, e.Label) &&
		in(f.Transitions, e.Transition)
}

// Select are the first events that a filter asks for, in the order of the log.
func Select(ctx context.Context, s *scan.Scan, f Filter, limit int) ([]Event, error) {
	var events []Event
	q := scan.Query{Period: f.Period, Cameras: f.Cameras, Columns: result.OfEvents | result.OfEpoch | result.OfConfig, Filled: result.OfEvents, EventTypes: f.Types}
	for row, err := range s.Rows(ctx, q) {
		if err != nil {
			return nil, err
		}
		for i := range row.Events {
			if e := &row.Events[i]; f.wants(e) {
				events = append(events, Event{*e, *row})
				if len(events) == limit {
					return events, nil
				}
			}
		}
	}
	return events, nil
}
