package draw

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/framebeam/framebeam/strictyaml"
	"github.com/framebeam/framebeam/strictyaml/edit"
	"github.com/framebeam/framebeam/transforms/config/profiles"
)

// Edit is one change of what a camera has. Its JSON comes from the page.
type Edit struct {
	// Op is set, rename or delete, of a line or zone; masks, of an analysis; or enable, which
	// switches an analysis on.
	Op   string `json:"op"`
	Kind string `json:"kind,omitempty"` // [Line] or [Zone]
	Name string `json:"name,omitempty"`
	// In is where: [All], [Own], or [New], which is [Own] once an entry for the camera was made.
	In     string       `json:"in"`
	To     string       `json:"to,omitempty"` // the new name
	Points [][2]float64 `json:"points,omitempty"`
	// Params are parameters that are to be as given, null: as by default. Those that are not
	// named stay.
	Params   map[string]any `json:"params,omitempty"`
	Analysis string         `json:"analysis,omitempty"` // whose masks, or that is switched on
	Polygons [][][2]float64 `json:"polygons,omitempty"`
}

// mostEdits and the like bound what a request can ask for; analyses have bounds of their own.
const (
	mostEdits    = 200
	mostPoints   = 64
	mostPolygons = 64
)

var validName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// check returns what is wrong with an edit, whatever the file.
func (e *Edit) check() error {
	if !slices.Contains([]string{All, Own, New}, e.In) {
		return fmt.Errorf("in: %q is none of all, own, new", e.In)
	}
	switch e.Op {
	case "set", "rename", "delete":
		if !slices.Contains(kinds, e.Kind) {
			return fmt.Errorf("kind: %q is neither line nor zone", e.Kind)
		}
		if !validName.MatchString(e.Name) || e.Op == "rename" && !validName.MatchString(e.To) {
			return errors.New("a name has 1 to 64 letters, digits, dots, dashes and underscores")
		}
		return checkPoints(e.Points)
	case "masks":
		if _, err := maskPath(e.Analysis); err != nil {
			return err
		}
		if len(e.Polygons) > mostPolygons {
			return fmt.Errorf("more than %d masks", mostPolygons)
		}
		for _, p := range e.Polygons {
			if err := checkPoints(p); err != nil {
				return err
			}
		}
		return nil
	case "enable":
		if e.Analysis != "tracking" && e.Analysis != "background" {
			return fmt.Errorf("analysis: %q is not switched on here", e.Analysis)
		}
		return nil
	}
	return fmt.Errorf("op: %q is none of set, rename, delete, masks, enable", e.Op)
}

func checkPoints(all [][2]float64) error {
	if len(all) > mostPoints {
		return fmt.Errorf("more than %d points", mostPoints)
	}
	for _, p := range all {
		for _, v := range p {
			if math.IsNaN(v) || v < 0 || v > 1 {
				return fmt.Errorf("%v is not in the picture, 0 to 1", p)
			}
		}
	}
	return nil
}

// maskPath is where the analysis stands whose masks are meant.
func maskPath(analysis string) ([]string, error) {
	kind, rule, named := strings.Cut(analysis, "/")
	switch {
	case analysis == "background":
		return []string{"background"}, nil
	case kind == "activity" && named && validName.MatchString(rule):
		return []string{"activity", rule}, nil
	}
	return nil, fmt.Errorf("analysis: %q has no masks", analysis)
}

// Change is what edits make of a file.
type Change struct {
	Text []byte
	// Wrong is what is wrong with the configuration then, by line of Text.
	Wrong []strictyaml.Violation
}

// Apply makes edits of a camera's shapes in a file's text. An error says what cannot be done;
// what the configuration would not allow is in the change.
func Apply(file string, data []byte, camera string, list []Edit) (*Change, error) {
	text, err := apply(file, data, camera, list)
	if err != nil {
		return nil, err
	}
	return &Change{Text: text, Wrong: Check(file, text)}, nil
}

func apply(file string, data []byte, camera string, list []Edit) ([]byte, error) {
	if len(list) > mostEdits {
		return nil, fmt.Errorf("more than %d changes at once", mostEdits)
	}
	d, err := edit.Parse(file, data)
	if err != nil {
		return nil, err
	}
	ed := editor{d, camera}
	for i := range list {
		e := &list[i]
		if err := e.check(); err != nil {
			return nil, err
		}
		if err := ed.do(e); err != nil {
			return nil, err
		}
	}
	return d.Bytes(), nil
}

// Check is everything that is wrong with a file's text, as a job would say it.
func Check(file string, data []byte) []strictyaml.Violation {
	cfg, err := profiles.Parse(file, data)
	if err == nil {
		_, err = cfg.Stages()
	}
	if err == nil {
		return nil
	}
	if all := (*strictyaml.Error)(nil); errors.As(err, &all) {
		return all.List
	}
	var wrong []strictyaml.Violation
	for _, line := range strings.Split(err.Error(), "\n") {
		wrong = append(wrong, strictyaml.Violation{Text: line})
	}
	return wrong
}

// editor makes edits of one camera.
type editor struct {
	*edit.Document
	camera string
}

func (d *editor) view() view {
	return viewOf(d.Tree(), strictyaml.Lines{}, d.camera)
}

// place is the path of a place; that of an entry that is to be made is made.
func (d *editor) place(in string) ([]string, error) {
	if in == All {
		return nil, nil
	}
	v := d.view()
	if in == New && (v.index < 0 || v.match() != d.camera) {
		if err := d.makeEntry(v); err != nil {
			return nil, err
		}
		v = d.view()
	}
	if v.index < 0 {
		return nil, fmt.Errorf("no entry of cameras is for %s", d.camera)
	}
	return []string{"cameras", strconv.Itoa(v.index)}, nil
}

// makeEntry makes an entry for the camera alone. The first that matches counts, and no other:
// so it comes before the one that has governed the camera, and says all that that one says.
func (d *editor) makeEntry(v view) error {
	entry := edit.Map{{Key: "match", Value: d.camera}}
	if v.own != nil {
		copied, _ := edit.Of(v.own, "match").(edit.Map)
		for _, e := range copied {
			if e.Key != "match" {
				entry = append(entry, e)
			}
		}
	}
	index := v.index
	if index < 0 {
		list, _ := v.all["cameras"].([]any)
		index = len(list)
	}
	return d.Insert([]string{"cameras"}, index, entry)
}

func join(place []string, path ...string) []string { return append(slices.Clone(place), path...) }

func (d *editor) do(e *Edit) error {
	place, err := d.place(e.In)
	if err != nil {
		return err
	}
	switch e.Op {
	case "set":
		return d.set(e, place)
	case "rename":
		return d.rename(e, place)
	case "delete":
		return d.remove(e, place)
	case "masks":
		return d.masks(e, place)
	}
	return d.Set(join(place, e.Analysis), true)
}

// base is the parameters' name where they are for all; nil if it is not there.
func (d *editor) base(section, name string) map[string]any {
	m, _ := d.Get([]string{section, name}).(map[string]any)
	return m
}

// set makes a line or zone, or changes what is given of one.
func (d *editor) set(e *Edit, place []string) error {
	at := sections[e.Kind]
	path := join(place, at.name, e.Name)
	base := d.base(at.name, e.Name)
	names := slices.Sorted(maps.Keys(e.Params))
	if _, isMap := d.Get(path).(map[string]any); !isMap {
		var m edit.Map
		if len(e.Points) > 0 {
			m = append(m, edit.Entry{Key: at.points, Value: list(e.Points)})
		} else if base == nil || len(place) == 0 {
			return fmt.Errorf("there is no %s %q", e.Kind, e.Name)
		}
		for _, name := range names {
			v, err := d.param(e, name, base, len(place) > 0)
			if err != nil {
				return err
			}
			if v != nil {
				m = append(m, edit.Entry{Key: name, Value: v})
			}
		}
		return d.Set(path, m)
	}
	if len(e.Points) > 0 {
		if err := d.Set(join(path, at.points), list(e.Points)); err != nil {
			return err
		}
	}
	for _, name := range names {
		v, err := d.param(e, name, base, len(place) > 0)
		if err != nil {
			return err
		}
		if v != nil {
			err = d.Set(join(path, name), v)
		} else if d.Has(join(path, name)) {
			err = d.Delete(join(path, name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// param is a parameter's value to be written; nil: none. Where another is for all, the default
// has to be said.
func (d *editor) param(e *Edit, name string, base map[string]any, own bool) (any, error) {
	if name == sections[e.Kind].points || name == "during" || name == "only" {
		return nil, fmt.Errorf("%s: is not changed here", name)
	}
	usual, err := defaultOf(e.Kind, name)
	if err != nil {
		return nil, err
	}
	v := e.Params[name]
	switch v := v.(type) {
	case nil:
		if _, other := base[name]; own && other {
			if usual == nil {
				usual = []any{}
			}
			return usual, nil
		}
		return nil, nil
	case string, float64, bool:
		return v, nil
	case []any:
		for _, one := range v {
			if _, ok := one.(string); !ok {
				return nil, fmt.Errorf("%s: is no list of texts", name)
			}
		}
		return v, nil
	}
	return nil, fmt.Errorf("%s: is no parameter's value", name)
}

func (d *editor) rename(e *Edit, place []string) error {
	at := sections[e.Kind]
	if len(place) > 0 {
		if d.base(at.name, e.Name) != nil {
			return fmt.Errorf("%s is for all cameras: rename it there", e.Name)
		}
		return d.Rename(join(place, at.name, e.Name), e.To)
	}
	if err := d.Rename([]string{at.name, e.Name}, e.To); err != nil {
		return err
	}
	return d.eachOwn(at.name, e.Name, func(path []string, _ any) error { return d.Rename(path, e.To) })
}

// eachOwn calls fn for every entry of cameras that says something of a line or zone, the last first.
func (d *editor) eachOwn(section, name string, fn func(path []string, v any) error) error {
	list, _ := d.Get([]string{"cameras"}).([]any)
	for i := range slices.Backward(list) {
		path := []string{"cameras", strconv.Itoa(i), section, name}
		if d.Has(path) {
			if err := fn(path, d.Get(path)); err != nil {
				return err
			}
		}
	}
	return nil
}

// remove takes a line or zone away: what only differs from it in entries goes with it, and what
// is for all is switched off in an entry.
func (d *editor) remove(e *Edit, place []string) error {
	at := sections[e.Kind]
	path := join(place, at.name, e.Name)
	if len(place) > 0 {
		if d.base(at.name, e.Name) != nil {
			return d.Set(path, false)
		}
		return d.drop(path)
	}
	if err := d.drop(path); err != nil {
		return err
	}
	return d.eachOwn(at.name, e.Name, func(path []string, v any) error {
		if m, _ := v.(map[string]any); m[at.points] != nil {
			return nil // it stands for itself
		}
		return d.drop(path)
	})
}

// drop deletes an entry, and the section that it is in where nothing is left of it, unless a
// comment would be lost.
func (d *editor) drop(path []string) error {
	section := path[:len(path)-1]
	m, _ := d.Get(section).(map[string]any)
	if len(m) > 1 {
		return d.Delete(path)
	}
	whole, err := edit.Parse("", d.Bytes())
	if err == nil {
		err = whole.Delete(section)
	}
	if err := d.Delete(path); err != nil {
		return err
	}
	if err == nil && whole.Comments() == d.Comments() {
		return d.Delete(section)
	}
	return nil
}

// masks makes the areas that an analysis ignores.
func (d *editor) masks(e *Edit, place []string) error {
	analysis, err := maskPath(e.Analysis)
	if err != nil {
		return err
	}
	path := join(place, join(analysis, "ignore")...)
	polygons := []any{}
	for _, p := range e.Polygons {
		polygons = append(polygons, list(p))
	}
	if len(polygons) == 0 && (len(place) == 0 || !d.Has(join(analysis, "ignore"))) {
		if !d.Has(path) {
			return nil
		}
		if m, _ := d.Get(path[:len(path)-1]).(map[string]any); len(m) == 1 {
			return d.Set(path[:len(path)-1], true)
		}
		return d.Delete(path)
	}
	return d.Set(path, polygons)
}

// list is points to be written: to a ten-thousandth of the picture, which is less than a pixel.
func list(points [][2]float64) []any {
	all := make([]any, len(points))
	for i, p := range points {
		all[i] = []any{round(p[0]), round(p[1])}
	}
	return all
}

func round(v float64) float64 { return math.Round(v*1e4) / 1e4 }
