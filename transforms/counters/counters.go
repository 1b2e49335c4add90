// Package counters are Beam counters that differ by the value of a label, and what this
// process takes: what workers count comes to whoever submitted their job through the engine.
package counters

import (
	"context"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
)

// Namespace is that of all counters here.
const Namespace = "framebeam"

// mostValues is how many values of a label a process counts by; the rest are [Other]. Values are
// of sets that are bounded anyway: reasons, types of events, names of analyses.
const mostValues = 100

// Other is the value of those that are more.
const Other = "other"

// between separates a counter's name, its label and the value in the name that Beam knows.
// Flink makes another of a dot, a colon, a comma or a space.
const between = "__"

// ByLabel is a counter for each value of a label. It is safe for concurrent use.
type ByLabel struct {
	name, label string

	mu sync.Mutex
	of map[string]beam.Counter
}

// New returns counters of that name, by that label.
func New(name, label string) *ByLabel {
	return &ByLabel{name: name, label: label, of: map[string]beam.Counter{}}
}

// Add adds n to the counter of a value.
func (c *ByLabel) Add(ctx context.Context, value string, n int64) {
	if n != 0 {
		c.counter(value).Inc(ctx, n)
	}
}

func (c *ByLabel) counter(value string) beam.Counter {
	c.mu.Lock()
	defer c.mu.Unlock()
	have, ok := c.of[value]
	if ok {
		return have
	}
	if len(c.of) >= mostValues {
		value = Other
	}
	if have, ok = c.of[value]; !ok {
		have = beam.NewCounter(Namespace, c.name+between+c.label+between+plain(value))
		c.of[value] = have
	}
	return have
}

// plain is a value in characters that every engine leaves as they are.
func plain(value string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '/' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '-'
	}, value)
}

// Split takes a counter's name apart: into the name that it was made with, its label and the
// value; the last two are "" of one that has none.
func Split(of string) (name, label, value string) {
	name, rest, has := strings.Cut(of, between)
	if !has {
		return of, "", ""
	}
	label, value, _ = strings.Cut(rest, between)
	return name, label, value
}

// spent is what this process has taken of the CPU, in microseconds, as far as it was counted.
var spent struct {
	sync.Mutex
	counted time.Duration
}

var cpu = beam.NewCounter(Namespace, "worker_cpu_micros")

// CPU counts what this process has taken since it was counted last. Where a process has several
// callers, each counts what the others have not.
func CPU(ctx context.Context) {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return
	}
	spent.Lock()
	defer spent.Unlock()
	now := time.Duration(u.Utime.Nano() + u.Stime.Nano()).Truncate(time.Microsecond)
	cpu.Inc(ctx, (now - spent.counted).Microseconds())
	spent.counted = now
}
