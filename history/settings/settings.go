// Package settings says which settings made the rows of an output: what lies behind the
// digest that a row has as its config.
package settings

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/framebeam/framebeam/strictyaml"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/output"
)

// Config is how the cameras of a pattern were analysed.
type Config struct {
	Digest   string        // what their rows have as config
	Cameras  string        // the pattern; "": all that no pattern before it fits
	Silence  time.Duration // without frames, from which on analyses begin anew; 0: not known
	Analyses []Analysis    // in the order in which they run
	Made     []Made        // by which generations, oldest first
}

// Analysis is one that ran.
type Analysis struct {
	Name   string
	Params json.RawMessage // an object, the defaults too
	During json.RawMessage // the schedule by which it ran; null: always
}

// Made says which rows a generation made with a configuration.
type Made struct {
	output.Generation
	Stretches []Stretch
}

// Stretch are the offsets [From, To) of a partition; To is [chunk.MaxOffset] if it has no
// end yet.
type Stretch struct {
	chunk.Partition
	From, To int64
}

// recorded is the text of a generation, as far as it is needed.
type recorded struct {
	Profiles []struct {
		Match, Digest      string
		Silence            time.Duration
		PerFrame, Sequence []struct {
			Name           string
			Params, During json.RawMessage
			Off            bool
		}
	}
}

// read reads the text of a generation; ok is false if it is one for people, from elsewhere.
func read(g output.Generation) (text recorded, ok bool) {
	err := json.Unmarshal([]byte(g.Config), &text)
	return text, err == nil && len(text.Profiles) > 0
}

// All are the configurations of an output, in the order in which they began.
func All(ctx context.Context, o *output.Output) ([]Config, error) {
	made, err := generations(ctx, o)
	if err != nil {
		return nil, err
	}
	var all []Config
	for _, m := range made {
		text, ok := read(m.Generation)
		if !ok { // its rows name no digest that is known here
			all = append(all, Config{Digest: m.ConfigDigest, Made: []Made{m}})
			continue
		}
		for _, p := range text.Profiles {
			i := slices.IndexFunc(all, func(c Config) bool { return c.Digest == p.Digest && c.Cameras == p.Match })
			if i < 0 {
				c := Config{Digest: p.Digest, Cameras: p.Match, Silence: p.Silence}
				for _, a := range slices.Concat(p.PerFrame, p.Sequence) {
					if !a.Off {
						c.Analyses = append(c.Analyses, Analysis{a.Name, a.Params, a.During})
					}
				}
				all, i = append(all, c), len(all)
			}
			all[i].Made = append(all[i].Made, m)
		}
	}
	return all, nil
}

// MayHave reports whether an analysis that is wanted may have made rows of the output. Of
// configurations that were recorded elsewhere nobody knows.
func MayHave(o *output.Output, wanted func(analysis string) bool) bool {
	for _, g := range o.Generations() {
		text, ok := read(g)
		if !ok {
			return true
		}
		for _, p := range text.Profiles {
			for _, a := range slices.Concat(p.PerFrame, p.Sequence) {
				if wanted(a.Name) {
					return true
				}
			}
		}
	}
	return false
}

// generations are all of the output, with the stretches of each.
func generations(ctx context.Context, o *output.Output) ([]Made, error) {
	var made []Made
	for _, g := range o.Generations() {
		made = append(made, Made{Generation: g})
	}
	parts, err := o.Partitions(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		stretches, err := o.Stretches(ctx, p)
		if err != nil {
			return nil, err
		}
		for _, s := range stretches {
			m := &made[s.Generation.Number-1]
			m.Stretches = append(m.Stretches, Stretch{p, s.From, s.To})
		}
	}
	return made, nil
}

// Find are the configurations whose digest, or that of one of their generations, begins with
// text. It is an error if there is none, or if they have different digests.
func Find(all []Config, text string) ([]Config, error) {
	var found []Config
	digests := map[string]bool{}
	for _, c := range all {
		ofGeneration := slices.ContainsFunc(c.Made, func(m Made) bool { return strings.HasPrefix(m.ConfigDigest, text) })
		if strings.HasPrefix(c.Digest, text) {
			found, digests[c.Digest] = append(found, c), true
		} else if ofGeneration {
			found = append(found, c)
		}
	}
	if text == "" {
		return nil, errors.New("which configuration? config list lists them")
	}
	switch {
	case len(found) == 0:
		known := map[string]bool{}
		for _, c := range all {
			known[c.Digest] = true
		}
		list := slices.Sorted(maps.Keys(known))
		return nil, fmt.Errorf("%q is the beginning of no configuration's digest (there are: %s)%s", text, strings.Join(list, ", "),
			strictyaml.DidYouMean(text, list))
	case len(digests) > 1:
		return nil, fmt.Errorf("%q is the beginning of several configurations' digests: %s", text, strings.Join(slices.Sorted(maps.Keys(digests)), ", "))
	}
	return found, nil
}
