package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/transforms/files/retention"
)

// keeping are the flags that say which old files are given up.
type keeping struct {
	age, size, file string
	pins            []string
}

// newKeeping adds --keep, --keep-size and --keep-rules, in a group of their own.
func newKeeping(f *pflag.FlagSet) *keeping {
	k := &keeping{}
	program.InGroup(f, "Retention", k.define)
	return k
}

// newKeepingPinned adds --pin too.
func newKeepingPinned(f *pflag.FlagSet) *keeping {
	k := &keeping{}
	program.InGroup(f, "Retention", func(f *pflag.FlagSet) {
		k.define(f)
		f.StringArrayVar(&k.pins, "pin", nil, "keep events with their frames and pictures whatever their age: a `file` of ids, one a line, or "+
			"type=…,rule=…,label=…,camera=… (patterns); may be repeated")
	})
	return k
}

func (k *keeping) define(f *pflag.FlagSet) {
	f.StringVar(&k.age, "keep", "", "give up files whose newest record is older than this `age`, by its timestamp in the log: 12h, 30d, 4w, 1y")
	f.StringVar(&k.size, "keep-size", "", "give up the oldest files until all together have no more than this `size`: 500GB, 1.5TiB")
	f.StringVar(&k.file, "keep-rules", "", "a YAML `file` that says so by camera and by kind: archive, images, states, results")
}

// rules are what the flags say. The error lists every violation.
func (k *keeping) rules() (retention.Rules, error) {
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	var r retention.Rules
	if k.file != "" {
		if k.age != "" || k.size != "" {
			note(errors.New("--keep-rules says how long and how much: leave --keep and --keep-size out"))
		}
		var err error
		r, err = retention.Load(k.file)
		note(err)
	} else {
		keep, size := retention.Forever, int64(0)
		var err error
		if k.age != "" {
			if keep, err = retention.ParseAge(k.age); err != nil {
				note(fmt.Errorf("--keep=%w", err))
			}
		}
		if k.size != "" {
			if size, err = retention.ParseSize(k.size); err != nil {
				note(fmt.Errorf("--keep-size=%w", err))
			}
		}
		r = retention.All(keep, size)
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
