package element

import (
	"time"

	"github.com/framebeam/framebeam/tracing"
	"github.com/framebeam/framebeam/transforms/result"
)

// Trace says of each row whose frame is followed that something was done with it, from begin until
// now. A nil tracer says nothing.
func Trace(t *tracing.Tracer, rows []result.Frame, name string, begin time.Time) {
	if t == nil {
		return
	}
	end := time.Now()
	for i := range rows {
		r := &rows[i]
		if r.Status != result.OK || r.Epoch == "" {
			continue
		}
		if at, ok := t.Published(tracing.ID{Camera: r.Camera, Epoch: r.Epoch, Sequence: r.Sequence}); ok {
			t.Span(at, name, begin, end)
		}
	}
}
