// Package events lists the events of an output: those that happened, in the order of the
// log, or as they come.
package events

import (
	"context"
	"iter"
	"slices"

	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/transforms/result"
)

// Filter says which events are wanted: those that have one of each list that is not empty.
type Filter struct {
	Period      period.Period
	Cameras     []string
	Analyses    []string
	Types       []string
	Rules       []string
	Transitions []string
	Labels      []string
	Tracks      []int64
}

// Names reports whether some events are asked for, of whichever cameras and period, and not all.
func (f *Filter) Names() bool {
	return len(f.Analyses)+len(f.Types)+len(f.Rules)+len(f.Transitions)+len(f.Labels)+len(f.Tracks) > 0
}

// Wants reports whether an event is wanted, of a frame that is: camera and period are not
// looked at.
func (f *Filter) Wants(e *result.Event) bool {
	return among(f.Analyses, e.Analysis) && among(f.Types, e.Type) && among(f.Rules, e.Rule) &&
		among(f.Transitions, e.Transition) && among(f.Labels, e.Label) && among(f.Tracks, e.Track)
}

func among[T comparable](list []T, v T) bool { return len(list) == 0 || slices.Contains(list, v) }

// query reads the rows in which wanted events are.
func (f *Filter) query() scan.Query {
	return scan.Query{
		Period: f.Period, Cameras: f.Cameras, EventTypes: f.Types,
		Columns: result.OfEpoch | result.OfEvents | result.OfConfig, Filled: result.OfEvents,
	}
}

// Found is an event, and the frame that it happened at: of this only what tells which it is
// and of when, its epoch, sequence, config and events are known.
type Found struct {
	Frame *result.Frame
	Event *result.Event
}

// All are the events of an output that are wanted, in the order of the log.
func (f *Filter) All(ctx context.Context, s *scan.Scan) iter.Seq2[Found, error] {
	return func(yield func(Found, error) bool) {
		for row, err := range s.Rows(ctx, f.query()) {
			if err != nil {
				yield(Found{}, err)
				return
			}
			for _, found := range f.of(row) {
				if !yield(found, nil) {
					return
				}
			}
		}
	}
}

// of are the wanted events of a frame.
func (f *Filter) of(row *result.Frame) (list []Found) {
	for i := range row.Events {
		if f.Wants(&row.Events[i]) {
			list = append(list, Found{row, &row.Events[i]})
		}
	}
	return list
}
