package backtest

import (
	"fmt"
	"time"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

// merge is how the per-frame part of a row is made of one of a profile.
type merge struct {
	from    []origin      // of every per-frame analysis
	compute []params.Spec // those computed
	// decode: the frame must be decodable for this recipe, and of the row it is not known.
	decode bool
}

// merging decides which per-frame analyses are taken from the rows at hand.
func (h *hand) merging(e *entry) *merge {
	var key *profiles.ProfileRecord
	if e.stored != nil {
		key = e.era.record.Of(h.camera)
	}
	twin := e.twin != nil && e.twin.Status == result.OK
	if m := h.merges[key]; m != nil && twin == (h.on.twin != nil) {
		return m
	}
	p, m := h.plan.profile, &merge{}
	known := frame.NoPixels // to have been decoded
	take := func(name string) origin {
		if twin {
			if of := h.on.twin.Of(h.camera); h.same(p, h.on.twin.Record, of).analyses[name] {
				return ofTwin
			}
		}
		if key != nil && h.same(p, e.era.record, key).analyses[name] {
			return ofStore
		}
		return computed
	}
	for _, a := range p.PerFrame {
		from := take(a.Name)
		if m.from = append(m.from, from); from == computed {
			m.compute = append(m.compute, a)
		}
	}
	if twin && h.on.twin.Settings.Parse == h.Settings.Parse {
		known = max(known, h.on.twin.Of(h.camera).Pixels)
	}
	if key != nil && e.era.record.Settings.Parse == h.Settings.Parse {
		known = max(known, key.Pixels)
	}
	m.decode = p.Pixels > known
	if twin == (h.on.twin != nil) {
		h.merges[key] = m
	}
	return m
}

// perFrame makes what the per-frame stage would give.
func (h *hand) perFrame(e *entry) (element.Item, error) {
	base, reads, dies := e.stored, false, false
	if base != nil {
		if with := e.era.record.Of(h.camera); with != nil {
			s := h.same(h.plan.profile, e.era.record, with)
			reads, dies = s.reads, s.dies
		}
	} else if base = e.twin; base != nil {
		s := h.same(h.plan.profile, h.on.twin.Record, h.on.twin.Of(h.camera))
		reads, dies = s.reads, s.dies
	}
	if base != nil && base.Status.OfSource() { // which is read alike with all settings
		it := element.Item{Result: *base}
		it.Result.Status, it.Result.Events, it.Result.Config = result.Source, nil, h.plan.profile.Digest
		return it, nil
	}
	if base == nil || !reads {
		return h.whole(e)
	}
	if base.Status == result.Dead {
		switch {
		case base.Config == "" || dies:
		case e.record != nil:
			return h.whole(e)
		default:
			h.unjudged++
		}
		it := element.Item{Result: *base}
		if base.Config != "" {
			it.Result.Config = h.plan.profile.Digest
		}
		return it, nil
	}
	if base.Status != result.OK && h.plan.forced && e.record != nil {
		return h.whole(e)
	}
	it := element.Item{Result: *base, Frame: frame.Frame{
		Camera: base.Camera, Epoch: base.Epoch, Sequence: base.Sequence, Captured: time.UnixMicro(base.Captured).UTC(),
		Width: int(base.Width), Height: int(base.Height), Encoding: frame.Encoding(base.Encoding),
	}}
	res := &it.Result
	res.Status, res.Quality, res.Detections, res.Events, res.Features, res.Config = result.OK, nil, nil, nil, nil, h.plan.profile.Digest
	if base.Status != result.OK {
		return it, nil // it is most likely a repeat here too
	}
	m := h.merging(e)
	var found result.Frame // what had to be computed
	switch {
	case len(m.compute) > 0 || m.decode:
		if e.record == nil {
			return it, h.noRecord(e)
		}
		got, err := h.analyse(e, m.compute)
		if err != nil || got.Result.Status != result.OK {
			return got, err
		}
		it.Frame, found = got.Frame, got.Result
	case h.plan.look:
		if e.record == nil {
			return it, h.noRecord(e)
		}
		f, err := h.parser.Parse(e.record)
		if err != nil {
			return it, fmt.Errorf("%v offset %d: the output says that the frame can be read, but: %w", e.partition, e.offset, err)
		}
		f.Captured = f.Captured.Truncate(time.Microsecond)
		it.Frame = f
		h.decoded++
	}
	for i, a := range h.plan.profile.PerFrame {
		row := &found
		if m.from[i] != computed {
			row = e.row(m.from[i])
		}
		h.count(i, m.from[i])
		if a.Kind == "quality" {
			res.Quality = row.Quality
		}
		addFound(res, row, a.Name)
	}
	return it, nil
}

// whole makes the item of the record alone.
func (h *hand) whole(e *entry) (element.Item, error) {
	if e.record == nil {
		return element.Item{}, h.noRecord(e)
	}
	it, err := h.analyse(e, h.plan.profile.PerFrame)
	if err == nil && it.Result.Status == result.OK {
		for i := range h.plan.profile.PerFrame {
			h.computed[i]++
		}
	}
	return it, err
}

// analyse parses the record and makes those analyses of it.
func (h *hand) analyse(e *entry, only []params.Spec) (element.Item, error) {
	a, giveBack, err := h.recipe.analyzer(h.plan.profile, only, h.plan.look)
	if err != nil {
		return element.Item{}, err
	}
	defer giveBack()
	h.decoded++
	it, err := a.Analyze(e.partition, e.record)
	if err != nil {
		return it, fmt.Errorf("%s: %v offset %d: %w", h.name, e.partition, e.offset, err)
	}
	return it, nil
}

func (h *hand) noRecord(e *entry) error {
	return fmt.Errorf("%v offset %d: the frame of camera %s is needed, and the log does not have it: if it begins later, begin later too (--from)", e.partition, e.offset, h.camera)
}

// needs reports whether the frame itself is needed for the row that the output has of it.
func (h *hand) needs(e *entry) bool {
	with := e.era.record.Of(h.camera)
	if e.stored.Status.OfSource() {
		return false
	}
	if with == nil {
		return true
	}
	s := h.same(h.plan.profile, e.era.record, with)
	switch {
	case !s.reads || h.plan.look:
		return true
	case e.stored.Status == result.Dead:
		return e.stored.Config != "" && !s.dies
	case e.stored.Status != result.OK:
		return h.plan.forced
	}
	// What the other side will have found is not known yet.
	for _, a := range h.plan.profile.PerFrame {
		if s.analyses[a.Name] {
			continue
		}
		if h.on.twin != nil && h.same(h.plan.profile, h.on.twin.Record, h.on.twin.Of(h.camera)).analyses[a.Name] {
			continue
		}
		return true
	}
	return h.plan.profile.Pixels > with.Pixels
}
