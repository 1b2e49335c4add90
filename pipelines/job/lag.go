package job

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/framebeam/framebeam/pipelines/lag"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/log"
)

// watch looks again and again how far the output is behind the log, until ended is called, which
// waits: for metrics, and for the progress of a live job. said is what was seen last.
func (j *Job) watch(ctx context.Context, out *output.Output) (said func() (string, []slog.Attr), ended func()) {
	var last atomic.Pointer[lag.Sum]
	said = func() (string, []slog.Attr) {
		if s := last.Load(); s != nil {
			return lagLine(s), lagAttrs(s)
		}
		return "", nil
	}
	progress := j.Progress > 0 && j.Until.Never()
	if j.Metrics == nil && !progress {
		return said, func() {}
	}
	var l log.Log // of its own: the job's is not for several users
	var w *lag.Watcher
	// While the job comes to its end there is a lag, too.
	stop := j.measured.Watch(context.WithoutCancel(ctx), j.Output, progress, func(ctx context.Context) (_ []lag.Lag, err error) {
		if w == nil {
			if l, err = log.Open(ctx, j.Log); err != nil {
				return nil, err
			}
			w = lag.Watch(only(l, j.Partitions), out, j.Topic)
		}
		all, err := w.Look(ctx)
		if err == nil {
			sum := lag.Total(all)
			last.Store(&sum)
		}
		return all, err
	})
	return said, func() {
		stop()
		if l != nil {
			l.Close()
		}
	}
}

// lagLine is a lag for people.
func lagLine(s *lag.Sum) string {
	line := fmt.Sprintf("lag %d", s.Frames)
	if s.Frames > 0 && s.Behind != lag.Unknown {
		line += fmt.Sprintf(" (%v)", round(s.Behind))
	}
	switch {
	case s.CatchUp == lag.Unknown && s.Rate < 0: // too early to tell
	case s.CatchUp == lag.Unknown:
		line += ", not catching up"
	case s.CatchUp > 0:
		line += fmt.Sprintf(", caught up in %v", round(s.CatchUp))
	}
	if s.Lost > 0 {
		line += fmt.Sprintf(", %d of them deleted from the log", s.Lost)
	}
	return line
}

func round(d time.Duration) time.Duration {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}

// lagAttrs are a lag for programs.
func lagAttrs(s *lag.Sum) []slog.Attr {
	attrs := []slog.Attr{slog.Int64("lag", s.Frames), slog.Int64("lost", s.Lost)}
	if s.Behind != lag.Unknown {
		attrs = append(attrs, slog.Float64("lag_seconds", s.Behind.Seconds()))
	}
	if s.CatchUp != lag.Unknown {
		attrs = append(attrs, slog.Float64("seconds_left", s.CatchUp.Seconds()))
	}
	return attrs
}
