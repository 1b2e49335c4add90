package backtest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// result puts together what was found.
func (r *run) result(elapsed time.Duration) (*Result, error) {
	res := &Result{
		From: r.Period.From, To: r.Period.To, Elapsed: elapsed, differences: newSpool(),
		Before: r.side(r.Before, r.before, r.store), After: r.side(r.After, r.after, r.other),
	}
	var first, last int64
	counts, detected, times := map[Key]*Count{}, map[[2]string]*Detected{}, newTimeline()
	ofCamera := map[string]*timeline{}
	cameras := map[string]bool{}
	bounds, work := map[string][]string{}, newWorks()
	var unjudged int64
	for _, p := range r.parts {
		for _, camera := range slices.Sorted(maps.Keys(p.lanes)) {
			l := p.lanes[camera]
			res.Frames += l.frames
			p.skipped += l.skipped
			if l.frames > 0 {
				cameras[camera] = true
			}
			if l.first != 0 && (first == 0 || l.first < first) {
				first = l.first
			}
			last = max(last, l.last)
			for k, c := range l.counts {
				if counts[k] == nil {
					counts[k] = &Count{}
				}
				counts[k].Add(*c)
			}
			times.add(&l.timeline)
			if ofCamera[camera] == nil {
				t := newTimeline()
				ofCamera[camera] = &t
			}
			ofCamera[camera].add(&l.timeline)
			for name, d := range l.detected {
				k := [2]string{camera, name}
				if detected[k] == nil {
					detected[k] = &Detected{Camera: camera, Analysis: name}
				}
				detected[k].add(d)
			}
			for _, b := range l.bounds {
				bounds[b] = append(bounds[b], camera)
			}
			for _, h := range l.hands() {
				res.Decoded += h.decoded
				unjudged += h.unjudged
				work.add(h)
				if h.diverged != "" {
					b := h.diverged + "; the output's results are taken for want of the frames"
					bounds[b] = append(bounds[b], camera)
				}
			}
		}
		if err := errors.Join(p.found.each(res.differences.add), p.found.close()); err != nil {
			return nil, errors.Join(err, res.Close())
		}
		if p.skipped > 0 {
			res.Notes = append(res.Notes, fmt.Sprintf("%d frames of %v are of cameras that an output did not look at, and are not compared", p.skipped, p.Partition))
		}
		for i, name := range []string{r.Before.Name, r.After.Name} {
			if p.only[i] > 0 {
				res.Notes = append(res.Notes, fmt.Sprintf("%d frames of %v are only in %s, and not compared", p.only[i], p.Partition, name))
			}
		}
	}
	if first != 0 {
		res.First, res.Last = time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
	}
	res.Cameras = slices.Sorted(maps.Keys(cameras))
	for k, c := range counts {
		res.Totals = append(res.Totals, Total{k, *c})
		res.Sum.Add(*c)
	}
	slices.SortFunc(res.Totals, func(a, b Total) int { return a.compare(b.Key) })
	res.Timeline, res.BucketWidth = times.list()
	res.Timelines = worst(ofCamera, times.width)
	for _, d := range detected {
		res.Detections = append(res.Detections, *d)
	}
	slices.SortFunc(res.Detections, func(a, b Detected) int {
		return cmp.Or(strings.Compare(a.Camera, b.Camera), strings.Compare(a.Analysis, b.Analysis))
	})
	res.Computed, res.Taken = work.lists()
	if unjudged > 0 {
		res.Bounds = append(res.Bounds, fmt.Sprintf("%d dead letters of the output might be read with another configuration, and are taken as they are for want of the frames", unjudged))
	}
	res.Bounds = append(res.Bounds, sentences(bounds)...)
	res.Exact = len(res.Bounds) == 0
	res.Notes = append(res.Notes, r.platforms()...)
	return res, nil
}

func (k Key) compare(o Key) int {
	return cmp.Or(strings.Compare(k.Camera, o.Camera), strings.Compare(k.Analysis, o.Analysis), strings.Compare(k.Rule, o.Rule),
		strings.Compare(k.Type, o.Type), strings.Compare(k.Transition, o.Transition))
}

func (d *Detected) add(o *Detected) {
	d.Frames += o.Frames
	d.Differ += o.Differ
	d.Before += o.Before
	d.After += o.After
}

// side says what one side is.
func (r *run) side(g Given, computed *recipe, of *stored) Side {
	s := Side{Name: g.Name, Configs: map[string]Config{}}
	add := func(text string, rec *profiles.Record) {
		for i := range rec.Profiles {
			p := &rec.Profiles[i]
			s.Configs[p.Digest] = Config{Analyses: slices.Concat([]params.Spec{}, p.PerFrame, p.Steps), Text: text}
		}
	}
	if computed != nil {
		add(computed.stages.Text, computed.Record)
		return s
	}
	for i, g := range of.Generations() {
		add(g.Config, of.records[i])
	}
	return s
}

// platforms says where results that are taken were made on another platform.
func (r *run) platforms() (notes []string) {
	if r.store == nil || r.before == nil && r.after == nil {
		return nil
	}
	for i, rec := range r.store.records {
		if rec.OpenCV != pixels.Version() {
			notes = append(notes, fmt.Sprintf("generation %d of the output was made with OpenCV %s, this is %s", i+1, rec.OpenCV, pixels.Version()))
		}
	}
	return notes
}

// works sums up what was done.
type works struct{ computed, taken map[string]*doing }

type doing struct {
	cameras map[string]bool
	frames  int64
	why     string
}

func newWorks() *works { return &works{map[string]*doing{}, map[string]*doing{}} }

func (w *works) add(h *hand) {
	for i, name := range h.names {
		note := func(to map[string]*doing, n int64, why string) {
			if n == 0 {
				return
			}
			d := to[name]
			if d == nil {
				d = &doing{cameras: map[string]bool{}, why: why}
				to[name] = d
			}
			d.cameras[h.camera] = true
			d.frames += n
		}
		note(w.computed, h.computed[i], cmp.Or(h.why[i], "frames of which it is not stored"))
		note(w.taken, h.taken[i], "")
	}
}

func (w *works) lists() (computed, taken []Work) {
	list := func(from map[string]*doing) (all []Work) {
		for _, name := range slices.Sorted(maps.Keys(from)) {
			d := from[name]
			cameras := slices.Sorted(maps.Keys(d.cameras))
			n := min(len(cameras), MostNamed)
			all = append(all, Work{Analysis: name, Cameras: cameras[:n], More: len(cameras) - n, Frames: d.frames, Why: d.why})
		}
		return all
	}
	return list(w.computed), list(w.taken)
}
