// Package draw is what the page's view Draw needs: which lines, zones and masks a camera has and
// where in the analyses' file they stand, changing them there with all else left as it is, and
// what the changed ones would have counted.
package draw

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/framebeam/framebeam/strictyaml"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/sequence/steps"
)

// What is drawn.
const (
	Line = "line"
	Zone = "zone"
	Mask = "mask"
)

// Where something stands in the file.
const (
	All  = "all"  // for all cameras
	Own  = "own"  // in the entry of cameras that governs the camera
	Both = "both" // for all, and something of it is different in the entry
	New  = "new"  // an entry for this camera alone, which is to be made
)

// sections are the fields of the file with lines and zones by name, and where their points are.
var sections = map[string]struct{ name, points string }{Line: {"lines", "points"}, Zone: {"zones", "polygon"}}

// kinds are what has a name.
var kinds = []string{Line, Zone}

// Shape is a line or zone as it holds for a camera.
type Shape struct {
	Kind   string         `json:"kind"`
	Name   string         `json:"name"`
	Points [][2]float64   `json:"points"`
	Params map[string]any `json:"params"` // but for the points: those that are given, over each other
	In     string         `json:"in"`     // All, Own or Both
	Drawn  string         `json:"drawn"`  // All or Own: where its points are
	Line   int            `json:"line"`   // of the file, where its points are
	// Scheduled: at times something else holds for it, which is not shown here.
	Scheduled bool `json:"scheduled,omitempty"`
}

// Masked is an analysis with areas that it ignores.
type Masked struct {
	Analysis string         `json:"analysis"` // background, or activity/rule
	In       string         `json:"in"`
	Drawn    string         `json:"drawn"` // where its masks are, or would be
	Polygons [][][2]float64 `json:"polygons"`
}

// Place is where something of a camera can be written.
type Place struct {
	ID      string   `json:"id"` // All, Own or New
	Match   string   `json:"match,omitempty"`
	Line    int      `json:"line,omitempty"`
	Cameras []string `json:"cameras"` // that it holds for, of those that are known
}

// Camera is what there is to draw for one.
type Camera struct {
	Shapes []Shape  `json:"shapes"`
	Masks  []Masked `json:"masks"`
	Places []Place  `json:"places"`
	// Tracks are the analyses whose tracks lines and zones may read; none: they need one.
	Tracks []string `json:"tracks"`
	// Labels are those of what is found, as far as the file knows.
	Labels []string `json:"labels"`
}

// view is a document's tree as a camera sees it.
type view struct {
	all   map[string]any
	own   map[string]any // nil: no entry governs the camera
	index int            // of the entry; -1: none
	lines strictyaml.Lines
}

// viewOf finds the entry of cameras that governs a camera: the first whose pattern matches it.
func viewOf(tree any, lines strictyaml.Lines, camera string) view {
	v := view{index: -1, lines: lines}
	v.all, _ = tree.(map[string]any)
	entries, _ := v.all["cameras"].([]any)
	match := func(i int) string {
		e, _ := entries[i].(map[string]any)
		m, _ := e["match"].(string)
		if m == "" {
			return "[" // matches nothing: what lacks its pattern is wrong, and is said
		}
		return m
	}
	if v.index = params.Select(camera, match, len(entries)); v.index >= 0 {
		v.own, _ = entries[v.index].(map[string]any)
	}
	return v
}

func (v *view) match() string { m, _ := v.own["match"].(string); return m }

// section is the mapping of a place with the lines, say.
func section(of map[string]any, name string) map[string]any {
	m, _ := of[name].(map[string]any)
	return m
}

// setting is one of an analysis: on with fields, off, or not there.
func setting(v any, there bool) (fields map[string]any, on, given bool) {
	switch v := v.(type) {
	case map[string]any:
		return v, true, true
	case bool:
		return nil, v, true
	}
	return nil, false, there
}

// cameraOf lists what a camera has. known are all cameras.
func cameraOf(tree any, lines strictyaml.Lines, camera string, known []string) Camera {
	v := viewOf(tree, lines, camera)
	c := Camera{Shapes: []Shape{}, Masks: v.masks(), Places: v.places(camera, known), Tracks: []string{}, Labels: []string{}}
	for _, kind := range kinds {
		for _, name := range v.names(sections[kind].name) {
			if s, ok := v.shape(kind, name); ok {
				c.Shapes = append(c.Shapes, s)
			}
		}
	}
	if _, on := v.merged("tracking"); on {
		c.Tracks = append(c.Tracks, "tracking")
	}
	c.Labels = append(c.Labels, v.labels()...)
	return c
}

// names are those of a section's entries in either place.
func (v *view) names(in string) []string {
	all := map[string]bool{}
	for _, of := range []map[string]any{v.all, v.own} {
		for name := range section(of, in) {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// merged are the fields of an analysis as they hold for the camera.
func (v *view) merged(path ...string) (map[string]any, bool) {
	get := func(of map[string]any) (any, bool) {
		var x any = of
		for _, name := range path {
			m, _ := x.(map[string]any)
			var ok bool
			if x, ok = m[name]; !ok {
				return nil, false
			}
		}
		return x, true
	}
	base, on, _ := setting(get(v.all))
	fields, ownOn, given := setting(get(v.own))
	if given {
		on = ownOn
	}
	// A whole kind may be off in the entry, whatever is said of its rules.
	if len(path) > 1 && v.own != nil && v.own[path[0]] == false {
		on = false
	}
	if base == nil && fields == nil {
		return map[string]any{}, on
	}
	all := maps.Clone(base)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, fields)
	return all, on
}

func (v *view) pointer(in string, path ...string) string {
	if in == Own {
		path = append([]string{"cameras", strconv.Itoa(v.index)}, path...)
	}
	return strictyaml.Pointer(path...)
}

// shape is a line or zone, if it is on for the camera.
func (v *view) shape(kind, name string) (Shape, bool) {
	at := sections[kind]
	fields, on := v.merged(at.name, name)
	if !on {
		return Shape{}, false
	}
	inAll, _ := section(v.all, at.name)[name].(map[string]any)
	inOwn, ownThere := section(v.own, at.name)[name]
	ownFields, _ := inOwn.(map[string]any)
	s := Shape{Kind: kind, Name: name, Params: map[string]any{}, In: All, Drawn: All, Points: points(fields[at.points])}
	switch {
	case inAll == nil:
		s.In = Own
	case ownThere:
		s.In = Both
	}
	if _, ok := ownFields[at.points]; ok || s.In == Own {
		s.Drawn = Own
	}
	s.Line = v.lines.At(v.pointer(s.Drawn, at.name, name, at.points))
	for k, p := range fields {
		switch k {
		case at.points:
		case "during", "only":
			s.Scheduled = true
		default:
			s.Params[k] = p
		}
	}
	return s, true
}

// points reads a list of positions; what is none is left out, and told by whoever checks the file.
func points(v any) (all [][2]float64) {
	list, _ := v.([]any)
	all = [][2]float64{}
	for _, one := range list {
		if xy, _ := one.([]any); len(xy) == 2 {
			x, ok1 := number(xy[0])
			y, ok2 := number(xy[1])
			if ok1 && ok2 {
				all = append(all, [2]float64{x, y})
			}
		}
	}
	return all
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, !math.IsNaN(v)
	case int64:
		return float64(v), true
	}
	return 0, false
}

// masks are the analyses of the camera that can ignore areas.
func (v *view) masks() []Masked {
	all := []Masked{}
	add := func(name string, path ...string) {
		fields, on := v.merged(path...)
		if !on {
			return
		}
		m := Masked{Analysis: name, In: All, Drawn: All, Polygons: [][][2]float64{}}
		var inOwn, inAll any = v.own, v.all
		for _, p := range path {
			own, _ := inOwn.(map[string]any)
			base, _ := inAll.(map[string]any)
			inOwn, inAll = own[p], base[p]
		}
		switch {
		case inAll == nil || inAll == false:
			m.In, m.Drawn = Own, Own
		case inOwn != nil:
			m.In = Both
		}
		if own, _ := inOwn.(map[string]any); own["ignore"] != nil {
			m.Drawn = Own
		}
		list, _ := fields["ignore"].([]any)
		for _, p := range list {
			m.Polygons = append(m.Polygons, points(p))
		}
		all = append(all, m)
	}
	add("background", "background")
	for _, name := range v.names("activity") {
		add("activity/"+name, "activity", name)
	}
	return all
}

// places are where something of the camera can be written, that for all first.
func (v *view) places(camera string, known []string) []Place {
	all := Place{ID: All, Cameras: slices.Clone(known)}
	if !slices.Contains(all.Cameras, camera) {
		all.Cameras = append(all.Cameras, camera)
	}
	slices.Sort(all.Cameras)
	places := []Place{all}
	if v.index >= 0 {
		own := Place{ID: Own, Match: v.match(), Line: v.lines.At(v.pointer(Own, "match")), Cameras: []string{}}
		for _, c := range all.Cameras {
			if other := viewOf(v.all, v.lines, c); other.index == v.index {
				own.Cameras = append(own.Cameras, c)
			}
		}
		places = append(places, own)
	}
	if v.index < 0 || v.match() != camera {
		places = append(places, Place{ID: New, Match: camera, Cameras: []string{camera}})
	}
	return places
}

// labels are those of what the camera's analyses find, as far as the file says so.
func (v *view) labels() (all []string) {
	for name, label := range map[string]string{"background": "object", "people": "person", "faces": "face"} {
		if _, on := v.merged(name); on {
			all = append(all, label)
		}
	}
	for _, name := range v.names("networks") {
		fields, on := v.merged("networks", name)
		for _, from := range []string{"labels", "classes"} {
			list, _ := fields[from].([]any)
			for _, l := range list {
				if s, ok := l.(string); ok && on && len(all) < 200 {
					all = append(all, s)
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// defaults are the parameters of a line or zone, as the file would have them where nothing is said.
func defaults(kind string) (map[string]any, error) {
	var of any = steps.DefaultLines()
	if kind == Zone {
		of = steps.DefaultZones()
	}
	b, err := json.Marshal(of)
	fields := map[string]any{}
	if err == nil {
		err = json.Unmarshal(b, &fields)
	}
	delete(fields, sections[kind].points)
	return fields, err
}

// defaultOf is one of them.
func defaultOf(kind, name string) (any, error) {
	all, err := defaults(kind)
	if err != nil {
		return nil, err
	}
	v, ok := all[name]
	if !ok {
		return nil, fmt.Errorf("a %s has no parameter %q", kind, name)
	}
	return v, nil
}
