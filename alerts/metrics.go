package alerts

import (
	"context"
	"errors"
	"time"

	"github.com/framebeam/framebeam/metrics"
)

var (
	toldTotal       = metrics.Counter("framebeam_alerts_told_total", "Alerts that a target has taken.", "target", "kind")
	refusedTotal    = metrics.Counter("framebeam_alerts_dead_letters_total", "Alerts that a target will never take, which lie in the file of dead letters.", "target", "kind")
	retriedTotal    = metrics.Counter("framebeam_alerts_failed_attempts_total", "Attempts to tell an alert that failed, and are made again.", "target", "kind")
	heldTotal       = metrics.Counter("framebeam_alerts_held_back_total", "Events that were held back by a limit or a quiet time.", "target", "kind")
	repeatedTotal   = metrics.Counter("framebeam_alerts_repeated_events_total", "Events that the topic had before, which are told once.", "target", "kind")
	unreadableTotal = metrics.Counter("framebeam_alerts_unreadable_records_total", "Records of the topic of events that cannot be read.", "target", "kind")
	lostTotal       = metrics.Counter("framebeam_alerts_losses_total", "How often events were deleted, or their topic was, before they were told.", "target", "kind")
	behindRecords   = metrics.Gauge("framebeam_alerts_lag_records", "Records of the topic of events that a target was not told of yet.", "target", "kind")
	failingSeconds  = metrics.Gauge("framebeam_alerts_failing_seconds", "For how long a target could not be told; 0: it can.", "target", "kind")
)

// Measure gives how it stands with targets to an endpoint, until remove is called. Of their
// health it says that the engine turns, and whether it has begun; a receiver that is away is
// no reason to start this process again.
func (e *Engine) Measure(to *metrics.Endpoint) (remove func()) {
	e.turn = to.Loop("alerts", turnWithin)
	to.Ready("alerts", func(context.Context) error {
		if !e.Ready() {
			return errors.New("the topic of events is not open yet")
		}
		return nil
	})
	return to.Collect(func(v *metrics.Values) {
		for _, s := range e.Status() {
			v.Set(toldTotal, float64(s.Told), s.Target, s.Kind)
			v.Set(refusedTotal, float64(s.Dead), s.Target, s.Kind)
			v.Set(retriedTotal, float64(s.Retried), s.Target, s.Kind)
			v.Set(heldTotal, float64(s.Held), s.Target, s.Kind)
			v.Set(repeatedTotal, float64(s.Repeated), s.Target, s.Kind)
			v.Set(unreadableTotal, float64(s.Unreadable), s.Target, s.Kind)
			v.Set(lostTotal, float64(s.Lost), s.Target, s.Kind)
			v.Set(behindRecords, float64(s.Behind), s.Target, s.Kind)
			failing := 0.0
			if !s.Since.IsZero() {
				failing = time.Since(s.Since).Seconds()
			}
			v.Set(failingSeconds, failing, s.Target, s.Kind)
		}
	})
}

// turnWithin is how often the engine turns at least.
const turnWithin = 2 * time.Minute
