package ingest

import (
	"io"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/framebeam/framebeam/ingest/config"
)

// discreet hides what cameras' sources hold of secrets in all that is written: logs,
// errors and progress come as whole lines.
type discreet struct {
	w io.Writer

	mu      sync.Mutex
	sources []config.Source
}

func newDiscreet(w io.Writer, cfg *config.Config) *discreet {
	d := &discreet{w: w}
	d.hide(cfg)
	return d
}

// hide hides also what another configuration holds of secrets.
func (d *discreet) hide(cfg *config.Config) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range cfg.Cameras {
		s := c.Source
		// What is part of a camera's id is shown all the time, and no secret.
		s.Secrets = slices.DeleteFunc(slices.Clone(s.Secrets), func(x config.Secret) bool {
			return slices.ContainsFunc(cfg.Cameras, func(c config.Camera) bool { return strings.Contains(c.ID, x.Value) })
		})
		if len(s.Secrets) > 0 || s.URL != "" {
			if known := func(o config.Source) bool { return reflect.DeepEqual(o, s) }; !slices.ContainsFunc(d.sources, known) {
				d.sources = append(d.sources, s)
			}
		}
	}
}

// Write implements io.Writer.
func (d *discreet) Write(b []byte) (int, error) {
	text := string(b)
	d.mu.Lock()
	for i := range d.sources {
		text = d.sources[i].Redact(text)
	}
	d.mu.Unlock()
	if _, err := d.w.Write([]byte(text)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Discreet is a writer to w that hides what the sources of cameras hold of secrets. With hide
// it also hides those of another configuration.
func Discreet(w io.Writer, cfg *config.Config) (discreet io.Writer, hide func(*config.Config)) {
	d := newDiscreet(w, cfg)
	return d, d.hide
}
