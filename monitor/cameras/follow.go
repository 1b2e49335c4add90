package cameras

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/framebeam/framebeam/monitor/inputs"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

const (
	// followEvery is how often the end of the topic is looked at while somebody looks at cameras.
	followEvery = 500 * time.Millisecond
	// followBytes is what is read of a partition at a time: of more, the newest.
	followBytes = 2 << 20
	// readers is how many partitions are read at a time.
	readers = 4
	// few records at the end of a partition are read where none of the last moments are there.
	few = 64
	// begin is how far back reading begins.
	begin = 3 * time.Second
	// again is how often it is looked which partitions there are.
	again = 10 * time.Second
)

// tail is how far the topic has been looked at.
type tail struct {
	mu      sync.Mutex
	at      map[chunk.Partition]int64 // the next offset
	average map[chunk.Partition]int64 // bytes of a record, about
}

// follow reads the newest records while somebody looks.
func (v *view) follow(ctx context.Context) {
	pixels.SingleThreaded()
	var parts []chunk.Partition
	var listed time.Time
	t := &tail{at: map[chunk.Partition]int64{}, average: map[chunk.Partition]int64{}}
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if !v.looking() && !v.Hub.Watched("cameras") {
			clear(t.at) // what comes meanwhile is of no use
			continue
		}
		err := func() error {
			l, err := v.Inputs.KafkaLog(ctx)
			if err != nil {
				return err
			}
			if time.Since(listed) > again {
				ids, err := l.Partitions(ctx, v.Inputs.Topic)
				if err != nil {
					return err
				}
				parts = nil
				for _, id := range ids {
					parts = append(parts, chunk.Partition{Topic: v.Inputs.Topic, ID: id})
				}
				listed = time.Now()
			}
			all, group := errgroup.WithContext(ctx)
			all.SetLimit(readers)
			for _, p := range parts {
				all.Go(func() error { return v.read(group, l, t, p) })
			}
			return all.Wait()
		}()
		if v.Inputs.Told(inputs.Kafka, err) != nil {
			listed = time.Time{}
		}
	}
}

// read reads what is new at the end of a partition.
func (v *view) read(ctx context.Context, l log.Log, t *tail, p chunk.Partition) error {
	first, end, err := l.Bounds(ctx, p)
	if err != nil {
		return err
	}
	t.mu.Lock()
	from, known := t.at[p]
	average := max(t.average[p], 1)
	t.mu.Unlock()
	if !known || from > end || from < first {
		if from, err = l.OffsetAt(ctx, p, time.Now().Add(-begin)); err != nil {
			return err
		}
		from = max(first, min(from, end-few))
	}
	if most := max(followBytes/average, few); average > 1 && end-from > most {
		from = end - most
	}
	newest := map[string]*frame.Record{}
	var bytes, records int64
	for from < end && bytes < 2*followBytes {
		recs, next, err := l.Read(ctx, p, from, end, followBytes, followEvery)
		if loss := (*log.DataLoss)(nil); errors.As(err, &loss) {
			t.mu.Lock()
			delete(t.at, p) // it begins at the end again
			t.mu.Unlock()
			return nil
		}
		if err != nil {
			return err
		}
		if next == from {
			break
		}
		from = next
		v.heard(recs, newest)
		for i := range recs {
			bytes += int64(recs[i].Size())
		}
		records += int64(len(recs))
	}
	t.mu.Lock()
	t.at[p] = from
	if records > 0 {
		t.average[p] = bytes / records
	}
	t.mu.Unlock()
	for _, rec := range newest {
		if err := ctx.Err(); err != nil {
			return err
		}
		v.developed(ctx, p, rec)
	}
	return nil
}

// heard takes what records say of their cameras, and notes the newest of each that somebody
// looks at.
func (v *view) heard(recs []frame.Record, newest map[string]*frame.Record) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	for i := range recs {
		rec := &recs[i]
		id := rec.Camera()
		if id == "" {
			continue
		}
		c := v.camera(id)
		if rec.OfSource() {
			if change, err := frame.ParseSource(rec); err == nil {
				c.source = &change
				v.changed = true
			}
			continue
		}
		at := time.UnixMilli(rec.Timestamp)
		if at.After(c.logged) {
			c.logged = at
			v.changed = true
		}
		c.loggedRate.add(at)
		if slices.ContainsFunc(c.wanted[:], now.Before) {
			newest[id] = rec
		}
	}
}

// developed makes a shot of a record.
func (v *view) developed(ctx context.Context, p chunk.Partition, rec *frame.Record) {
	v.mu.Lock()
	c, parser := v.camera(rec.Camera()), v.parser
	in := c.sizesWanted()
	apart := apart
	if v.many {
		apart = apartMany
	}
	enough := false
	if n := len(c.shots); n > 0 {
		newest := c.shots[n-1]
		enough = time.UnixMilli(rec.Timestamp).Sub(newest.Captured).Abs() < apart && newest.has(in)
	}
	v.mu.Unlock()
	if enough {
		return
	}
	f, err := parser.Parse(rec)
	if err != nil {
		return // a dead letter, which the pipeline tells of
	}
	var s *shot
	if v.dark.do(ctx, func() { s, err = develop(p, rec.Offset, &f, in) }) != nil || err != nil {
		return
	}
	v.mu.Lock()
	c.add(s)
	c.failed = nil
	v.mu.Unlock()
}

// sizesWanted are those in which somebody looks at the camera.
func (c *camera) sizesWanted() (in [sizes]bool) {
	now := time.Now()
	for size, until := range c.wanted {
		in[size] = now.Before(until)
	}
	return in
}

// looking reports whether somebody looks at a camera's picture, and lets go of the pictures that
// nobody looks at any more.
func (v *view) looking() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	some := 0
	for _, c := range v.cameras {
		wanted := false
		for size, until := range c.wanted {
			if now.Before(until) {
				wanted = true
				continue
			}
			for _, s := range c.shots {
				s.jpeg[size] = nil
			}
		}
		if !wanted {
			c.shots, c.failed = nil, nil
		}
		if wanted {
			some++
		}
	}
	v.many = some > few/4
	return some > 0
}
