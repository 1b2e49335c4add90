package launch

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/coder"
	pipepb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/pipeline_v1"

	"github.com/framebeam/framebeam/console"
)

// tally is a running job's counters, "namespace/name" to value, as far as the
// engine has heard.
type tally map[string]int64

// sumInt64 is the type of monitoring info of a Beam counter
// (metrics.proto, USER_SUM_INT64).
const sumInt64 = "beam:metrics:sum_int64:v1"

// counting asks a running job for its counters, as far as the engine has heard.
type counting func(context.Context) (tally, error)

// inPlace is the longest that a line on a terminal stands unchanged.
const inPlace = time.Second

// watch prints the counters every Interval, on a terminal more often, until the returned
// function is called, which waits for the last line. What cannot be asked is left out:
// progress is for looking at.
func (m *Meter) watch(ctx context.Context, count counting) (stop func()) {
	if m == nil || m.Interval <= 0 && m.Counted == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	out, every, shows := console.Default(), m.Interval, m.Interval > 0
	switch {
	case !shows:
		every = Interval
	case out.Terminal():
		every = min(every, inPlace)
	}
	go func() {
		defer close(done)
		defer out.EndProgress()
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if c, err := count(ctx); err == nil && len(c) > 0 {
				if m.Counted != nil {
					m.Counted(c)
				}
				if shows {
					m.print(out, c, time.Now())
				}
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

func add(sum tally, info *pipepb.MonitoringInfo) {
	if info.GetType() != sumInt64 || info.GetLabels()["NAMESPACE"] == "" {
		return
	}
	if v, err := coder.DecodeVarInt(bytes.NewReader(info.GetPayload())); err == nil {
		sum[info.GetLabels()["NAMESPACE"]+"/"+info.GetLabels()["NAME"]] += v
	}
}

// Meter shows how far work is, every Interval while something goes on: the counters, the
// rate of the first one and how long it will take still. With an Interval
// of 0 it only adds up.
type Meter struct {
	Interval time.Duration
	Counters []Counter
	// Counted, unless it is nil, is called with all counters of the job, "namespace/name" to
	// value, whenever the engine says them, every Interval or more often, and at the end.
	Counted func(map[string]int64)
	// More is what else is said, for people and for programs; nil: nothing.
	More func() (string, []slog.Attr)

	begun time.Time // when line was called first
	first tally
	last  tally // when line was called last
	at    time.Time
	still bool // nothing went on then, and it was said
	total tally
}

// Total is what a counter of a job that has ended well came to, as the engine
// counts; work that was done again may be in it twice.
func (m *Meter) Total(name string) int64 { return m.total[name] }

// ask takes the counters of a job that has ended from its engine. One that does
// not say them leaves them at nothing: they are for looking at.
func (m *Meter) ask(ctx context.Context, count counting) {
	if m == nil {
		return
	}
	if c, err := count(ctx); err == nil {
		m.total = c
		if m.Counted != nil && len(c) > 0 {
			m.Counted(c)
		}
	}
}

// Counter is a Beam counter, "namespace/name", and what to call it. Total is what it comes
// to in the end, 0 if nobody knows.
type Counter struct {
	Name, Label string
	Total       int64
}

func (m *Meter) print(out *console.Console, now tally, at time.Time) {
	if line, attrs := m.line(now, at, out.Terminal()); line != "" {
		out.Progress(line, attrs...)
	}
}

// line is what is said of the counters at a time, for people and for programs: nothing
// while nothing goes on, but for the first time, or where it takes the place of the last
// line.
func (m *Meter) line(now tally, at time.Time, inPlace bool) (string, []slog.Attr) {
	still := m.last != nil
	var b strings.Builder
	var attrs []slog.Attr
	for _, c := range m.Counters {
		still = still && now[c.Name] == m.last[c.Name]
		fmt.Fprintf(&b, "%s %d", c.Label, now[c.Name])
		if inPlace && c.Total > 0 {
			fmt.Fprintf(&b, " of %d", c.Total)
		}
		b.WriteString("  ")
		attrs = append(attrs, slog.Int64(c.Label, now[c.Name]))
	}
	if m.last != nil {
		rate := float64(now[m.Counters[0].Name]-m.last[m.Counters[0].Name]) / at.Sub(m.at).Seconds()
		attrs = append(attrs, slog.Float64("per_second", rate))
		left, known := m.left(now, at)
		if known {
			attrs = append(attrs, slog.Float64("seconds_left", left.Seconds()))
		}
		if known {
			fmt.Fprintf(&b, "(%.0f/s, %v left)", rate, left)
		} else {
			fmt.Fprintf(&b, "(%.0f/s)", rate)
		}
	} else {
		m.begun, m.first = at, now
	}
	if m.More != nil {
		if more, of := m.More(); more != "" {
			fmt.Fprintf(&b, "  %s", more)
			attrs = append(attrs, of...)
		}
	}
	said := m.still
	m.last, m.at, m.still = now, at, still
	if still && said && !inPlace {
		return "", nil
	}
	return strings.TrimSpace(b.String()), attrs
}

// left is how long it will take until the first counter with a total is there, as fast as
// it has been so far. When it is there, nobody knows.
func (m *Meter) left(now tally, at time.Time) (time.Duration, bool) {
	for _, c := range m.Counters {
		if c.Total == 0 {
			continue
		}
		done, left := now[c.Name]-m.first[c.Name], c.Total-now[c.Name]
		if done <= 0 || left <= 0 {
			return 0, false
		}
		return time.Duration(float64(at.Sub(m.begun)) / float64(done) * float64(left)).Round(time.Second), true
	}
	return 0, false
}
