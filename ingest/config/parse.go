package config

import (
	"errors"
	"fmt"
	"image"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/framebeam/framebeam/strictyaml"
	"github.com/framebeam/framebeam/transforms/frame"
)

// settings are a camera's fields as they stand in the file.
type settings struct {
	camera Camera
	set    map[string]int // field to its line
	now    bool           // start is now
}

// fields are what a camera can be given; each reads one YAML value.
var fields = map[string]func(*settings, ast.Node, Options) error{
	"id": func(s *settings, n ast.Node, _ Options) (err error) {
		if s.camera.ID, err = strictyaml.Text(n); err == nil && !frame.ValidCamera(s.camera.ID) {
			err = fmt.Errorf("%q is not 1 to %d of A-Z a-z 0-9 . _ - (and not . or ..)", s.camera.ID, frame.MaxCamera)
		}
		return err
	},
	"source": func(s *settings, n ast.Node, opts Options) error {
		v, err := strictyaml.Text(n)
		if err != nil {
			return err
		}
		s.camera.Source, err = ParseSource(v, opts.Directory, opts.Getenv)
		return err
	},
	"resize": func(s *settings, n ast.Node, _ Options) error {
		v, err := strictyaml.Text(n)
		if err != nil {
			return err
		}
		s.camera.Size, err = parseSize(v)
		return err
	},
	"max_fps": func(s *settings, n ast.Node, _ Options) (err error) {
		s.camera.MaxFPS, err = perSecond(n)
		return err
	},
	"image_fps": func(s *settings, n ast.Node, _ Options) (err error) {
		s.camera.ImageFPS, err = perSecond(n)
		return err
	},
	"encoding": func(s *settings, n ast.Node, opts Options) error {
		v, err := strictyaml.Text(n)
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
		if opts.Format == JSON && s.camera.Encoding != frame.Raw {
			return fmt.Errorf("%s cannot be sent as JSON, which holds raw pixels: use raw or leave it out", v)
		}
		return nil
	},
	"quality": func(s *settings, n ast.Node, _ Options) (err error) {
		s.camera.Quality, err = strictyaml.IntBetween(n, 1, 100)
		return err
	},
	"loop": func(s *settings, n ast.Node, _ Options) (err error) {
		if forever, err := strictyaml.Bool(n); err == nil {
			s.camera.Passes = 1
			if forever {
				s.camera.Passes = 0
			}
			return nil
		}
		if s.camera.Passes, err = strictyaml.Int(n); err != nil || s.camera.Passes < 1 {
			return errors.New("is not true, false or a number of passes from 1")
		}
		return nil
	},
	"start": func(s *settings, n ast.Node, _ Options) error {
		v, err := strictyaml.Text(n)
		if err != nil {
			return err
		}
		if s.now = v == "now"; s.now {
			s.camera.Start = time.Time{}
			return nil
		}
		t, err := time.Parse(time.RFC3339Nano, v)
		if err != nil {
			return fmt.Errorf("%q is not a time such as 2024-05-01T08:00:00+02:00 (RFC 3339), nor now", v)
		}
		if t.Year() < 1970 || t.Year() > 2260 {
			return fmt.Errorf("%q is not in the years 1970 to 2260", v)
		}
		s.camera.Start = t.UTC().Truncate(time.Millisecond)
		return nil
	},
	"pace": func(s *settings, n ast.Node, _ Options) error {
		v, err := strictyaml.Text(n)
		if err == nil && v != "real" && v != "fast" {
			err = fmt.Errorf("%q is not real (as a live camera) or fast", v)
		}
		s.camera.Paced = v == "real"
		return err
	},
	"interval": func(s *settings, n ast.Node, _ Options) (err error) {
		s.camera.Interval, err = patience(n)
		return err
	},
	"open_timeout": func(s *settings, n ast.Node, _ Options) (err error) {
		s.camera.OpenTimeout, err = patience(n)
		return err
	},
	"read_timeout": func(s *settings, n ast.Node, _ Options) (err error) {
		s.camera.ReadTimeout, err = patience(n)
		return err
	},
}

// reader reads one file.
type reader struct {
	strictyaml.Violations
	opts Options
}

// parse returns the cameras with the line of each one's source beside them.
func (r *reader) parse(data []byte) (*Config, []int) {
	cfg := &Config{}
	if r.opts.Format == "" {
		r.opts.Format = CloudEvents
	}
	if r.opts.Getenv == nil {
		r.opts.Getenv = os.LookupEnv
	}
	root := r.Parse(data)
	if root == nil && len(r.List()) > 0 {
		return cfg, nil
	}
	var defaults, cameras ast.Node
	if !strictyaml.IsNull(root) {
		r.Fields("configuration", root, map[string]func(ast.Node) error{
			"defaults": func(n ast.Node) error { defaults = n; return nil },
			"cameras":  func(n ast.Node) error { cameras = n; return nil },
		})
	}
	base := settings{camera: Camera{
		Size: defaultSize, Encoding: frame.JPEG, Quality: DefaultQuality, Passes: 1,
		ImageFPS: defaultImageFPS, OpenTimeout: defaultOpenTimeout, ReadTimeout: defaultReadTimeout,
	}}
	if r.opts.Format == JSON {
		base.camera.Encoding = frame.Raw
	}
	if !strictyaml.IsNull(defaults) {
		r.read("defaults", defaults, &base, "id", "source")
	}
	list, ok := cameras.(*ast.SequenceNode)
	switch {
	case strictyaml.IsNull(cameras):
		r.Add(1, "no cameras: a list of at least one is needed")
	case !ok:
		r.Add(strictyaml.Line(cameras), "cameras is not a list")
	case len(list.Values) == 0:
		r.Add(strictyaml.Line(cameras), "cameras is empty: at least one is needed")
	default:
		return cfg, r.cameras(cfg, list, base)
	}
	return cfg, nil
}

// cameras reads the list and returns the line of each camera's source.
func (r *reader) cameras(cfg *Config, list *ast.SequenceNode, base settings) []int {
	var lines []int
	ids := make(map[string]int)
	for i, node := range list.Values {
		s := settings{camera: base.camera, now: base.now}
		where := fmt.Sprintf("camera %d", i+1)
		if id := idOf(node); id != "" {
			where = "camera " + id
		}
		r.read(where, node, &s)
		for _, required := range []string{"id", "source"} {
			if _, ok := s.set[required]; !ok && strictyaml.IsMap(node) {
				r.Add(strictyaml.Line(node), "%s: %s is missing", where, required)
			}
		}
		if line, ok := s.set["id"]; ok {
			if first, twice := ids[s.camera.ID]; twice {
				r.Add(line, "%s: the id is already used in line %d", where, first)
			} else {
				ids[s.camera.ID] = line
			}
		}
		r.applies(where, &s)
		cfg.Cameras = append(cfg.Cameras, s.camera)
		lines = append(lines, s.set["source"])
	}
	return lines
}

// applies complains about what a camera is given itself, not by defaults,
// though its source or encoding has no use for it.
func (r *reader) applies(where string, s *settings) {
	c := &s.camera
	if c.Source.Kind != "" && c.Source.Live() {
		for _, name := range []string{"start", "loop", "pace"} {
			if line, ok := s.set[name]; ok {
				r.Add(line, "%s: %s is for files; a %s has neither beginning nor end", where, name, c.Source.Kind)
			}
		}
		c.Start, c.Passes, c.Paced = time.Time{}, 1, false
	}
	if line, ok := s.set["start"]; ok && c.Paced && !s.now {
		r.Add(line, "%s: start: a file that is played as a live camera (pace: real) starts now", where)
	} else if ok && !c.Paced && s.now && !c.Source.Live() {
		r.Add(line, "%s: start: now is for files that are played as a live camera, with pace: real", where)
	}
	if c.Paced {
		c.Start = time.Time{}
		c.ReadTimeout += c.LongestPause()
	}
	scheme, _, _ := strings.Cut(strings.ToLower(c.Source.URL), ":")
	asks := scheme == "http" || scheme == "https"
	if line, ok := s.set["interval"]; ok && c.Source.Kind != "" && !asks {
		r.Add(line, "%s: interval is for http and https URLs that give one picture for each request", where)
	}
	if !asks {
		c.Interval = 0
	}
	c.ReadTimeout += c.Interval
	if line, ok := s.set["quality"]; ok && c.Encoding != frame.JPEG {
		r.Add(line, "%s: quality is for jpeg; the other encodings are lossless", where)
	}
	if line, ok := s.set["image_fps"]; ok && c.Source.Kind != "" && c.Source.Kind != Path {
		r.Add(line, "%s: image_fps is for image folders", where)
	}
}

// read reads a mapping of fields into s.
func (r *reader) read(where string, node ast.Node, s *settings, except ...string) {
	known := make(map[string]func(ast.Node) error)
	for name, read := range fields {
		if !slices.Contains(except, name) {
			known[name] = func(n ast.Node) error { return read(s, n, r.opts) }
		}
	}
	s.set = r.Fields(where, node, known)
}

// idOf returns the camera's id for messages, "" if it has none that can be shown.
func idOf(n ast.Node) string {
	if m, ok := n.(ast.MapNode); ok {
		for it := m.MapRange(); it.Next(); {
			if k, ok := it.Key().(*ast.StringNode); ok && k.Value == "id" {
				if id, err := strictyaml.Text(it.Value()); err == nil && frame.ValidCamera(id) {
					return id
				}
			}
		}
	}
	return ""
}

// perSecond reads frames a second.
func perSecond(n ast.Node) (float64, error) {
	f, err := strictyaml.Float(n)
	if err == nil && (f < 0.001 || f > maxFPS) {
		err = fmt.Errorf("%v is not 0.001 to %d frames a second", f, maxFPS)
	}
	return f, err
}

// patience reads a time limit.
func patience(n ast.Node) (time.Duration, error) {
	return strictyaml.Duration(n, 100*time.Millisecond, time.Hour)
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
