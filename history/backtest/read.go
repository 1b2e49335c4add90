package backtest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

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
	// Nothing that is compared depends on quality, and nothing on features but where an
	// analysis looks only now and then: they say where it did.
	selection := result.Selection{
		Columns: result.AllColumns &^ (result.OfQuality | result.OfFeatures),
		Row:     func(f *result.Frame) bool { return f.Offset >= p.from && r.wanted(f.Camera) },
	}
	if r.before.looks() || r.after.looks() {
		selection.Columns |= result.OfFeatures
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
