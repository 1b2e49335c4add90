package config

import (
	"errors"
	"fmt"
	"image"
	"math"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/framebeam/framebeam/transforms/frame"
)

// maxFile is the largest configuration in bytes: room for tens of thousands of
// cameras.
const maxFile = 16 << 20

// violations collects what is wrong, in any order.
type violations []Violation

func (v *violations) add(line int, format string, args ...any) {
	*v = append(*v, Violation{Line: line, Text: fmt.Sprintf(format, args...)})
}

func (v violations) err(file string) error {
	if len(v) == 0 {
		return nil
	}
	sort.SliceStable(v, func(i, j int) bool { return v[i].Line < v[j].Line })
	return &Violations{File: file, List: v}
}

// settings are a camera's fields as they stand in the file.
type settings struct {
	camera Camera
	line   int            // of the camera
	set    map[string]int // field to its line
}

// fields are what a camera can be given; each reads one YAML value.
var fields = map[string]func(*settings, ast.Node, Options) error{
	"id": func(s *settings, n ast.Node, _ Options) (err error) {
		if s.camera.ID, err = text(n); err == nil && !frame.ValidCamera(s.camera.ID) {
			err = fmt.Errorf("%q is not 1 to %d of A-Z a-z 0-9 . _ - (and not . or ..)", s.camera.ID, frame.MaxCamera)
		}
		return err
	},
	"source": func(s *settings, n ast.Node, opts Options) error {
		v, err := text(n)
		if err != nil {
			return err
		}
		s.camera.Source, err = ParseSource(v, opts.Directory, opts.Getenv)
		return err
	},
	"resize": func(s *settings, n ast.Node, _ Options) error {
		v, err := text(n)
		if err != nil {
			return err
		}
		s.camera.Size, err = parseSize(v)
		return err
	},
	"max_fps": func(s *settings, n ast.Node, _ Options) (err error) {
		s.camera.MaxFPS, err = number(n)
		return err
	},
	"image_fps": func(s *settings, n ast.Node, _ Options) (err error) {
		s.camera.ImageFPS, err = number(n)
		return err
	},
	"encoding": func(s *settings, n ast.Node, opts Options) error {
		v, err := text(n)
		if err != nil {
			return err
		}
		switch v {
		case "jpeg":
			s.camera.Encoding = frame.JPEG
		case "png":
			s.camera.Encoding = frame.PNG
		case "raw":
			s.camera.Encoding = frame.Raw
		default:
			return fmt.Errorf("%q is not jpeg, png or raw", v)
		}
		if opts.Wire == JSON && s.camera.Encoding != frame.Raw {
			return fmt.Errorf("%s cannot be sent as JSON, which holds raw pixels: use raw or leave it out", v)
		}
		return nil
	},
	"quality": func(s *settings, n ast.Node, _ Options) (err error) {
		if s.camera.Quality, err = integer(n); err == nil && (s.camera.Quality < 1 || s.camera.Quality > 100) {
			err = fmt.Errorf("%d is not 1 to 100", s.camera.Quality)
		}
		return err
	},
	"loop": func(s *settings, n ast.Node, _ Options) (err error) {
		if b, ok := n.(*ast.BoolNode); ok {
			s.camera.Passes = 1
			if b.Value {
				s.camera.Passes = 0
			}
			return nil
		}
		if s.camera.Passes, err = integer(n); err != nil || s.camera.Passes < 1 {
			return errors.New("is not true, false or a number of passes from 1")
		}
		return nil
	},
	"start": func(s *settings, n ast.Node, _ Options) error {
		v, err := text(n)
		if err != nil {
			return err
		}
		t, err := time.Parse(time.RFC3339Nano, v)
		if err != nil {
			return fmt.Errorf("%q is not a time such as 2024-05-01T08:00:00+02:00 (RFC 3339)", v)
		}
		if t.Year() < 1970 || t.Year() > 2260 {
			return fmt.Errorf("%q is not in the years 1970 to 2260", v)
		}
		s.camera.Start = t.UTC().Truncate(time.Millisecond)
		return nil
	},
	"open_timeout": func(s *settings, n ast.Node, _ Options) (err error) {
		s.camera.OpenTimeout, err = duration(n)
		return err
	},
	"read_timeout": func(s *settings, n ast.Node, _ Options) (err error) {
		s.camera.ReadTimeout, err = duration(n)
		return err
	},
}

// parse returns the cameras with the line of each one's source beside them.
func parse(data []byte, opts Options) (*Config, []int, violations) {
	var bad violations
	cfg := &Config{}
	if opts.Wire == "" {
		opts.Wire = CloudEvents
	}
	if opts.Getenv == nil {
		opts.Getenv = os.LookupEnv
	}
	if len(data) > maxFile {
		bad.add(1, "the file has %d bytes, more than %d", len(data), maxFile)
		return cfg, nil, bad
	}
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		line, msg := 1, err.Error()
		var syntax yaml.Error
		if errors.As(err, &syntax) {
			msg = syntax.GetMessage()
			if t := syntax.GetToken(); t != nil && t.Position != nil {
				line = t.Position.Line
			}
		}
		bad.add(line, "not YAML: %s", msg)
		return cfg, nil, bad
	}
	if len(file.Docs) > 1 {
		bad.add(lineOf(file.Docs[1].Body), "more than one YAML document")
	}

	base := settings{camera: Camera{
		Size: defaultSize, Encoding: frame.JPEG, Quality: DefaultQuality, Passes: 1,
		ImageFPS: defaultImageFPS, OpenTimeout: defaultOpenTimeout, ReadTimeout: defaultReadTimeout,
	}}
	if opts.Wire == JSON {
		base.camera.Encoding = frame.Raw
	}
	var cameras ast.Node
	if len(file.Docs) > 0 && file.Docs[0].Body != nil {
		var defaults ast.Node
		bad.mapping("the configuration", file.Docs[0].Body, func(name string, line int, value ast.Node) {
			switch name {
			case "defaults":
				defaults = value
			case "cameras":
				cameras = value
			default:
				bad.add(line, "unknown field %q (known: cameras, defaults)", name)
			}
		})
		if defaults != nil && !isNull(defaults) {
			bad.read("defaults", defaults, &base, opts, "id", "source")
		}
	}
	list, ok := cameras.(*ast.SequenceNode)
	switch {
	case cameras == nil || isNull(cameras):
		bad.add(1, "no cameras: a list of at least one is needed")
	case !ok:
		bad.add(lineOf(cameras), "cameras is not a list")
	case len(list.Values) == 0:
		bad.add(lineOf(cameras), "cameras is empty: at least one is needed")
	default:
		return cfg, bad.cameras(cfg, list, base, opts), bad
	}
	return cfg, nil, bad
}

// cameras reads the list and returns the line of each camera's source.
func (v *violations) cameras(cfg *Config, list *ast.SequenceNode, base settings, opts Options) []int {
	var lines []int
	ids := make(map[string]int)
	for i, node := range list.Values {
		s := settings{camera: base.camera, line: lineOf(node)}
		where := fmt.Sprintf("camera %d", i+1)
		if id := idOf(node); id != "" {
			where = "camera " + id
		}
		v.read(where, node, &s, opts)
		for _, required := range []string{"id", "source"} {
			if _, ok := s.set[required]; !ok && isMap(node) {
				v.add(s.line, "%s: %s is missing", where, required)
			}
		}
		if line, ok := s.set["id"]; ok {
			if first, twice := ids[s.camera.ID]; twice {
				v.add(line, "%s: the id is already used in line %d", where, first)
			} else {
				ids[s.camera.ID] = line
			}
		}
		v.applies(where, &s)
		cfg.Cameras = append(cfg.Cameras, s.camera)
		lines = append(lines, s.set["source"])
	}
	return lines
}

// applies complains about what a camera is given itself, not by defaults,
// though its source or encoding has no use for it.
func (v *violations) applies(where string, s *settings) {
	c := &s.camera
	if c.Source.Kind != "" && c.Source.Live() {
		for _, name := range []string{"start", "loop"} {
			if line, ok := s.set[name]; ok {
				v.add(line, "%s: %s is for files; a %s has neither beginning nor end", where, name, c.Source.Kind)
			}
		}
		c.Start, c.Passes = time.Time{}, 1
	}
	if line, ok := s.set["quality"]; ok && c.Encoding != frame.JPEG {
		v.add(line, "%s: quality is for jpeg; %s is lossless", where, c.Encoding)
	}
	if line, ok := s.set["image_fps"]; ok && c.Source.Kind != "" && c.Source.Kind != Path {
		v.add(line, "%s: image_fps is for image folders", where)
	}
}

// read reads a mapping of fields into s.
func (v *violations) read(where string, node ast.Node, s *settings, opts Options, except ...string) {
	s.set = make(map[string]int)
	v.mapping(where, node, func(name string, line int, value ast.Node) {
		read, known := fields[name]
		for _, e := range except {
			known = known && name != e
		}
		if !known {
			v.add(line, "%s: unknown field %q (known: %s)", where, name, knownFields(except))
			return
		}
		s.set[name] = line
		if err := read(s, value, opts); err != nil {
			v.add(line, "%s: %s: %v", where, name, err)
		}
	})
}

func knownFields(except []string) string {
	var names []string
next:
	for name := range fields {
		for _, e := range except {
			if name == e {
				continue next
			}
		}
		names = append(names, name)
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}

// mapping calls do for each entry whose key is a string and not a repeat.
func (v *violations) mapping(where string, node ast.Node, do func(name string, line int, value ast.Node)) {
	m, ok := node.(ast.MapNode)
	if !ok {
		v.add(lineOf(node), "%s is not a mapping of fields to values", where)
		return
	}
	seen := make(map[string]int)
	for it := m.MapRange(); it.Next(); {
		key, line := it.Key(), lineOf(it.Key())
		str, ok := key.(*ast.StringNode)
		if !ok {
			v.add(line, "%s: %s is not the name of a field (anchors, aliases and merges are not read)", where, strings.TrimSpace(key.String()))
			continue
		}
		if first, twice := seen[str.Value]; twice {
			v.add(line, "%s: %s is already given in line %d", where, str.Value, first)
			continue
		}
		seen[str.Value] = line
		do(str.Value, line, it.Value())
	}
}

func isMap(n ast.Node) bool { _, ok := n.(ast.MapNode); return ok }

func isNull(n ast.Node) bool { _, ok := n.(*ast.NullNode); return ok }

// idOf returns the camera's id for messages, "" if it has none that can be shown.
func idOf(n ast.Node) string {
	if m, ok := n.(ast.MapNode); ok {
		for it := m.MapRange(); it.Next(); {
			if k, ok := it.Key().(*ast.StringNode); ok && k.Value == "id" {
				if id, err := text(it.Value()); err == nil && frame.ValidCamera(id) {
					return id
				}
			}
		}
	}
	return ""
}

func lineOf(n ast.Node) int {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 1
	}
	// A block mapping's own token is the colon of its first entry.
	return n.GetToken().Position.Line
}

// text reads a plain or quoted string; a number or truth value counts as its
// spelling, so that an id such as 17 or a device such as 0 needs no quotes.
func text(n ast.Node) (string, error) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return strings.TrimSpace(n.Value.Value), nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, nil
	}
	return "", fmt.Errorf("is %s, not a string", typeOf(n))
}

func integer(n ast.Node) (int, error) {
	if _, ok := n.(*ast.IntegerNode); ok {
		if i, err := strconv.Atoi(n.GetToken().Value); err == nil {
			return i, nil
		}
	}
	return 0, fmt.Errorf("is %s, not a whole number", typeOf(n))
}

// number reads frames a second.
func number(n ast.Node) (float64, error) {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		f, err := strconv.ParseFloat(n.GetToken().Value, 64)
		if err != nil || math.IsNaN(f) || f < 0.001 || f > maxFPS {
			return 0, fmt.Errorf("%s is not 0.001 to %d frames a second", n.GetToken().Value, maxFPS)
		}
		return f, nil
	}
	return 0, fmt.Errorf("is %s, not a number", typeOf(n))
}

func duration(n ast.Node) (time.Duration, error) {
	v, err := text(n)
	if err != nil {
		return 0, err
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 100*time.Millisecond || d > time.Hour {
		return 0, fmt.Errorf("%q is not a duration from 100ms to 1h, such as 10s", v)
	}
	return d, nil
}

func parseSize(v string) (image.Point, error) {
	if v == "native" {
		return image.Point{}, nil
	}
	w, h, ok := strings.Cut(v, "x")
	width, err1 := strconv.Atoi(w)
	height, err2 := strconv.Atoi(h)
	if !ok || err1 != nil || err2 != nil || width < 1 || height < 1 || width > maxSide || height > maxSide || int64(width)*int64(height) > maxPixels {
		return image.Point{}, fmt.Errorf("%q is not native or WIDTHxHEIGHT such as 640x480, each side 1 to %d and %d pixels in all", v, maxSide, maxPixels)
	}
	return image.Pt(width, height), nil
}

func typeOf(n ast.Node) string {
	switch n.(type) {
	case *ast.NullNode:
		return "empty"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AnchorNode, *ast.AliasNode:
		return "an anchor or alias, which are not read"
	case *ast.TagNode:
		return "tagged, which is not read"
	}
	if isMap(n) {
		return "a mapping"
	}
	if t := n.GetToken(); t != nil && len(t.Value) <= 40 {
		return strconv.Quote(t.Value)
	}
	return "something else"
}
