package backtest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
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

// slab is a part of a partition's frames: rows of the output or, where there is none,
// records, and rows of the other output.
type slab struct {
	from, to int64
	rows     []result.Frame
	other    []result.Frame
	records  []frame.Record
}

// mostBytes are asked of the log at once.
const mostBytes = 8 << 20

// mostHeld is about how many bytes of frames a slab has; the next is read beside it.
const mostHeld = 64 << 20

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

func (p *part) close() {
	for _, l := range p.lanes {
		for _, h := range l.hands() {
			h.close()
		}
	}
}

// firstSlab is how many frames the first slab has, before it is known how large they are.
const firstSlab = 64

func (r *run) most() int64 { return cmp.Or(r.held, mostHeld) }

// slabs reads the partition.
func (r *run) slabs(ctx context.Context, p *part, give func(slab) error) error {
	if r.store == nil {
		// How many frames fit is known by those before them.
		for from, most := p.from, int64(firstSlab); from < p.to; {
			s := slab{from: from, to: min((chunk.Of(from, r.n)+1)*r.n, p.to, from+most)}
			var bytes int64
			err := r.read(ctx, p, s.from, s.to, func(rec *frame.Record) {
				s.records = append(s.records, *rec)
				bytes += int64(len(rec.Value))
			})
			if bytes > 0 {
				most = max(1, r.most()*int64(len(s.records))/bytes)
			}
			if err == nil {
				err = give(s)
			}
			if err != nil {
				return err
			}
			from = s.to
		}
		return nil
	}
	// Nothing that is compared depends on quality and features: nothing in sequence reads them.
	selection := result.Selection{
		Columns: result.AllColumns &^ (result.OfQuality | result.OfFeatures),
		Row:     func(f *result.Frame) bool { return f.Offset >= p.from && r.wanted(f.Camera) },
	}
	if r.seen != nil {
		selection.Columns = result.AllColumns
	}
	var other *rows
	if r.other != nil {
		other = &rows{of: r.other, partition: p.Partition, files: p.others, selection: selection}
	}
	mine := &rows{of: r.store, partition: p.Partition, files: p.files, selection: selection}
	for len(mine.files) > 0 || mine.at < mine.upTo {
		if err := mine.more(ctx); err != nil {
			return err
		}
		s := slab{from: mine.at, to: mine.upTo}
		if r.log != nil {
			// Whose frames may be needed.
			s.to = mine.fitting(r.most(), min(s.to, (chunk.Of(s.from, r.n)+1)*r.n))
		}
		var err error
		if s.rows, err = mine.before(ctx, s.to); err != nil {
			return err
		}
		if other != nil {
			if s.other, err = other.before(ctx, s.to); err != nil {
				return err
			}
		}
		if err := give(s); err != nil {
			return err
		}
	}
	return nil
}

// rows reads an output's rows of a partition in their order.
type rows struct {
	of        *stored
	partition chunk.Partition
	selection result.Selection
	files     []file         // not yet read
	read      []result.Frame // and not yet given
	at        int64          // the offset to go on from
	upTo      int64          // what is read goes up to it
}

// more reads the next file, if all of the last is given.
func (w *rows) more(ctx context.Context) error {
	for try := 1; w.at >= w.upTo && len(w.files) > 0; {
		f := w.files[0]
		var read []result.Frame
		err := w.of.Read(ctx, f.name, w.selection, func(rows []result.Frame) error {
			if read == nil {
				read = rows // of most files that is all
			} else {
				read = append(read, rows...)
			}
			return ctx.Err()
		})
		if notThere(err) && try < looks {
			// A job has gone on meanwhile: what was the beginning of a chunk has more now.
			try++
			if err := w.again(ctx); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		w.files = w.files[1:]
		for len(read) > 0 && read[0].Offset < w.at {
			read = read[1:] // given already, of a file that was there before
		}
		w.read, w.at, w.upTo = read, max(w.at, f.start), f.end
	}
	return nil
}

// again lists the files anew that are not yet read, up to the same offset.
func (w *rows) again(ctx context.Context) error {
	end := w.files[len(w.files)-1].end
	files, err := w.of.files(ctx, w.partition)
	if err != nil {
		return err
	}
	w.files = slices.DeleteFunc(files, func(f file) bool { return f.end <= w.at || f.start >= end })
	return nil
}

// fitting is the offset, at most to, before which the frames of the rows that are read
// have about so many bytes, but of one at least.
func (w *rows) fitting(most, to int64) int64 {
	var bytes int64
	for i := range w.read {
		row := &w.read[i]
		if row.Offset >= to {
			break
		}
		if bytes += row.Bytes; bytes > most && row.Offset > w.at {
			return row.Offset
		}
	}
	return to
}

// before gives all rows up to an offset.
func (w *rows) before(ctx context.Context, to int64) (all []result.Frame, err error) {
	for {
		if err := w.more(ctx); err != nil {
			return nil, err
		}
		n := 0
		for n < len(w.read) && w.read[n].Offset < to {
			n++
		}
		if all == nil {
			all = w.read[:n:n]
		} else {
			all = append(all, w.read[:n]...)
		}
		w.read = w.read[n:]
		if w.at = max(w.at, min(to, w.upTo)); w.at < w.upTo || len(w.files) == 0 || w.files[0].start >= to {
			return all, nil
		}
	}
}

// read calls fn with every record of the log in [from, to).
func (r *run) read(ctx context.Context, p *part, from, to int64, fn func(*frame.Record)) error {
	for from < to {
		recs, next, err := r.log.Read(ctx, p.Partition, from, to, mostBytes, time.Second)
		if err != nil {
			return err
		}
		for i := range recs {
			fn(&recs[i])
		}
		if next == from {
			if err := ctx.Err(); err != nil {
				return err
			}
			first, end, err := r.log.Bounds(ctx, p.Partition)
			if err != nil {
				return err
			}
			if next >= end || next < first {
				return nil // what is lacking is said by who needs it
			}
		}
		from = next
	}
	return nil
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

// fetch reads the records of the log that are needed.
func (r *run) fetch(ctx context.Context, p *part, byCamera map[string]*work) error {
	if r.log == nil || r.store == nil {
		return nil
	}
	needed := map[int64]*entry{}
	from, to := int64(-1), int64(-1)
	for _, w := range byCamera {
		for i := range w.entries {
			e := &w.entries[i]
			if slices.ContainsFunc(w.hands(), func(h *hand) bool { return h.needs(e) }) {
				needed[e.offset] = e
				if from < 0 || e.offset < from {
					from = e.offset
				}
				to = max(to, e.offset+1)
			}
		}
	}
	if len(needed) == 0 {
		return nil
	}
	return r.read(ctx, p, from, to, func(rec *frame.Record) {
		if e := needed[rec.Offset]; e != nil {
			kept := *rec
			e.record = &kept
		}
	})
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
			r.frames.Add(1)
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
