package backtest

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/params"
)

// part is one partition of a run.
type part struct {
	chunk.Partition
	eras     []era // of the store
	base     int64 // the first offset that there is
	from, to int64 // that are looked at
	files    []file
	others   []file // of the other output
	// known are the cameras that were not forgotten before from, with their last offsets;
	// unknown is set if there may have been some and nothing is stored of them.
	known   map[string]int64
	unknown bool
	ending  []string // cameras at its end, as far as is known

	lanes map[string]*lane
	found spool
	// only are frames that one of two outputs has and the other not, skipped those of
	// cameras that the output never looked at.
	only    [2]int64
	skipped int64
}

// divide finds the partitions and what of them is looked at.
func (r *run) divide(ctx context.Context) error {
	var all []chunk.Partition
	if r.store != nil {
		listed, err := r.store.Partitions(ctx)
		if err != nil {
			return err
		}
		for _, p := range listed {
			if p.Topic == r.Topic {
				all = append(all, p)
			}
		}
		if len(all) == 0 {
			return fmt.Errorf("output %s has no results of topic %s", r.store.Folder().Root(), r.Topic)
		}
	} else {
		ids, err := r.log.Partitions(ctx, r.Topic)
		if err != nil {
			return err
		}
		for _, id := range ids {
			all = append(all, chunk.Partition{Topic: r.Topic, ID: id})
		}
	}
	slices.SortFunc(all, func(a, b chunk.Partition) int { return int(a.ID) - int(b.ID) })
	for _, p := range all {
		part := &part{Partition: p}
		var err error
		if r.store != nil {
			err = r.ofStore(ctx, part)
		} else {
			err = r.ofLog(ctx, part)
		}
		if err != nil {
			return err
		}
		r.parts = append(r.parts, part)
		r.total.Add(part.to - part.from)
	}
	return nil
}

// looked is the period with the warm-up before it, if anything is computed, in µs.
func (r *run) looked() (from, to int64) {
	from, to = math.MinInt64, math.MaxInt64
	warmUp := r.WarmUp
	if r.before == nil && r.after == nil {
		warmUp = 0
	}
	if !r.Period.From.IsZero() {
		from = r.Period.From.Add(-warmUp).UnixMicro()
	}
	if !r.Period.To.IsZero() {
		to = r.Period.To.UnixMicro()
	}
	return from, to
}

func (r *run) ofStore(ctx context.Context, p *part) (err error) {
	p.eras = r.store.eras(p.Partition)
	bare, err := r.store.Bare(ctx, p.Partition)
	if err != nil {
		return err
	}
	if p.base, err = r.store.Base(ctx, p.Partition); err != nil || p.base == chunk.None {
		return err
	}
	if p.files, err = r.store.files(ctx, p.Partition); err != nil {
		return err
	}
	from, to := r.looked()
	if r.before == nil && r.after == nil {
		if p.others, err = r.other.files(ctx, p.Partition); err != nil {
			return err
		}
	}
	for len(p.files) > 0 && (p.files[0].last < from || p.files[0].end <= p.base) {
		p.files = p.files[1:]
	}
	for n := len(p.files); n > 0 && p.files[n-1].first >= to; n-- {
		p.files = p.files[:n-1]
	}
	if len(p.files) == 0 {
		return nil
	}
	p.from, p.to = p.files[0].start, p.files[len(p.files)-1].end
	p.from = max(p.from, p.base)
	for len(p.others) > 0 && p.others[0].end <= p.from {
		p.others = p.others[1:]
	}
	p.known = map[string]int64{}
	for _, at := range []int64{p.from, p.to} {
		end, ok, err := r.store.end(ctx, p.Partition, chunk.Of(at, r.n)-1)
		if err != nil {
			return err
		}
		if at == p.from && (at > p.base || !bare) {
			p.unknown = !ok
			for _, c := range end.Cameras {
				p.known[c.Camera] = c.Last
			}
		}
		for _, c := range end.Cameras {
			p.ending = append(p.ending, c.Camera)
		}
	}
	return nil
}

func (r *run) ofLog(ctx context.Context, p *part) (err error) {
	if p.base, p.to, err = r.log.Bounds(ctx, p.Partition); err != nil {
		return err
	}
	p.from = p.base
	if !r.Period.From.IsZero() {
		if p.from, err = r.log.OffsetAt(ctx, p.Partition, r.Period.From.Add(-r.WarmUp)); err != nil {
			return err
		}
		// Chunks are as they would be in an output.
		p.from = max(p.base, p.from/r.n*r.n)
	}
	if !r.Period.To.IsZero() {
		to, err := r.log.OffsetAt(ctx, p.Partition, r.Period.To)
		if err != nil {
			return err
		}
		p.to = max(p.from, min(p.to, (to+r.n-1)/r.n*r.n))
	}
	p.unknown = p.from > p.base
	return nil
}

// footing is what a side stands on in a partition.
func (r *run) footing(p *part, side *recipe, forced map[string]string) *footing {
	f := &footing{partition: p.Partition, eras: p.eras, from: p.from, base: p.base, pixels: r.log != nil, forced: forced}
	if side == r.after {
		f.twin = r.before
	}
	return f
}

func (r *run) wanted(camera string) bool {
	return camera != "" && params.Selects(r.Cameras, camera)
}

// skips reports whether the output that is compared never looked at the camera.
func (r *run) skips(p *part, camera string) bool {
	return r.before == nil && !slices.ContainsFunc(p.eras, func(e era) bool { return e.to > p.from && e.record.Looks(camera) })
}
