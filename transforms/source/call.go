package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/sdf"
	"go.opentelemetry.io/otel/attribute"

	"github.com/framebeam/framebeam/tracing"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/crashpoint"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
)

// call is one call of ProcessElement.
type call struct {
	*reader
	task    *Task
	rt      *Tracker
	w       *watermark
	emitRun func(beam.EventTime, chunk.Run)
	emitEnd func(beam.EventTime, chunk.End)

	began   time.Time
	records int   // how many more the call may emit
	bytes   int64 // likewise
	slice   slice
}

func (f *reader) begin(
	task *Task, rt *Tracker, w *watermark,
	emitRun func(beam.EventTime, chunk.Run), emitEnd func(beam.EventTime, chunk.End),
) *call {
	return &call{
		reader: f, task: task, rt: rt, w: w, emitRun: emitRun, emitEnd: emitEnd,
		began: time.Now(), records: f.Config.MaxRecords, bytes: int64(f.Config.MaxBytes),
		slice: slice{limit: f.Config.SliceBytes},
	}
}

// process runs the call and says how far it has come.
func (c *call) process(ctx context.Context) (sdf.ProcessContinuation, error) {
	cont, err := c.run(ctx)
	if err == nil && cont.ShouldResume() {
		c.tellInterim()
	}
	if err == nil {
		err = c.rt.GetError()
	}
	if err != nil {
		return nil, fmt.Errorf("kafka source: %w", err)
	}
	_, backlog := c.rt.GetProgress()
	beam.NewGauge(name, fmt.Sprintf("backlog_%s_%d", c.task.Topic, c.task.Partition.ID)).Set(ctx, int64(backlog))
	return cont, nil
}

// trace says of records that are followed how long it took to read them.
func (c *call) trace(recs []frame.Record) {
	if c.tracer == nil {
		return
	}
	for i := range recs {
		if at, ok := tracing.OfRecord(&recs[i]); ok {
			c.tracer.Span(at, tracing.Read, c.began, time.Now(), attribute.Int64("messaging.kafka.offset", recs[i].Offset),
				attribute.String("messaging.destination.name", c.task.Topic), attribute.Int("messaging.kafka.partition", int(c.task.Partition.ID)))
		}
	}
}

func (c *call) run(ctx context.Context) (sdf.ProcessContinuation, error) {
	idle := c.idle[c.task.String()]
	if idle == nil {
		idle = &idleness{since: c.began, next: idleDelay, told: c.began}
		c.idle[c.task.String()] = idle
	}
	emitted := false
	for {
		// Only this goroutine moves the restriction on; a checkpoint may cut it off.
		r := c.rt.at()
		if r.done() {
			if r.End != never {
				c.tell() // the end of a task inside a chunk
			}
			return sdf.StopProcessing(), nil
		}
		if r.endDue() {
			if !c.closeChunk() || c.slice.full() {
				return sdf.StopProcessing(), nil
			}
			continue
		}
		if comesRound(c.Config.Drain) {
			c.rt.Cut()
			continue
		}
		if !c.Config.OneCall && (c.records <= 0 || c.bytes <= 0 || time.Since(c.began) >= c.Config.MaxWait) {
			return sdf.ResumeProcessingIn(0), c.seeEnd(ctx)
		}
		held := element.Pace.Take(c.want(idle), min(int64(c.Config.RunBytes), c.Config.Credit))
		if held == 0 {
			return sdf.ResumeProcessingIn(paceDelay), nil
		}
		wait := pollWait
		switch {
		case c.Config.OneCall:
			wait = c.Config.MaxWait
		case emitted:
			wait = 0 // what was emitted goes on only when the call ends
		}
		recs, next, epoch, err := c.read(ctx, &r, held, wait)
		if err != nil {
			element.Pace.Release(held)
			return nil, err
		}
		if next == r.Offset() {
			element.Pace.Release(held)
			if next < r.Seen {
				if err := c.seeEnd(ctx); err != nil {
					return nil, err
				}
			}
			if c.Config.OneCall {
				continue
			}
			if time.Since(idle.since) >= c.Config.Tail {
				c.tell()
			}
			if emitted {
				if c.Config.TickEvery > 0 {
					return sdf.ResumeProcessingIn(0), nil
				}
				return sdf.ResumeProcessingIn(untilBeat(time.Now())), nil
			}
			delay := idle.next
			idle.next = min(2*delay, maxIdleDelay)
			return sdf.ResumeProcessingIn(delay), nil
		}
		idle.since, idle.next = time.Now(), idleDelay
		if n := len(recs); n > 0 {
			idle.size = max(1, sum(recs)/int64(n))
		}
		recs, next, ok := c.fit(recs, next, held)
		if !ok {
			return sdf.ResumeProcessingIn(paceDelay), nil
		}
		if ok, err := c.emit(ctx, recs, next, epoch); !ok || err != nil {
			return sdf.StopProcessing(), err
		}
		emitted = true
	}
}

// untilBeat is how long it is until the next beat.
func untilBeat(now time.Time) time.Duration { return now.Truncate(beat).Add(beat).Sub(now) }

// want is how many bytes to fetch at once.
func (c *call) want(idle *idleness) int64 {
	n := c.bytes
	if c.Config.OneCall {
		n = int64(c.Config.MaxBytes)
	}
	if idle.size > 0 {
		n = min(n, idle.size*int64(c.records)+idle.size)
	}
	return max(1, n)
}

// read reads from the log and makes sure that it is still the one that was meant.
func (c *call) read(ctx context.Context, r *Restriction, maxBytes int64, wait time.Duration) ([]frame.Record, int64, int32, error) {
	t := c.task
	recs, next, epoch, err := log.ReadAfter(ctx, c.log.Value, r.Last, t.Partition, r.Offset(), r.limit(), int(maxBytes), wait)
	if err != nil && !errors.Is(err, log.ErrDataLoss) || t.Identity == "" {
		return recs, next, epoch, err
	}
	// Data loss may have no other cause than a topic created anew.
	if id, ierr := log.Identity(ctx, c.log.Value, t.Topic); ierr != nil {
		return nil, 0, 0, cmp.Or(err, ierr)
	} else if id != t.Identity {
		first, end, err := c.log.Value.Bounds(ctx, t.Partition)
		if err != nil {
			return nil, 0, 0, err
		}
		return nil, 0, 0, &log.DataLoss{Partition: t.Partition, Offset: r.Offset(), First: first, End: end, What: "the topic was created anew while it was read"}
	}
	return recs, next, epoch, err
}

// fit cuts what was read to the bounds of the call and to the credit that is
// held, and returns the credit that is left over. Without room for one record it
// returns false, and holds nothing.
func (c *call) fit(recs []frame.Record, next, held int64) ([]frame.Record, int64, bool) {
	n, size := 0, int64(0)
	for n < len(recs) && (c.Config.OneCall || n < c.records) {
		v := int64(len(recs[n].Value))
		if n > 0 && c.Config.Credit > 0 && size+v > held {
			break
		}
		n, size = n+1, size+v
	}
	if size > held && !element.Pace.Grow(held, size) {
		element.Pace.Release(held)
		return nil, 0, false
	}
	if size < held {
		element.Pace.Release(held - size)
	}
	if n < len(recs) {
		next = recs[n-1].Offset + 1
	}
	return recs[:n], next, true
}

// emit claims and emits records chunk by chunk, with the ends between them. It
// returns false when a checkpoint or the end of the slice came first.
func (c *call) emit(ctx context.Context, recs []frame.Record, next int64, epoch int32) (bool, error) {
	for {
		r := c.rt.at()
		if r.endDue() {
			if !c.closeChunk() || c.slice.full() {
				element.Pace.Release(sum(recs))
				return false, nil
			}
			continue
		}
		from := r.Offset()
		if from >= next {
			return true, nil
		}
		end := min((r.chunk()+1)*r.N, next)
		n := 0
		for n < len(recs) && recs[n].Offset < end {
			n++
		}
		claim := &Records{Next: end, Entries: make([]Entry, n), Epoch: epoch}
		for i := range claim.Entries {
			claim.Entries[i] = Entry{Offset: recs[i].Offset, Camera: recs[i].Camera()}
		}
		if n > 0 {
			claim.Digest = recs[n-1].Digest()
		}
		if !c.rt.TryClaim(claim) {
			element.Pace.Release(sum(recs))
			return false, nil
		}
		crashpoint.At("source-claim")
		c.group(r.chunk(), recs[:n], claim.Entries)
		size := sum(recs[:n])
		c.records -= n
		c.bytes -= size
		c.slice.add(size)
		c.w.advance(chunk.FramePosition(end) - 1)
		recordsRead.Inc(ctx, int64(n))
		bytesRead.Inc(ctx, size)
		if gap := end - from - int64(n); gap > 0 {
			gaps.Inc(ctx, gap)
		}
		recs = recs[n:]
	}
}

// group emits claimed records of chunk k as runs, camera by camera.
func (c *call) group(k int64, recs []frame.Record, entries []Entry) {
	type group struct {
		run  chunk.Run
		size int
	}
	var groups []*group
	flush := func(g *group) {
		if len(g.run.Records) > 0 {
			c.trace(g.run.Records)
			c.emitRun(eventTime(chunk.FramePosition(g.run.Records[0].Offset)), g.run)
		}
		g.run, g.size = chunk.Run{}, 0
	}
	byCamera := map[string]*group{}
	for i := range recs {
		camera := entries[i].Camera
		g := byCamera[camera]
		if g == nil {
			g = &group{}
			byCamera[camera] = g
			groups = append(groups, g)
		}
		if n := len(g.run.Records); n >= c.Config.RunRecords || n > 0 && g.size+len(recs[i].Value) > c.Config.RunBytes {
			flush(g)
		}
		if len(g.run.Records) == 0 {
			g.run.Link = c.link(k, chunk.Frames, camera, entries[i].Last)
			if camera == "" {
				g.run.Kind = chunk.Stray
			}
		}
		g.run.Records = append(g.run.Records, recs[i])
		g.size += len(recs[i].Value)
	}
	for _, g := range groups {
		flush(g)
	}
}

// link is the link in chunk k of a camera whose last frame was at offset last.
func (c *call) link(k int64, kind chunk.Kind, camera string, last int64) chunk.Link {
	l := chunk.Link{
		Partition: c.task.Partition, Chunk: k, N: c.Config.N,
		Camera: camera, Kind: kind, Prev: chunk.LinkBefore(last, k, c.Config.N), Restore: chunk.None,
	}
	if last != chunk.None && last < c.task.From {
		l.Restore = chunk.Of(last, c.Config.N)
	}
	return l
}

// closeChunk claims and emits the end of the open chunk.
func (c *call) closeChunk() bool {
	end := &Close{Forget: c.Config.Forget}
	if !c.rt.TryClaim(end) {
		return false
	}
	k := end.Index
	at := eventTime(chunk.EndPosition(k, c.Config.N))
	owed := make([]string, 0, len(end.Saved))
	for _, cam := range end.Saved {
		owed = append(owed, cam.Camera)
		c.emitRun(at, chunk.Run{Link: c.link(k, chunk.Save, cam.Camera, cam.Last)})
	}
	for _, cam := range end.Cleared {
		c.emitRun(at, chunk.Run{Link: c.link(k, chunk.Clear, cam.Camera, cam.Last)})
	}
	c.emitEnd(at, chunk.End{
		ID: chunk.ID{Partition: c.task.Partition, Index: k}, N: c.Config.N,
		UpTo: (k + 1) * c.Config.N, Offsets: end.Offsets, Owed: owed, Cameras: end.Cameras, LastDigest: end.Digest,
	})
	c.w.advance(chunk.EndPosition(k, c.Config.N) + 1)
	c.slice.closeChunk()
	crashpoint.At("source-end")
	return true
}

// tell emits a partial end if the open chunk has come further than was told.
func (c *call) tell() {
	t := &Tell{}
	if !c.rt.TryClaim(t) {
		return
	}
	c.emitEnd(eventTime(chunk.FramePosition(t.UpTo)), chunk.End{
		ID: chunk.ID{Partition: c.task.Partition, Index: t.Index}, N: c.Config.N,
		Partial: true, UpTo: t.UpTo, Offsets: t.Offsets, LastDigest: t.Digest,
	})
}

// tellInterim emits an interim end once in a Config.Interim, if something has come since. All
// partitions do so at the same moments: a bundle costs the same for one as for many.
func (c *call) tellInterim() {
	every, idle, now := c.Config.Interim, c.idle[c.task.String()], time.Now()
	if every <= 0 || now.Truncate(every).Equal(idle.told.Truncate(every)) {
		return
	}
	idle.told = now
	t := &Tell{Interim: true}
	if at := c.rt.at(); at.Offset() == idle.upTo || !c.rt.TryClaim(t) {
		return
	}
	idle.upTo = t.UpTo
	c.emitEnd(eventTime(chunk.FramePosition(t.UpTo)), chunk.End{
		ID: chunk.ID{Partition: c.task.Partition, Index: t.Index}, N: c.Config.N,
		Partial: true, UpTo: t.UpTo, Offsets: t.Offsets, LastDigest: t.Digest, Interim: true,
	})
}

// seeEnd takes note of the log's end, which never goes back unless the log was
// truncated.
func (c *call) seeEnd(ctx context.Context) error {
	t := c.task
	first, end, err := c.log.Value.Bounds(ctx, t.Partition)
	if err != nil {
		return err
	}
	if r := c.rt.at(); end < r.Seen {
		return &log.DataLoss{Partition: t.Partition, Offset: r.Offset(), First: first, End: end, What: fmt.Sprintf("the log was truncated: it once ended at %d", r.Seen)}
	}
	c.rt.see(end)
	return nil
}

// sum is the number of bytes of values, which is what credit counts.
func sum(recs []frame.Record) (n int64) {
	for i := range recs {
		n += int64(len(recs[i].Value))
	}
	return n
}
