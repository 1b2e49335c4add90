package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/history/settings"
	"github.com/framebeam/framebeam/transforms/chunk"
)

// generations are the configurations that the output was made with, the newest first.
type generations struct {
	N    int64        `json:"chunk"` // offsets per chunk
	List []generation `json:"list"`
	// File says whether analyses.yaml is what the newest generation was made with: same, other (a
	// job that is started with it begins a generation), none (there is no file, or it is wrong).
	File string `json:"file"`
}

type generation struct {
	Number    int       `json:"number"`
	Digest    string    `json:"digest"`
	Code      string    `json:"code"`
	OpenCV    string    `json:"opencv"`
	Stretches []stretch `json:"stretches"`
	Changes   []change  `json:"changes"` // from the one before
}

// stretch are the offsets that a generation made, [From, To); To is null while it has no end.
type stretch struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	From      int64  `json:"from"`
	To        *int64 `json:"to"`
}

// change is a setting that another generation has otherwise; "" is one that there is not.
type change struct {
	Cameras  string `json:"cameras"` // the pattern; "": all others
	Analysis string `json:"analysis"`
	Setting  string `json:"setting"`
	Before   string `json:"before"`
	After    string `json:"after"`
}

// mostChanges of a generation are told.
const mostChanges = 200

func (v *view) lookGenerations(ctx context.Context) (*generations, error) {
	g := &generations{File: "none"}
	err := v.Inputs.Scan(ctx, func(s *scan.Scan) error {
		all, err := settings.All(ctx, s.Output())
		if err != nil {
			return err
		}
		g.N = s.Output().N()
		g.List = listed(all)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if c := v.Inputs.AnalysesConfig(); c != nil && len(g.List) > 0 {
		if stages, err := c.Stages(); err == nil {
			g.File = "other"
			if stages.Digest == g.List[0].Digest {
				g.File = "same"
			}
		}
	}
	return g, nil
}

// listed are the generations of an output's configurations.
func listed(all []settings.Config) []generation {
	byNumber := map[int]*generation{}
	said := map[int]map[place]string{}
	for _, c := range all {
		for _, m := range c.Made {
			if byNumber[m.Number] == nil {
				one := &generation{Number: m.Number, Digest: m.ConfigDigest, Code: m.CodeVersion, OpenCV: m.OpenCV, Stretches: []stretch{}, Changes: []change{}}
				for _, s := range m.Stretches {
					to := &s.To
					if s.To == chunk.MaxOffset {
						to = nil
					}
					one.Stretches = append(one.Stretches, stretch{s.Topic, s.ID, s.From, to})
				}
				byNumber[m.Number], said[m.Number] = one, map[place]string{
					{"", "program", "version"}: m.CodeVersion, {"", "program", "OpenCV"}: m.OpenCV, {"", "program", "architecture"}: m.Arch,
				}
			}
			describe(said[m.Number], &c)
		}
	}
	list := []generation{}
	var before map[place]string
	for n := 1; n <= len(byNumber); n++ {
		one := byNumber[n]
		if one == nil {
			break
		}
		if before != nil {
			one.Changes = differences(before, said[n])
		}
		before = said[n]
		list = append(list, *one)
	}
	slices.Reverse(list)
	return list
}

// place is where a setting stands.
type place struct{ cameras, analysis, setting string }

// describe notes every setting of a configuration.
func describe(said map[place]string, c *settings.Config) {
	if c.Silence > 0 {
		said[place{c.Cameras, "", "silence"}] = c.Silence.String()
	}
	for _, a := range c.Analyses {
		said[place{c.Cameras, a.Name, ""}] = "on"
		flat(a.Params, "", func(path, value string) { said[place{c.Cameras, a.Name, path}] = value })
		flat(a.During, "during", func(path, value string) { said[place{c.Cameras, a.Name, path}] = value })
	}
}

// flat calls fn for every value in a JSON object that is none itself.
func flat(raw json.RawMessage, path string, fn func(path, value string)) {
	if len(raw) == 0 || string(raw) == "null" {
		return
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil {
		fn(path, string(raw))
		return
	}
	for name, value := range object {
		flat(value, strings.TrimPrefix(path+"."+name, "."), fn)
	}
}

// differences are the settings that are not the same. Of an analysis that is new or gone only that
// is told.
func differences(before, after map[place]string) []change {
	found := []change{}
	whole := func(p place) bool {
		on := place{p.cameras, p.analysis, ""}
		return p.setting != "" && p.analysis != "" && (before[on] == "") != (after[on] == "")
	}
	add := func(p place) {
		if before[p] != after[p] && !whole(p) {
			found = append(found, change{p.cameras, p.analysis, p.setting, before[p], after[p]})
		}
	}
	for p := range before {
		add(p)
	}
	for p := range after {
		if _, both := before[p]; !both {
			add(p)
		}
	}
	slices.SortFunc(found, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.Cameras, b.Cameras), cmp.Compare(a.Analysis, b.Analysis), cmp.Compare(a.Setting, b.Setting))
	})
	if len(found) > mostChanges {
		found = append(found[:mostChanges], change{Setting: fmt.Sprintf("and %d more", len(found)-mostChanges)})
	}
	return found
}
