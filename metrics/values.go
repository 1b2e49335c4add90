package metrics

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// How many values a label may have. The rest are joined under [Other].
const (
	MaxCameras    = 256
	MaxPartitions = 1024
	MaxValues     = 100 // of any other label
)

// Other is the value of a label for all that are more than it may have.
const Other = "other"

func most(label string) int {
	switch label {
	case "camera":
		return MaxCameras
	case "partition":
		return MaxPartitions
	}
	return MaxValues
}

// Spread is how values are spread, for a histogram.
type Spread struct {
	Count   uint64
	Sum     float64
	Buckets map[float64]uint64 // by their upper bounds, each with those of the lower ones
}

// Values takes what is measured at one time.
type Values struct {
	samples map[*Family]map[string]*sample
}

type sample struct {
	labels []string
	value  float64
	spread *Spread
}

// Set gives a metric a value, with the values of its labels in their order. Values under the
// same labels are joined, see [Family.Joined].
func (v *Values) Set(f *Family, value float64, labels ...string) {
	v.join(f, &sample{labels: labels, value: value})
}

// Observed gives a histogram how its values are spread. Those under the same labels, which
// must have the same bounds, are added.
func (v *Values) Observed(f *Family, s Spread, labels ...string) {
	s.Buckets = maps.Clone(s.Buckets)
	v.join(f, &sample{labels: labels, spread: &s})
}

func (v *Values) join(f *Family, s *sample) {
	if len(s.labels) != len(f.Labels) || (s.spread != nil) != (f.Kind == HistogramKind) {
		panic(fmt.Sprintf("metrics: %s with labels %q, for %q", f.Name, s.labels, f.Labels))
	}
	if v.samples == nil {
		v.samples = map[*Family]map[string]*sample{}
	}
	of := v.samples[f]
	if of == nil {
		of = map[string]*sample{}
		v.samples[f] = of
	}
	key := strings.Join(s.labels, "\xff") // in no text that is UTF-8
	have := of[key]
	switch {
	case have == nil:
		of[key] = s
	case s.spread != nil:
		have.spread.Count += s.spread.Count
		have.spread.Sum += s.spread.Sum
		for bound, n := range s.spread.Buckets {
			have.spread.Buckets[bound] += n
		}
	case f.Join == Highest:
		have.value = max(have.value, s.value)
	case f.Join == Lowest:
		have.value = min(have.value, s.value)
	default:
		have.value += s.value
	}
}

// admission remembers which values of labels have series of their own, so that they keep them
// while they are there.
type admission struct {
	mu  sync.Mutex
	are map[string]map[string]bool // by label
}

// bounded joins what is beyond the bounds of labels.
func (a *admission) bounded(v *Values) *Values {
	a.mu.Lock()
	defer a.mu.Unlock()
	there := map[string]map[string]bool{}
	for f, samples := range v.samples {
		for i, label := range f.Labels {
			if there[label] == nil {
				there[label] = map[string]bool{}
			}
			for _, s := range samples {
				there[label][s.labels[i]] = true
			}
		}
	}
	before := a.are
	a.are = map[string]map[string]bool{}
	for label, values := range there {
		admitted := map[string]bool{}
		for _, known := range []bool{true, false} {
			for _, value := range slices.Sorted(maps.Keys(values)) {
				if len(admitted) < most(label) && before[label][value] == known {
					admitted[value] = true
				}
			}
		}
		a.are[label] = admitted
	}
	out := &Values{}
	for f, samples := range v.samples {
		for _, s := range samples {
			labels := slices.Clone(s.labels)
			for i, label := range f.Labels {
				if !a.are[label][labels[i]] {
					labels[i] = Other
				}
			}
			out.join(f, &sample{labels: labels, value: s.value, spread: s.spread})
		}
	}
	return out
}

// send gives the values to Prometheus' registry.
func (v *Values) send(to chan<- prometheus.Metric) {
	for f, samples := range v.samples {
		for _, s := range samples {
			for i, text := range s.labels {
				s.labels[i] = strings.ToValidUTF8(text, "?")
			}
			var m prometheus.Metric
			var err error
			switch {
			case s.spread != nil:
				m, err = prometheus.NewConstHistogram(f.desc, s.spread.Count, s.spread.Sum, s.spread.Buckets, s.labels...)
			case f.Kind == CounterKind:
				m, err = prometheus.NewConstMetric(f.desc, prometheus.CounterValue, s.value, s.labels...)
			default:
				m, err = prometheus.NewConstMetric(f.desc, prometheus.GaugeValue, s.value, s.labels...)
			}
			if err != nil {
				m = prometheus.NewInvalidMetric(f.desc, err)
			}
			to <- m
		}
	}
}
