package live

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/framebeam/framebeam/ingest/config"
)

// Sources makes a collector's configuration of sources alone: a camera each, as config's
// ParseSource understands them, relative to a folder. Films are played as live cameras, again
// and again.
func Sources(sources []string, folder string, getenv func(string) (string, bool)) ([]byte, error) {
	type camera struct {
		ID     string `yaml:"id"`
		Source string `yaml:"source"`
		Pace   string `yaml:"pace,omitempty"`
		Loop   bool   `yaml:"loop,omitempty"`
	}
	var cameras []camera
	var errs []error
	for i, text := range sources {
		c := camera{ID: "camera", Source: text}
		if len(sources) > 1 {
			c.ID = fmt.Sprintf("camera-%d", i+1)
		}
		s, err := config.ParseSource(text, folder, getenv)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", s.Redact(text), err))
			continue
		case written(text):
			errs = append(errs, errors.New("a password stands in a source, where others can see it: put it into the environment, and write ${NAME} in its place"))
			continue
		}
		if !s.Live() {
			c.Pace, c.Loop = "real", true
			if s.Kind == config.Path && !filepath.IsAbs(text) {
				c.Source = filepath.Join(folder, text)
			}
		}
		cameras = append(cameras, c)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	b, err := yaml.Marshal(map[string]any{"cameras": cameras})
	if err != nil {
		return nil, err
	}
	return append([]byte("# The cameras. framebeam ingest --help says what else can be said of them.\n"), b...), nil
}

// written reports whether a source that is a URL has a password that is not taken from
// elsewhere.
func written(source string) bool {
	u, err := url.Parse(source)
	if err != nil || u.User == nil {
		return false // ${NAME} in a password is no part of a URL yet
	}
	password, has := u.User.Password()
	return has && !strings.Contains(password, "${")
}
