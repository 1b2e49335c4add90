package backtest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/result"
)

// lane is one camera of a partition.
type lane struct {
	camera        string
	before, after *hand // nil: the side is an output
	*tally
	bounds  []string
	skipped int64 // frames that a side did not look at
}

func (l *lane) hands() (all []*hand) {
	for _, h := range []*hand{l.before, l.after} {
		if h != nil {
			all = append(all, h)
		}
	}
	return all
}

// partition compares a partition, slab by slab; the next is read meanwhile.
func (r *run) partition(ctx context.Context, p *part, forced map[string]string) error {
	if err := p.found.close(); err != nil { // of a comparison that was begun before
		return err
	}
	p.lanes, p.found, p.only, p.skipped = map[string]*lane{}, spool{}, [2]int64{}, 0
	ctx, cancel := context.WithCancel(ctx)
	slabs := make(chan slab)
	var failed error
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	all.Go(func() {
		defer close(slabs)
		failed = r.slabs(ctx, p, func(s slab) error {
			select {
			case slabs <- s:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	})
	for s := range slabs {
		if err := r.slab(ctx, p, &s, forced); err != nil {
			return err
		}
		r.done.Add(s.to - s.from)
	}
	if failed != nil {
		return failed
	}
	for _, camera := range slices.Sorted(maps.Keys(p.lanes)) {
		if err := p.found.addAll(p.lanes[camera].finish()); err != nil {
			return err
		}
	}
	return nil
}

func (p *part) close() error {
	var errs []error
	for _, l := range p.lanes {
		for _, h := range l.hands() {
			h.close()
			errs = append(errs, h.analyzer.Close())
		}
	}
	return errors.Join(errs...)
}

// work is what a slab has of one camera.
type work struct {
	*lane
	entries []entry
	others  []*result.Frame
}

// slab compares a slab, its cameras side by side.
func (r *run) slab(ctx context.Context, p *part, s *slab, forced map[string]string) error {
	byCamera := map[string]*work{}
	of := func(camera string) (*work, error) {
		w := byCamera[camera]
		if w == nil {
			l, err := r.lane(ctx, p, camera, forced)
			if err != nil {
				return nil, err
			}
			w = &work{lane: l}
			byCamera[camera] = w
		}
		return w, nil
	}
	if r.store == nil {
		for i := range s.records {
			rec := &s.records[i]
			if camera := rec.Camera(); r.wanted(camera) {
				w, err := of(camera)
				if err != nil {
					return err
				}
				w.entries = append(w.entries, entry{partition: p.Partition, offset: rec.Offset, record: rec})
			}
		}
	}
	for i, j := 0, 0; i < len(s.rows) || r.other != nil && j < len(s.other); {
		var row, other *result.Frame
		if i < len(s.rows) {
			row = &s.rows[i]
		}
		if r.other != nil {
			if j < len(s.other) {
				other = &s.other[j]
			}
			switch {
			case other == nil || row != nil && row.Offset < other.Offset:
				p.only[0]++
				i++
				continue
			case row == nil || other.Offset < row.Offset:
				p.only[1]++
				j++
				continue
			}
			j++
		}
		i++
		if !r.wanted(row.Camera) {
			continue
		}
		if r.skips(p, row.Camera) {
			p.skipped++
			continue
		}
		w, err := of(row.Camera)
		if err != nil {
			return err
		}
		w.entries = append(w.entries, entry{partition: p.Partition, offset: row.Offset, stored: row, era: eraAt(p.eras, row.Offset)})
		w.others = append(w.others, other)
	}
	if err := r.fetch(ctx, p, byCamera); err != nil {
		return err
	}
	cameras := slices.Sorted(maps.Keys(byCamera))
	errs := make([]error, len(cameras))
	var all sync.WaitGroup
	for i, camera := range cameras {
		r.busy <- struct{}{}
		all.Go(func() {
			defer func() { <-r.busy }()
			errs[i] = r.compare(ctx, byCamera[camera])
		})
	}
	all.Wait()
	for i, camera := range cameras {
		if errs[i] != nil {
			return errs[i]
		}
		if err := p.found.addAll(byCamera[camera].take()); err != nil {
			return err
		}
	}
	return nil
}

// compare makes the rows of a camera's frames and compares them.
func (r *run) compare(ctx context.Context, w *work) error {
	for i := range w.entries {
		if i%64 == 0 {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
		}
		e := &w.entries[i]
		before, after := e.stored, (*result.Frame)(nil)
		if w.lane.before != nil {
			made, err := w.lane.before.next(e)
			if err != nil {
				return err
			}
			before = &made
		}
		if w.lane.after != nil {
			if w.lane.before != nil {
				e.twin = before
			}
			made, err := w.lane.after.next(e)
			if err != nil {
				return err
			}
			after = &made
		} else {
			after = w.others[i]
		}
		if r.seen != nil {
			r.seen(before, after)
		}
		switch {
		case before.Status == result.Skipped || after.Status == result.Skipped:
			w.skipped++
		case r.within(before, after):
			w.add(before, after)
			if !before.Status.OfSource() {
				r.frames.Add(1)
			}
			if r.compared != nil {
				r.compared(before, after)
			}
		}
		e.record = nil
	}
	return nil
}

// within reports whether the frame is of the period. One whose time nobody knows is of an
// open one.
func (r *run) within(before, after *result.Frame) bool {
	if r.Period.Open() {
		return true
	}
	at := max(before.Captured, after.Captured)
	return at != 0 && r.Period.Contains(time.UnixMicro(at))
}

// lane is the camera's, made when its first frame comes.
func (r *run) lane(ctx context.Context, p *part, camera string, forced map[string]string) (*lane, error) {
	if l := p.lanes[camera]; l != nil {
		return l, nil
	}
	l := &lane{camera: camera, tally: newTally(camera, r.Options)}
	last, known := p.known[camera]
	if !known {
		last = chunk.None
	}
	var state []byte
	if known && (r.before != nil || r.after != nil) {
		b, _, ok, err := r.store.states.Load(ctx, p.Partition, chunk.Of(last, r.n), camera)
		if err != nil && !notThere(err) {
			return nil, err
		}
		if ok {
			state = b
		}
	}
	for _, side := range []struct {
		*recipe
		to **hand
	}{{r.before, &l.before}, {r.after, &l.after}} {
		if side.recipe == nil {
			continue
		}
		on := r.footing(p, side.recipe, forced)
		h, err := side.hand(camera, on, r.n, last, state)
		if err != nil {
			return nil, err
		}
		*side.to = h
		if known || p.unknown {
			restored := int64(chunk.None)
			if state != nil {
				restored = last
			}
			l.bounds = append(l.bounds, side.bounds(camera, h.plan, on, restored)...)
		}
		l.bounds = append(l.bounds, side.late(camera, h.plan, on)...)
	}
	p.lanes[camera] = l
	return l, nil
}
