// Package metrics is how a process says how it is, in Prometheus' way: what it measures under
// /metrics, and whether it lives and is ready under /healthz and /readyz.
//
// Nothing is pushed and nothing is counted twice: whoever has numbers, as a rule counters that
// are there anyway, gives them when they are asked for ([Endpoint.Collect]). A metric is a
// [Family], defined once, as a variable of the package that measures it; docs/metrics.md is made
// of all of them. No label holds what an outsider can choose without bound: see [Endpoint.Collect].
package metrics

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Kind is what a metric's values are.
type Kind string

// The kinds of metrics, by Prometheus' names.
const (
	CounterKind   Kind = "counter" // only grows, until the process ends
	GaugeKind     Kind = "gauge"
	HistogramKind Kind = "histogram"
)

// Join is how the values of several sources are put under one name.
type Join int

// How values are joined.
const (
	Sum Join = iota
	Highest
	Lowest
)

// Family is a metric: all series of a name.
type Family struct {
	Name   string // framebeam_…, with its unit
	Help   string // a sentence
	Kind   Kind
	Labels []string
	Join   Join

	desc *prometheus.Desc
}

var defined struct {
	sync.Mutex
	families map[string]*Family
}

// Counter defines a metric that only grows. Its name ends with _total.
func Counter(name, help string, labels ...string) *Family {
	if !strings.HasSuffix(name, "_total") {
		panic(fmt.Sprintf("metrics.Counter: %s does not end with _total", name))
	}
	return define(&Family{Name: name, Help: help, Kind: CounterKind, Labels: labels})
}

// Gauge defines a metric that goes up and down.
func Gauge(name, help string, labels ...string) *Family {
	return define(&Family{Name: name, Help: help, Kind: GaugeKind, Labels: labels})
}

// Histogram defines a metric of how values are spread.
func Histogram(name, help string, labels ...string) *Family {
	return define(&Family{Name: name, Help: help, Kind: HistogramKind, Labels: labels})
}

// Joined sets how values are put together that come under the same labels; default their sum.
func (f *Family) Joined(j Join) *Family {
	f.Join = j
	return f
}

// names are those that Prometheus' conventions allow for metrics of one program.
var names = regexp.MustCompile(`^framebeam(_[a-z0-9]+)+$`)

func define(f *Family) *Family {
	defined.Lock()
	defer defined.Unlock()
	if !names.MatchString(f.Name) || f.Help == "" {
		panic(fmt.Sprintf("metrics: %q is no name of a metric, or it has no help", f.Name))
	}
	if defined.families[f.Name] != nil {
		panic(fmt.Sprintf("metrics: %s is defined twice", f.Name))
	}
	if defined.families == nil {
		defined.families = map[string]*Family{}
	}
	f.desc = prometheus.NewDesc(f.Name, f.Help, f.Labels, nil)
	defined.families[f.Name] = f
	return f
}

// Defined are all metrics of the packages of this program, by name.
func Defined() []*Family {
	defined.Lock()
	defer defined.Unlock()
	var all []*Family
	for _, f := range defined.families {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b *Family) int { return cmp.Compare(a.Name, b.Name) })
	return all
}
