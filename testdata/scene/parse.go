package scene

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Parse makes a scene of its description, such as
//
//	scene:seed=7&size=320x240&frames=300&fps=10&objects=5&noise=3
//
// with the prefix or without it. What is left out is as in [Default]. Faults are
// KIND=FROM-TO or KIND=FROM-TO:AMOUNT with the first frame and the one after the
// last, as often as wanted:
//
//	scene:ramp=50-100:40&moved=120-200:24&covered=210-220&dropped=230-232
//
// pillar=X-WIDTH sets a pillar into the foreground, in pixels.
//
// The error lists every violation.
func Parse(text string) (*Scene, error) {
	cfg, err := ParseConfig(text)
	if err != nil {
		return nil, err
	}
	return New(cfg)
}

// ParseConfig is Parse without making the scene.
func ParseConfig(text string) (Config, error) {
	cfg := Default()
	values, err := url.ParseQuery(strings.TrimPrefix(text, "scene:"))
	if err != nil {
		return Config{}, fmt.Errorf("scene %q: %w", text, err)
	}
	var errs []error
	bad := func(key, v, want string) { errs = append(errs, fmt.Errorf("%s=%s: want %s", key, v, want)) }
	number := func(to *int) func(key, v string) {
		return func(key, v string) {
			n, err := strconv.Atoi(v)
			if err != nil {
				bad(key, v, "a whole number")
			}
			*to = n
		}
	}
	set := map[string]func(key, v string){
		"frames":  number(&cfg.Frames),
		"objects": number(&cfg.Objects),
		"noise":   number(&cfg.Noise),
		"seed": func(key, v string) {
			n, err := strconv.ParseUint(v, 10, 64)
			if err != nil {
				bad(key, v, "a whole number")
			}
			cfg.Seed = n
		},
		"fps": func(key, v string) {
			n, err := strconv.ParseFloat(v, 64)
			if err != nil {
				bad(key, v, "a number")
			}
			cfg.FPS = n
		},
		"size": func(key, v string) {
			w, h, ok := strings.Cut(v, "x")
			width, err1 := strconv.Atoi(w)
			height, err2 := strconv.Atoi(h)
			if !ok || err1 != nil || err2 != nil {
				bad(key, v, "WIDTHxHEIGHT")
			}
			cfg.Width, cfg.Height = width, height
		},
		"pillar": func(key, v string) {
			x, w, ok := strings.Cut(v, "-")
			left, err1 := strconv.Atoi(x)
			width, err2 := strconv.Atoi(w)
			if !ok || err1 != nil || err2 != nil {
				bad(key, v, "X-WIDTH")
			}
			cfg.Pillar = Pillar{left, width}
		},
	}
	var faults []string
	// In a fixed order, so that equal texts give equal errors.
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if slices.Contains(kinds, Kind(key)) {
			faults = append(faults, key)
			continue
		}
		switch f := set[key]; {
		case f == nil:
			errs = append(errs, fmt.Errorf("unknown key %q", key))
		case len(values[key]) > 1:
			errs = append(errs, fmt.Errorf("%s is there %d times", key, len(values[key])))
		default:
			f(key, values[key][0])
		}
	}
	for _, key := range faults {
		for _, v := range values[key] {
			f, ok := parseFault(Kind(key), v, cfg.Width)
			if !ok {
				bad(key, v, "FROM-TO or FROM-TO:AMOUNT")
				continue
			}
			cfg.Faults = append(cfg.Faults, f)
		}
	}
	if len(errs) == 0 {
		errs = append(errs, cfg.Validate())
	}
	if err := errors.Join(errs...); err != nil {
		return Config{}, fmt.Errorf("scene %q: %w", text, err)
	}
	return cfg, nil
}

func parseFault(kind Kind, v string, width int) (f Fault, ok bool) {
	f.Kind = kind
	switch kind {
	case Ramp, Switch, Cloud:
		f.Amount = 40
	case Moved:
		f.Amount = width / 8
	case Blurred:
		f.Amount = max(1, width/80)
	}
	span, amount, hasAmount := strings.Cut(v, ":")
	from, to, ok := strings.Cut(span, "-")
	var err1, err2, err3 error
	f.From, err1 = strconv.Atoi(from)
	f.To, err2 = strconv.Atoi(to)
	if hasAmount {
		f.Amount, err3 = strconv.Atoi(amount)
	}
	return f, ok && errors.Join(err1, err2, err3) == nil
}
