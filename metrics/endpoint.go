package metrics

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

var buildInfo = Gauge("framebeam_build_info", "What this program was built from; the value is 1.", "version", "goversion", "command")

// Endpoint is what a process says of itself. It costs next to nothing while nobody asks, so
// that a command may fill one whether it is served or not; a nil one takes everything and
// keeps nothing. Its methods are safe for concurrent use.
type Endpoint struct {
	command string

	mu      sync.Mutex
	sources []*source
	alive   checks
	ready   checks

	admitted admission
}

type source struct{ collect func(*Values) }

// New returns the endpoint of a command.
func New(command string) *Endpoint { return &Endpoint{command: command} }

// Collect has a function called at each scrape, by several goroutines at once if there are
// several: it gives values that it has, and asks nobody for them. What it gives is bounded: of a
// label's values [MaxCameras], [MaxPartitions] or [MaxValues] have series of their own, the
// others are joined under [Other]; who has one keeps it.
func (e *Endpoint) Collect(values func(*Values)) (remove func()) {
	if e == nil {
		return func() {}
	}
	s := &source{values}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sources = append(e.sources, s)
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.sources = slices.DeleteFunc(e.sources, func(have *source) bool { return have == s })
	}
}

// gathering is the endpoint as Prometheus' library wants it.
type gathering struct{ *Endpoint }

// Describe says nothing: which metrics there are is known when they are there.
func (gathering) Describe(chan<- *prometheus.Desc) {}

func (g gathering) Collect(to chan<- prometheus.Metric) {
	g.mu.Lock()
	sources := slices.Clone(g.sources)
	g.mu.Unlock()
	v := &Values{}
	version, goversion := "(devel)", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		version, goversion = info.Main.Version, info.GoVersion
	}
	v.Set(buildInfo, 1, version, goversion, g.command)
	for _, s := range sources {
		s.collect(v)
	}
	g.admitted.bounded(v).send(to)
}

// Bounds of answering.
const (
	atOnce        = 4 // scrapes; a Prometheus, its twin, and someone who looks
	scrapeTimeout = 10 * time.Second
)

// Handler answers /metrics, /healthz and /readyz.
func (e *Endpoint) Handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(gathering{e}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, ErrorLog: told{}, MaxRequestsInFlight: atOnce, Timeout: scrapeTimeout,
	}))
	mux.HandleFunc("GET /healthz", e.healthz)
	mux.HandleFunc("GET /readyz", e.readyz)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintf(w, "framebeam %s\n/metrics\n/healthz\n/readyz\n", e.command)
	})
	return mux
}

// told logs what goes wrong with a scrape.
type told struct{}

func (told) Println(v ...any) { slog.Warn("metrics: " + fmt.Sprint(v...)) }

// errNotYet is why something is not ready of which nothing was said.
var errNotYet = errors.New("not yet")
