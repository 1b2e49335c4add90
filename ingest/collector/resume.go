package collector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/kafka/readback"
	"github.com/framebeam/framebeam/transforms/frame"
)

// A collector of files that is started again, whatever ended the one before, goes
// on with the first frame that is not in the topic. What is there, the topic says:
// a file's frames have names that follow from the file and the settings, and the
// first copies of an epoch's frames are in order. So the partitions are read, from
// the earliest record that could be one of these files' on; a journal spares what
// an earlier run has read or written, as long as the topic still holds it.

const (
	// margin is how much earlier than the first capture time reading begins: where
	// brokers date records themselves (LogAppendTime) a file's frames may run
	// maxAhead ahead of that, and clocks differ.
	margin = 24 * time.Hour
	// journalEvery is how often the journal is written while frames are acknowledged.
	journalEvery = 5 * time.Second
	// journalShare is the part of the time that writing it may take.
	journalShare = 100
)

// resume knows which frames of the files are in the topic.
type resume struct {
	r    *run
	path string // of the journal; "" for none

	finding sync.Mutex       // one search at a time
	topic   *readback.Reader // from the first on
	journal journal          // as it was then

	mu      sync.Mutex
	id      string
	marks   map[int]mark
	cameras map[string]known
	looking map[string]known // cameras that are being looked for
	usable  bool             // marks and cameras are true, and so may be written
	changed bool             // since they were
	early   map[int]span

	quit chan struct{} // nil until frames are published
	done sync.WaitGroup
}

// span is a stretch of a partition that was written by this collector alone.
type span struct {
	from, to int64
	digest   uint64 // identity of the last record
}

// newResume returns nil if there is nothing to find out.
func newResume(r *run) *resume {
	s := &resume{r: r, path: r.opts.Journal, marks: map[int]mark{}, cameras: map[string]known{}, looking: map[string]known{}, early: map[int]span{}}
	if r.opts.Format == config.JSON {
		s.path = "" // its frames have no names that could be noted
	}
	files := slices.ContainsFunc(r.cameras, func(c *camera) bool { return !c.cfg.Live() })
	if r.opts.Again || !files && r.opts.Watch == nil { // else some may come
		return nil
	}
	return s
}

// find looks for files' frames in the topic and tells these cameras what is there. Some may
// be looked for while others are published already.
func (s *resume) find(ctx context.Context, files []*camera) error {
	s.finding.Lock()
	defer s.finding.Unlock()
	p := s.r.publisher
	if s.topic == nil {
		topic := readback.New(p)
		id, err := topic.TopicID(ctx)
		if err != nil {
			return err
		}
		if s.path != "" {
			s.journal = readJournal(s.path, p.Topic().Name, id)
		}
		s.mu.Lock()
		s.id = id
		s.mu.Unlock()
		s.topic = topic
	}
	by := map[int][]*camera{}
	s.mu.Lock()
	for _, c := range files {
		partition := p.PartitionOf(c.key)
		by[partition] = append(by[partition], c)
		s.looking[c.key] = known{Epochs: map[string]int64{}}
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		clear(s.looking)
	}()
	for _, partition := range slices.Sorted(maps.Keys(by)) {
		err := s.findIn(ctx, partition, by[partition])
		if errors.Is(err, readback.ErrNoRead) {
			s.r.opts.Log.Warn("what is in the topic already is not looked for, and is sent again as repeats: the user lacks the permission Read", "topic", p.Topic().Name)
			return nil
		}
		if err != nil {
			return fmt.Errorf("look for what is published already: %w", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range files {
		k, ok := s.looking[c.key]
		if !ok {
			continue // its Run says why
		}
		if before, ok := s.cameras[c.key]; ok { // it has changed, and was looked for before
			k.From = min(k.From, before.From)
			for epoch, next := range before.Epochs {
				k.Epochs[epoch] = max(k.Epochs[epoch], next)
			}
		}
		s.cameras[c.key] = k
		maps.Copy(c.published, k.Epochs)
	}
	s.changed = true
	if s.usable {
		return nil
	}
	for partition, at := range s.marks {
		if e := s.early[partition]; e.from <= at.End && e.to > at.End {
			s.marks[partition] = mark{End: e.to, Anchor: e.to - 1, Digest: e.digest}
		}
	}
	clear(s.early)
	s.usable = true
	s.quit = make(chan struct{})
	s.done.Go(s.keep)
	return nil
}

// end writes the journal once more.
func (s *resume) end() {
	if s.quit != nil {
		close(s.quit)
		s.done.Wait()
	}
}

// findIn looks through a partition for the frames of the cameras that are there.
func (s *resume) findIn(ctx context.Context, partition int, cameras []*camera) error {
	j := &s.journal
	first, end, err := s.topic.Bounds(ctx, partition)
	if err != nil {
		return err
	}
	at, good := j.Partitions[partition]
	if good {
		if good, err = s.holds(ctx, partition, at, first, end, j.ID); err != nil {
			return err
		}
	}
	if !good {
		at = mark{Anchor: -1}
	}
	from := end
	for _, c := range cameras {
		start, err := c.capture.Start()
		if err != nil { // its Run says so
			s.mu.Lock()
			delete(s.looking, c.key)
			s.mu.Unlock()
			continue
		}
		var k known
		if k.From, err = s.topic.OffsetAt(ctx, partition, start.Add(-margin)); err != nil {
			return err
		}
		// What the journal knows of the camera reaches back as far as was looked then.
		s.mu.Lock()
		k.Epochs = s.looking[c.key].Epochs
		if before, ok := j.Cameras[c.key]; ok && good && k.From >= before.From {
			from = min(from, max(k.From, at.End))
			k.From = before.From
			for epoch, next := range before.Epochs {
				k.Epochs[epoch] = max(k.Epochs[epoch], next)
			}
		} else {
			from = min(from, k.From)
		}
		s.looking[c.key] = k
		s.mu.Unlock()
	}
	told := time.Now()
	err = s.topic.Scan(ctx, partition, from, end, func(r *frame.Record) {
		s.mu.Lock()
		s.see(r)
		s.mu.Unlock()
		if r.Offset >= at.Anchor {
			at.Anchor, at.Digest = r.Offset, identity(r)
		}
	}, func(offset int64) {
		if now := time.Now(); now.Sub(told) > s.r.opts.Interval {
			told = now
			s.r.opts.Log.Info("looking in the topic for what is published already", "partition", partition, "offset", offset, "of", end)
		}
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.marks[partition]; ok && s.usable {
		// It goes on by what is written, of which what was looked for here is not yet a part.
		return nil
	}
	at.End = end
	s.marks[partition] = at
	return nil
}

// holds reports whether the partition still is the one of which the mark speaks:
// then all that lay before the mark still does, or has been deleted since.
func (s *resume) holds(ctx context.Context, partition int, m mark, first, end int64, id string) (bool, error) {
	switch {
	case m.Anchor < 0 || m.Anchor >= end || m.End > end:
		return false, nil
	case m.Anchor < first: // retention has taken the record
		return id != "" && id == s.id, nil
	}
	same := false
	err := s.topic.Scan(ctx, partition, m.Anchor, m.Anchor+1, func(r *frame.Record) {
		same = identity(r) == m.Digest
	}, nil)
	return same, err
}

// identity tells a record from another. Its timestamp may be the broker's.
func identity(r *frame.Record) uint64 {
	c := *r
	c.Timestamp = 0
	return c.Digest()
}

// see takes note of a record that is in the topic.
func (s *resume) see(r *frame.Record) {
	for _, cameras := range []map[string]known{s.cameras, s.looking} {
		camera, ok := cameras[string(r.Key)]
		if !ok {
			continue
		}
		if s.r.opts.Format == config.JSON {
			s.r.mu.Lock()
			s.r.sent[identity(r)] = struct{}{}
			s.r.mu.Unlock()
		} else if name, ok := finally(r); ok {
			camera.Epochs[name] = 1
		} else if epoch, sequence, ok := r.Numbered(); ok && !frame.LiveEpoch(epoch) {
			camera.Epochs[epoch] = max(camera.Epochs[epoch], sequence+1)
		}
	}
}

// acknowledged takes note of records that were written to a partition.
func (s *resume) acknowledged(partition int, records []frame.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := &records[len(records)-1]
	if !s.usable { // these are of live cameras
		e := s.early[partition]
		if records[0].Offset != e.to {
			e.from = records[0].Offset
		}
		e.to, e.digest = last.Offset+1, identity(last)
		s.early[partition] = e
		return
	}
	at, ok := s.marks[partition]
	if !ok || s.path == "" {
		return
	}
	for i := range records {
		s.see(&records[i])
	}
	// Where somebody else has written in between, or a request was carried out twice,
	// the next collector has to look from there on.
	if records[0].Offset == at.End {
		at.End = last.Offset + 1
	}
	if last.Offset > at.Anchor {
		at.Anchor, at.Digest = last.Offset, identity(last)
	}
	s.marks[partition], s.changed = at, true
}

// keep writes the journal from time to time and at the end. A folder that cannot be
// written to is said once.
func (s *resume) keep() {
	for wait := s.r.opts.journalEvery; ; {
		ended := false
		select {
		case <-time.After(wait):
		case <-s.quit:
			ended = true
		}
		begun := time.Now()
		if err := s.write(); err != nil {
			s.r.opts.Log.Warn("the journal cannot be written: a collector that is started again has to look for what is published in the topic itself", "reason", err)
			return
		}
		if wait = max(s.r.opts.journalEvery, journalShare*time.Since(begun)); ended {
			return
		}
	}
}

func (s *resume) write() error {
	s.mu.Lock()
	if !s.usable || !s.changed || s.path == "" {
		s.mu.Unlock()
		return nil
	}
	s.changed = false
	j := journal{Topic: s.r.publisher.Topic().Name, ID: s.id, Partitions: s.marks, Cameras: s.cameras}
	b, err := j.encode()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return writeJournal(s.path, b)
}
