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

// How often a live job looks how far it is behind, and how long that may take: it is for
// looking at.
const (
	lagEvery    = 2 * time.Second
	lagPatience = 10 * time.Second
)

// behind looks again and again how far the output is behind the log, until stop is called, which
// waits. said is what was seen last.
func (j *Job) behind(ctx context.Context, l log.Log, out *output.Output) (said func() (string, []slog.Attr), stop func()) {
	var last atomic.Pointer[lag.Sum]
	said = func() (string, []slog.Attr) {
		if s := last.Load(); s != nil {
			return lagLine(s), lagAttrs(s)
		}
		return "", nil
	}
	if j.Progress == 0 || !j.Until.Never() {
		return said, func() {}
	}
	w := lag.Watch(only(l, j.Partitions), out, j.Topic)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(lagEvery)
		defer tick.Stop()
		for {
			look, over := context.WithTimeout(ctx, lagPatience)
			if all, err := w.Look(look); err == nil {
				sum := lag.Total(all)
				last.Store(&sum)
			}
			over()
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return said, func() {
		cancel()
		<-done
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
