package profiles

import (
	"encoding/json"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/config/shapes"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/vision/geometry"
)

// Shapes are the lines and zones in configurations that were recorded: texts are
// [Stages.Text], those of an output's generations. What this program does not understand
// of them has none: pictures are a view.
func Shapes(texts ...string) shapes.Set {
	set := shapes.Set{}
	for _, text := range texts {
		var recorded struct {
			Profiles []struct {
				Digest   string
				Sequence []params.Spec
			}
		}
		if err := json.Unmarshal([]byte(text), &recorded); err != nil {
			continue
		}
		for _, p := range recorded.Profiles {
			for _, spec := range p.Sequence {
				s := scheduledShapes(spec)
				if s == nil {
					continue
				}
				if set[p.Digest] == nil {
					set[p.Digest] = map[string]shapes.Scheduled{}
				}
				set[p.Digest][spec.Name] = s
			}
		}
	}
	return set
}

// scheduledShapes are a step's, in all of its variants; nil if it has none in any.
func scheduledShapes(spec params.Spec) shapes.Scheduled {
	of := shapesOf()[spec.Kind]
	if of == nil {
		return nil
	}
	var s shapes.Scheduled
	some := false
	add := func(v shapes.Variant, raw json.RawMessage, off bool) {
		if !off {
			v.Shapes = of(raw)
		}
		some = some || len(v.Shapes) > 0
		s = append(s, v)
	}
	for _, v := range spec.During {
		add(shapes.Variant{Schedule: &v.Schedule}, v.Params, v.Off)
	}
	add(shapes.Variant{}, spec.Params, spec.Off)
	if !some {
		return nil
	}
	return s
}

// shapesOf are the shapes in the parameters of the kinds that have some, by the kind's name.
func shapesOf() map[string]func(json.RawMessage) []geometry.Shape {
	all := map[string]func(json.RawMessage) []geometry.Shape{}
	for _, k := range sequence.Kinds() {
		if k.Shapes == nil {
			continue
		}
		all[k.Name] = func(raw json.RawMessage) []geometry.Shape {
			p, err := k.Check(raw)
			if err != nil {
				return nil
			}
			return k.Shapes(p)
		}
	}
	return all
}
