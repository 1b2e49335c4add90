package lag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/log"
)

// Watcher looks at a topic of a log and at the output that is filled from it. It writes to
// neither. A look at a partition asks a broker twice and the filesystem some three times, and
// reads little where nothing has happened: 64 of them can be looked at every few
// seconds. It is for one user at a time.
type Watcher struct {
	log   log.Log
	out   *output.Watcher
	topic string
	now   func() time.Time

	tracker    Tracker
	partitions []chunk.Partition
	listed     time.Time

	mu     sync.Mutex
	newest map[chunk.Partition]newest
}

// newest is the last record of a log as it was looked up.
type newest struct {
	end int64 // of the log then
	at  time.Time
}

// listEvery is how often a topic's partitions are asked for: there may be more.
const listEvery = time.Minute

// atOnce is how many partitions are looked at at a time: of services on other machines each
// is some milliseconds of waiting.
const atOnce = 8

// Watch watches a topic. The caller closes the log, after the last look.
func Watch(l log.Log, out *output.Output, topic string) *Watcher {
	return &Watcher{log: l, out: out.Watcher(), topic: topic, now: time.Now, newest: map[chunk.Partition]newest{}}
}

// Look says the lag of every partition, in ascending order. A log whose brokers are away is
// asked with patience, so ctx had better have a deadline. The error names what could not be
// looked at; the lags of all others are returned with it.
func (w *Watcher) Look(ctx context.Context) ([]Lag, error) {
	if err := w.out.Refresh(ctx); err != nil {
		return nil, err
	}
	if err := w.list(ctx); err != nil {
		return nil, err
	}
	positions := make([]Position, len(w.partitions))
	errs := make([]error, len(w.partitions))
	var all errgroup.Group
	all.SetLimit(atOnce)
	for i, p := range w.partitions {
		all.Go(func() error {
			positions[i], errs[i] = w.look(ctx, p)
			return nil
		})
	}
	_ = all.Wait()
	now := w.now()
	lags := make([]Lag, 0, len(positions))
	for i := range positions {
		if errs[i] == nil {
			lags = append(lags, w.tracker.Observe(now, positions[i]))
		}
	}
	return lags, errors.Join(errs...)
}

func (w *Watcher) list(ctx context.Context) error {
	now := w.now()
	if w.partitions != nil && now.Sub(w.listed) < listEvery {
		return nil
	}
	ids, err := w.log.Partitions(ctx, w.topic)
	if err != nil {
		return err
	}
	w.partitions, w.listed = make([]chunk.Partition, len(ids)), now
	for i, id := range ids {
		w.partitions[i] = chunk.Partition{Topic: w.topic, ID: id}
	}
	slices.SortFunc(w.partitions, func(a, b chunk.Partition) int { return cmp.Compare(a.ID, b.ID) })
	w.tracker.Forget(w.partitions)
	return nil
}

func (w *Watcher) look(ctx context.Context, p chunk.Partition) (Position, error) {
	// The output first: what it has lies in the log that is asked after it.
	g, err := w.out.Look(ctx, p)
	if err != nil {
		return Position{}, err
	}
	at := Position{Partition: p, Base: g.Base, Complete: g.Complete, Processed: g.Shown}
	if at.Begin, at.End, err = w.log.Bounds(ctx, p); err != nil {
		return Position{}, err
	}
	if at.Base == chunk.None {
		at.Complete, at.Processed = at.Begin, at.Begin
	}
	if g.Timestamp != 0 {
		at.At = time.UnixMilli(g.Timestamp)
	}
	if at.End <= at.Processed {
		at.Newest = at.At // it is the same record
		return at, nil
	}
	at.Newest, err = w.timestamp(ctx, p, at.Begin, at.End)
	return at, err
}

// timestamp is that of the last record of a log that ends at an offset: it is read, with the
// batch in which it lies. Zero: there is none at the last offset.
func (w *Watcher) timestamp(ctx context.Context, p chunk.Partition, begin, end int64) (time.Time, error) {
	w.mu.Lock()
	known, ok := w.newest[p]
	w.mu.Unlock()
	if ok && known.end == end || begin >= end {
		return known.at, nil
	}
	recs, _, err := w.log.Read(ctx, p, end-1, end, 1, 0)
	if err != nil && !errors.Is(err, log.ErrDataLoss) { // retention or a truncation: the next look sees it
		return time.Time{}, fmt.Errorf("last record of %v: %w", p, err)
	}
	known = newest{end: end}
	if len(recs) > 0 && recs[0].Timestamp > 0 {
		known.at = time.UnixMilli(recs[0].Timestamp)
	}
	w.mu.Lock()
	w.newest[p] = known
	w.mu.Unlock()
	return known.at, nil
}
