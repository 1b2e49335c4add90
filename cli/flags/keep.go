package flags

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/transforms/files/retention"
)

// Keeping are the flags that say which old files are given up.
type Keeping struct {
	keep, size, rules string
	pins              []string
}

// Keep adds --keep, --keep-size and --keep-rules, in a group of their own.
func Keep(f *pflag.FlagSet) *Keeping {
	k := &Keeping{}
	program.InGroup(f, "Retention", k.define)
	return k
}

// KeepPinned adds --pin too.
func KeepPinned(f *pflag.FlagSet) *Keeping {
	k := &Keeping{}
	program.InGroup(f, "Retention", func(f *pflag.FlagSet) {
		k.define(f)
		f.StringArrayVar(&k.pins, "pin", nil, "keep events with their frames and pictures whatever their age: a `file` of ids, one a line, or "+
			"type=…,rule=…,label=…,camera=… (patterns); may be repeated")
	})
	return k
}

func (k *Keeping) define(f *pflag.FlagSet) {
	f.StringVar(&k.keep, "keep", "", "give up files whose newest record is older than this `age`, by its timestamp in the log: 12h, 30d, 4w, 1y")
	f.StringVar(&k.size, "keep-size", "", "give up the oldest files until all together have no more than this `size`: 500GB, 1.5TiB")
	f.StringVar(&k.rules, "keep-rules", "", "a YAML `file` that says so by camera and by kind: archive, images, states, results")
}

// Rules are what the flags say. The error lists every violation.
func (k *Keeping) Rules() (retention.Rules, error) {
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	var r retention.Rules
	if k.rules != "" {
		if k.keep != "" || k.size != "" {
			note(errors.New("--keep-rules says how long and how much: leave --keep and --keep-size out"))
		}
		var err error
		r, err = retention.Load(k.rules)
		note(err)
	} else {
		age, size := retention.Forever, int64(0)
		var err error
		if k.keep != "" {
			if age, err = retention.ParseAge(k.keep); err != nil {
				note(fmt.Errorf("--keep=%w", err))
			}
		}
		if k.size != "" {
			if size, err = retention.ParseSize(k.size); err != nil {
				note(fmt.Errorf("--keep-size=%w", err))
			}
		}
		r = retention.All(age, size)
	}
	for _, pin := range k.pins {
		note(addPin(&r.Pins, pin))
	}
	return r, errors.Join(errs...)
}

func addPin(to *retention.Pins, pin string) error {
	if q, err := retention.ParseEventPin(pin); err == nil {
		to.Events = append(to.Events, q)
		return nil
	} else if _, missing := os.Stat(pin); missing != nil {
		return fmt.Errorf("--pin=%s: there is no such file, and as a query %w", pin, err)
	}
	data, err := os.ReadFile(pin)
	if err != nil {
		return fmt.Errorf("--pin: %w", err)
	}
	ids, err := retention.ParseIDs(pin, data)
	for id := range ids {
		if to.IDs == nil {
			to.IDs = map[string]bool{}
		}
		to.IDs[id] = true
	}
	return err
}
