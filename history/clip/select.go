package clip

import (
	"context"

	"github.com/framebeam/framebeam/history/events"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/transforms/result"
)

// Select are the first events that a filter asks for, in the order of the log, but for
// those of the sequence stage itself.
func Select(ctx context.Context, s *scan.Scan, f events.Filter, limit int) (list []Event, err error) {
	for found, err := range f.All(ctx, s) {
		if err != nil {
			return nil, err
		}
		if !result.OfAnalysis(*found.Event) {
			continue
		}
		if list = append(list, Event{*found.Event, *found.Frame}); len(list) == limit {
			break
		}
	}
	return list, nil
}
