package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Check says why something is not well; nil: it is. What it says is shown to whoever asks: it
// must hold no secrets. It is called by one goroutine at a time and at most once in [CheckEvery],
// however often it is asked for, and is given up after [CheckPatience].
type Check func(context.Context) error

// Bounds of checks.
const (
	CheckEvery    = time.Second
	CheckPatience = 3 * time.Second
)

// Alive adds a check of /healthz: one that fails if this process has to be started again.
// It takes the place of one with the same name; nil removes it.
func (e *Endpoint) Alive(name string, c Check) {
	if e != nil {
		e.alive.add(name, c)
	}
}

// Ready adds a check of /readyz: one that fails while this process cannot do its work, for
// reasons that may pass. /readyz has those of /healthz, too. It takes the place of one with the
// same name; nil removes it.
func (e *Endpoint) Ready(name string, c Check) {
	if e != nil {
		e.ready.add(name, c)
	}
}

// Phase adds a check to /readyz whose answer is what was said last: first that it is not ready
// yet.
func (e *Endpoint) Phase(name string) (say func(error)) {
	var is atomic.Pointer[error]
	is.Store(&errNotYet)
	e.Ready(name, func(context.Context) error { return *is.Load() })
	return func(err error) { is.Store(&err) }
}

// Loop adds a check to /healthz of something that goes round: turn is called each time, and the
// check fails if that was longer ago than within.
func (e *Endpoint) Loop(name string, within time.Duration) (turn func()) {
	var last atomic.Int64
	begun := time.Now()
	e.Alive(name, func(context.Context) error {
		if ago := time.Since(begun) - time.Duration(last.Load()); ago > within {
			return fmt.Errorf("it has not turned for %v", ago.Round(time.Second))
		}
		return nil
	})
	return func() { last.Store(int64(time.Since(begun))) }
}

// checks are named checks, in the order in which they were added.
type checks struct {
	mu  sync.Mutex
	all []*check
}

type check struct {
	name string
	do   Check

	mu      sync.Mutex
	running chan struct{} // closed when the call that runs has ended
	at      time.Time     // when the last one ended
	err     error         // of it
}

func (c *checks) add(name string, do Check) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// Copied, since whoever runs them has the old list.
	var all []*check
	for _, have := range c.all {
		if have.name != name {
			all = append(all, have)
		}
	}
	if do != nil {
		all = append(all, &check{name: name, do: do})
	}
	c.all = all
}

func (c *checks) list() []*check {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all
}

// ask runs the check, unless somebody has done so a moment ago, or does.
func (c *check) ask(ctx context.Context) error {
	c.mu.Lock()
	if c.running == nil {
		if !c.at.IsZero() && time.Since(c.at) < CheckEvery {
			defer c.mu.Unlock()
			return c.err
		}
		c.running = make(chan struct{})
		go c.run(c.running) //nolint:gosec // It answers all who ask at that time, and has a time of its own.
	}
	running := c.running
	c.mu.Unlock()
	select {
	case <-running:
	case <-ctx.Done():
		return errors.New("it does not answer")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *check) run(running chan struct{}) {
	ctx, stop := context.WithTimeout(context.Background(), CheckPatience)
	defer stop()
	err := c.do(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err, c.at, c.running = err, time.Now(), nil
	close(running)
}

// Result is what a check said.
type Result struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty"`
}

// Health is what all checks said.
type Health struct {
	OK     bool     `json:"ok"`
	Checks []Result `json:"checks"`
}

// Healthz says whether this process lives.
func (e *Endpoint) Healthz(ctx context.Context) Health { return ask(ctx, e.alive.list()) }

// Readyz says whether this process is ready.
func (e *Endpoint) Readyz(ctx context.Context) Health {
	return ask(ctx, slices.Concat(e.alive.list(), e.ready.list()))
}

func ask(ctx context.Context, all []*check) Health {
	ctx, stop := context.WithTimeout(ctx, CheckPatience)
	defer stop()
	h := Health{OK: true, Checks: make([]Result, len(all))}
	var wg sync.WaitGroup
	for i, c := range all {
		wg.Go(func() {
			h.Checks[i] = Result{Name: c.name, OK: true}
			if err := c.ask(ctx); err != nil {
				h.Checks[i].OK, h.Checks[i].Reason = false, err.Error()
			}
		})
	}
	wg.Wait()
	for _, r := range h.Checks {
		h.OK = h.OK && r.OK
	}
	return h
}

func (e *Endpoint) healthz(w http.ResponseWriter, r *http.Request) {
	answer(w, r, e.Healthz(r.Context()))
}
func (e *Endpoint) readyz(w http.ResponseWriter, r *http.Request) {
	answer(w, r, e.Readyz(r.Context()))
}

// answer says it as text, a line for each check, or to whoever wants it as JSON.
func answer(w http.ResponseWriter, r *http.Request, h Health) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	status := http.StatusOK
	if !h.OK {
		status = http.StatusServiceUnavailable
	}
	if strings.Contains(r.Header.Get("Accept"), "application/json") || r.URL.Query().Get("format") == "json" {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(h)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	for _, c := range h.Checks {
		if c.OK {
			fmt.Fprintf(w, "[+] %s ok\n", c.Name)
		} else {
			fmt.Fprintf(w, "[-] %s: %s\n", c.Name, strings.Join(strings.Fields(c.Reason), " "))
		}
	}
	if h.OK {
		fmt.Fprintln(w, "ok")
	} else {
		fmt.Fprintln(w, "failed")
	}
}
