package launch

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/coder"
	pipepb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/pipeline_v1"
)

// tally is a running job's counters, "namespace/name" to value, as far as the
// engine has heard.
type tally map[string]int64

// sumInt64 is the type of monitoring info of a Beam counter
// (metrics.proto, USER_SUM_INT64).
const sumInt64 = "beam:metrics:sum_int64:v1"

// counting asks a running job for its counters, as far as the engine has heard.
type counting func(context.Context) (tally, error)

// watch prints the counters every Interval until the returned function is called,
// which waits for the last line. What cannot be asked is left out: progress is
// for looking at.
func (m *Meter) watch(ctx context.Context, count counting) (stop func()) {
	if m == nil || m.Interval <= 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(m.Interval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if c, err := count(ctx); err == nil && len(c) > 0 {
				m.print(c)
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

// Meter prints a line to standard error every Interval while something goes on:
// the counters and the rate of the first one. With an Interval of 0 it only adds up.
type Meter struct {
	Interval time.Duration
	Counters []Counter

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
	}
}

// Counter is a Beam counter, "namespace/name", and what to call it.
type Counter struct{ Name, Label string }

func (m *Meter) print(now tally) {
	if line := m.line(now, time.Now()); line != "" {
		fmt.Fprintln(os.Stderr, line)
	}
}

// line is what is said of the counters at a time: nothing while nothing goes on,
// but for the first time.
func (m *Meter) line(now tally, at time.Time) string {
	still := m.last != nil
	var b strings.Builder
	for _, c := range m.Counters {
		still = still && now[c.Name] == m.last[c.Name]
		fmt.Fprintf(&b, "%s %d  ", c.Label, now[c.Name])
	}
	if m.last != nil {
		first := m.Counters[0].Name
		fmt.Fprintf(&b, "(%.0f/s)", float64(now[first]-m.last[first])/at.Sub(m.at).Seconds())
	}
	said := m.still
	m.last, m.at, m.still = now, at, still
	if still && said {
		return ""
	}
	return strings.TrimSpace(b.String())
}
