// Package cameras is the view of all cameras: how each is, what was counted today, and live
// pictures with what was found in them.
//
// What is told of a camera comes from two sides: the output's rows, and the newest records of the
// topic, which are read once for all who look, and only while somebody does. A picture is always
// shown with the boxes of its own frame. As results come later than frames, that is the newest
// frame of which there are results; where they are too far behind, it is the newest frame as it
// is, and the page says that it is not analysed yet.
package cameras

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/framebeam/framebeam/history/counts"
	"github.com/framebeam/framebeam/monitor/inputs"
	"github.com/framebeam/framebeam/monitor/web"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/config/shapes"
	"github.com/framebeam/framebeam/transforms/frame"
)

// view is all that is known of cameras.
type view struct {
	web.Deps

	mu       sync.Mutex
	day      time.Time
	current  bool // all rows of the day are known that there are
	complete bool // and have been since the day began
	cameras  map[string]*camera
	counted  *counts.Counter
	changed  bool          // something is to be told
	fresh    chan struct{} // a reset, after which older cameras are to be looked for

	many   bool // somebody looks at many cameras
	shapes shapes.Set
	parser *frame.Parser

	history web.Recent[*past]
	dark    darkroom
}

// Register adds what the view asks for.
func Register(mux *http.ServeMux, d web.Deps) {
	v := &view{Deps: d, cameras: map[string]*camera{}, parser: parserOf(""), fresh: make(chan struct{}, 1), dark: make(darkroom)}
	v.history.For = keepDay
	d.Inputs.OnRows(v.rows)
	d.Background(v.run)
	mux.Handle("GET /api/v1/cameras", d.Handle(v.list))
	mux.Handle("GET /api/v1/cameras/pictures", d.Handle(v.pictures))
	mux.Handle("GET /api/v1/cameras/{camera}/shapes", d.Handle(v.shapesOf))
	mux.Handle("GET /api/v1/cameras/{camera}/history", d.Handle(v.historyOf))
}

// tellEvery is how often browsers are told what has changed.
const tellEvery = time.Second

// tellAnyway is how often they are told what only time has changed: a camera becomes silent.
const tellAnyway = 3 * time.Second

// run follows the topic and tells what has changed.
func (v *view) run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	if v.Inputs.HasKafka() {
		all.Go(func() { v.follow(ctx) })
	}
	all.Go(func() { v.dark.run(ctx) })
	all.Go(func() { v.fetch(ctx) })
	all.Go(func() { v.remember(ctx) })
	var last time.Time
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if !v.Hub.Watched("cameras") {
			continue
		}
		v.mu.Lock()
		changed := v.changed
		v.changed = false
		v.mu.Unlock()
		if !changed && time.Since(last) < tellAnyway {
			continue
		}
		last = time.Now()
		told, err := v.told()
		if err != nil {
			v.Log.Error("cameras cannot be told", "error", err)
			continue
		}
		v.Hub.State("cameras", told)
	}
}

// rows takes what the output has.
func (v *view) rows(u inputs.Update) {
	first := v.take(u)
	if !u.Current {
		return
	}
	v.newShapes()
	if first {
		select {
		case v.fresh <- struct{}{}:
		default:
		}
	}
}

// take reports whether these are the last of all rows that there were at first.
func (v *view) take(u inputs.Update) (first bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if u.Reset {
		v.reset(u.Day)
	}
	v.changed = v.changed || len(u.Rows) > 0 || u.Current != v.current
	first = u.Current && !v.complete
	v.complete = v.complete || u.Current
	v.current = u.Current || v.current && len(u.Rows) > 0
	for i := range u.Rows {
		r := &u.Rows[i]
		v.counted.Add(r)
		if r.Camera != "" {
			v.camera(r.Camera).row(r)
		}
	}
	return first
}

func (v *view) reset(day time.Time) {
	v.day, v.current, v.complete = day, false, false
	for _, c := range v.cameras {
		c.forgetRows()
	}
	v.counted = counter(day, v.Inputs.Zone)
}

// camera is the one with an id, which need not be known yet.
func (v *view) camera(id string) *camera {
	c := v.cameras[id]
	if c == nil {
		c = &camera{id: id}
		v.cameras[id] = c
	}
	return c
}

// newShapes reads which lines and zones the generations have, if a row names a configuration
// that is not known yet.
func (v *view) newShapes() {
	v.mu.Lock()
	unknown := map[string]bool{}
	for _, c := range v.cameras {
		if c.newest != nil && c.newest.Config != "" && v.shapes[c.newest.Config] == nil {
			unknown[c.newest.Config] = true
		}
	}
	v.mu.Unlock()
	if len(unknown) == 0 {
		return
	}
	texts, err := v.configs()
	if err != nil || len(texts) == 0 {
		return // the output is away: it is asked again
	}
	set, parser := profiles.Shapes(texts...), parserOf(texts[len(texts)-1])
	for config := range unknown {
		if set[config] == nil {
			set[config] = map[string]shapes.Scheduled{} // it has none
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.shapes, v.parser = set, parser
}

// ids are those of all cameras: of the collector's file in its order, then others.
func (v *view) ids() []string {
	ids := v.Inputs.CameraIDs()
	known := map[string]bool{}
	for _, id := range ids {
		known[id] = true
	}
	var others []string
	for id := range v.cameras {
		if !known[id] {
			others = append(others, id)
		}
	}
	slices.Sort(others)
	return append(ids, others...)
}

func (v *view) list(w http.ResponseWriter, r *http.Request) error {
	told, err := v.told()
	if err != nil {
		return err
	}
	return web.JSON(w, r, told)
}

// named is the camera that a request names.
func (v *view) named(r *http.Request) (string, error) {
	id := r.PathValue("camera")
	if !frame.ValidCamera(id) {
		return "", web.BadRequest("%q is not a camera id", id)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.cameras[id] == nil && !slices.Contains(v.Inputs.CameraIDs(), id) {
		return "", web.NotFound("there is no camera %s", id)
	}
	return id, nil
}
