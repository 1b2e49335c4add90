package inputs

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/reload"
	"github.com/framebeam/framebeam/transforms/config/profiles"
)

// files are the configuration files, read again when they change. A bad one changes nothing
// and says so.
type files struct {
	mu       sync.Mutex
	cameras  version
	analyses version
	list     []string // ids, in the order of the file
	looking  *profiles.Config
}

// version is what was read last of a file.
type version struct {
	digest string    // of its content, see [reload.Digest]
	bad    error     // what is wrong with it
	good   time.Time // when nothing was, last
}

// CameraIDs are the ids of cameras.yaml, in its order; none without one.
func (in *Inputs) CameraIDs() []string {
	in.files.mu.Lock()
	defer in.files.mu.Unlock()
	return slices.Clone(in.files.list)
}

// AnalysesConfig is what analyses.yaml says; nil without one.
func (in *Inputs) AnalysesConfig() *profiles.Config {
	in.files.mu.Lock()
	defer in.files.mu.Unlock()
	return in.files.looking
}

func (f *files) look(in *Inputs) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.one(in, Cameras, in.Cameras, &f.cameras, func(data []byte) error {
		// Passwords are the collector's alone: what stands for them is not looked up.
		c, err := config.Parse(data, config.Options{Getenv: func(string) (string, bool) { return "x", true }})
		if err != nil {
			return err
		}
		f.list = nil
		for i := range c.Cameras {
			f.list = append(f.list, c.Cameras[i].ID)
		}
		return nil
	})
	f.one(in, Analyses, in.Analyses, &f.analyses, func(data []byte) error {
		c, err := profiles.Parse(in.Analyses, data)
		if err == nil {
			_, err = c.Stages()
		}
		if err != nil {
			return err
		}
		f.looking = &c
		return nil
	})
}

// mostConfig is how large a configuration file may be.
const mostConfig = reload.MaxBytes

func (f *files) one(in *Inputs, name, path string, v *version, read func([]byte) error) {
	if path == "" {
		return
	}
	data, err := load(path)
	if err != nil {
		_ = in.Told(name, err)
		return
	}
	// Its content tells whether it changed: its time need not, after some ways of replacing it.
	if digest := reload.Digest(data); digest != v.digest {
		v.digest, v.bad = digest, read(data)
		switch {
		case v.bad == nil:
			v.good = time.Now()
		case !v.good.IsZero():
			v.bad = fmt.Errorf("%w (what it said at %s is still shown)", v.bad, v.good.In(in.Zone).Format("15:04:05"))
		}
	}
	_ = in.Told(name, v.bad)
}

func load(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > mostConfig {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", path, info.Size(), mostConfig)
	}
	return os.ReadFile(path)
}
