package inputs

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/framebeam/framebeam/ingest/config"
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

// version tells a file's content from another's.
type version struct {
	size int64
	time time.Time
	bad  string
	good time.Time // when it was read well
}

// Cameras are the ids of cameras.yaml, in its order; none without one.
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
const mostConfig = 16 << 20

func (f *files) one(in *Inputs, name, path string, v *version, read func([]byte) error) {
	if path == "" {
		return
	}
	info, err := os.Stat(path)
	if err != nil {
		_ = in.Told(name, err)
		*v = version{good: v.good}
		return
	}
	if info.Size() != v.size || !info.ModTime().Equal(v.time) {
		v.size, v.time = info.Size(), info.ModTime()
		v.bad = ""
		if err := load(path, info.Size(), read); err != nil {
			v.bad = err.Error()
			if !v.good.IsZero() {
				v.bad += fmt.Sprintf(" (what it said at %s is still shown)", v.good.In(in.Zone).Format("15:04:05"))
			}
		} else {
			v.good = time.Now()
		}
	}
	if v.bad != "" {
		_ = in.Told(name, errors.New(v.bad))
		return
	}
	_ = in.Told(name, nil)
}

func load(path string, size int64, read func([]byte) error) error {
	if size > mostConfig {
		return fmt.Errorf("%s has %d bytes, more than %d", path, size, mostConfig)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return read(data)
}
