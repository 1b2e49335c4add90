package source

import (
	"sync/atomic"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/mtime"
)

// eventTime is the event time of what happens at a position: as many
// milliseconds after 1970. It says nothing of when a frame was captured. It is
// there for engines that deliver by event time: they then deliver each camera's
// links in the order of its chain.
func eventTime(position int64) mtime.Time { return mtime.Time(position) }

// watermark says that everything before a position was emitted. It never goes
// back.
type watermark struct{ position atomic.Int64 }

func newWatermark(position int64) *watermark {
	w := &watermark{}
	w.position.Store(position)
	return w
}

// CurrentWatermark implements Beam's WatermarkEstimator.
func (w *watermark) CurrentWatermark() time.Time { return eventTime(w.position.Load()).ToTime() }

func (w *watermark) advance(position int64) {
	w.position.Store(max(position, w.position.Load()))
}
