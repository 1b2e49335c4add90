// Package pipeline is the view of how the work goes: how far the output is behind the topic, under
// which configurations it was made, what could not be read, how Flink's job is, and what room there
// is. Each part says by itself when it was looked at last, and why it could not be since.
package pipeline

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/framebeam/framebeam/monitor/inputs"
	"github.com/framebeam/framebeam/monitor/web"
)

// view is all that is known of the pipeline.
type view struct {
	web.Deps

	positions   part[positions]
	generations part[generations]
	flink       part[cluster]
	storage     part[storage]
	dead        *letters

	mu    sync.Mutex
	asked time.Time // when somebody asked last
	sizes averages
}

// part is a part of the view, which is looked at now and then.
type part[T any] struct {
	mu      sync.Mutex
	started time.Time // when it was looked at last
	told    Told[T]
}

// Told is a part with how old it is. Its JSON is what the page gets.
type Told[T any] struct {
	At    *time.Time `json:"at"` // when Data was so; null: never
	Error string     `json:"error,omitempty"`
	Data  *T         `json:"data"`
}

// look looks again if that is due.
func (p *part[T]) look(ctx context.Context, every, most time.Duration, fn func(context.Context) (*T, error)) {
	p.mu.Lock()
	due := time.Since(p.started) >= every
	if due {
		p.started = time.Now()
	}
	p.mu.Unlock()
	if !due {
		return
	}
	within, stop := context.WithTimeout(ctx, most)
	defer stop()
	data, err := fn(within)
	if ctx.Err() != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if data != nil {
		now := time.Now()
		p.told.At, p.told.Data = &now, data
	}
	p.told.Error = ""
	if err != nil {
		p.told.Error = err.Error()
	}
}

func (p *part[T]) now() Told[T] {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.told
}

// Register adds what the view asks for.
func Register(mux *http.ServeMux, d web.Deps) {
	v := &view{Deps: d, dead: &letters{}}
	d.Inputs.OnRows(v.rows)
	d.Background(v.run)
	mux.Handle("GET /api/v1/pipeline", d.Handle(v.all))
	mux.Handle("GET /api/v1/pipeline/dead", d.Handle(v.letters))
	mux.Handle("GET /api/v1/pipeline/record", d.Handle(v.record))
}

const (
	// lookEvery is how often the parts that change all the time are looked at while somebody
	// looks, and slowEvery the others.
	lookEvery = 2 * time.Second
	slowEvery = 15 * time.Second
	// lookTime bounds one look.
	lookTime = 10 * time.Second
	// watchTime is how long after a request somebody counts as looking.
	watchTime = 15 * time.Second
)

// run looks at all parts while somebody looks at the view.
func (v *view) run(ctx context.Context) {
	tick := time.NewTicker(lookEvery / 2)
	defer tick.Stop()
	lags := &lags{view: v}
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		v.mu.Lock()
		watched := time.Since(v.asked) < watchTime
		v.mu.Unlock()
		if !watched && !v.Hub.Watched("pipeline") {
			continue
		}
		var all sync.WaitGroup
		if v.Inputs.HasKafka() {
			all.Go(func() { v.positions.look(ctx, lookEvery, lookTime, lags.look) })
		}
		if v.Inputs.FlinkREST != "" {
			all.Go(func() {
				v.flink.look(ctx, lookEvery, lookTime, func(ctx context.Context) (*cluster, error) {
					c, err := askFlink(ctx, v.Inputs.FlinkREST)
					return c, v.Inputs.Told(inputs.Flink, err)
				})
			})
		}
		all.Go(func() { v.generations.look(ctx, slowEvery/3, lookTime, v.lookGenerations) })
		all.Go(func() { v.storage.look(ctx, slowEvery, lookTime, v.lookStorage) })
		all.Wait()
		v.Hub.State("pipeline", v.told())
	}
}

// told is the view as the page gets it.
func (v *view) told() map[string]any {
	t := map[string]any{
		"now": time.Now(), "generations": v.generations.now(), "storage": v.storage.now(), "dead": v.dead.sums(v.Inputs.Zone),
		"inputs": v.Inputs.States(),
	}
	if v.Inputs.HasKafka() {
		t["positions"] = v.positions.now()
	}
	if v.Inputs.FlinkREST != "" {
		t["flink"] = v.flink.now()
	}
	return t
}

func (v *view) all(w http.ResponseWriter, r *http.Request) error {
	v.mu.Lock()
	v.asked = time.Now()
	v.mu.Unlock()
	return web.JSON(w, r, v.told())
}

// rows takes what the output has.
func (v *view) rows(u inputs.Update) {
	v.dead.take(u)
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range u.Rows {
		v.sizes.add(u.Rows[i].Bytes)
	}
}

// averages keeps about how long records are.
type averages struct{ mean float64 }

func (a *averages) add(bytes int64) {
	if a.mean == 0 {
		a.mean = float64(bytes)
	}
	a.mean += (float64(bytes) - a.mean) / 1000
}

func named(where string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", where, err)
}
