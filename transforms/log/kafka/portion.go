package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/framebeam/framebeam/kafka/batch"
	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
)

// portion is what was fetched of a partition and not yet given on. A batch is often
// more than a reader has room for, and to fetch and inflate it costs more than all
// else, so what is left of it is kept for the next read.
type portion struct {
	chunk.Partition
	next    int64 // the offset that it goes on from
	end     int64 // of the partition, when it was fetched
	trouble uint64

	raw  []byte // the batches that were not opened
	held int    // bytes of memory behind raw

	opened bool
	begin  batch.Records // the open batch as it begins
	open   batch.Records // what is left of it
	ahead  *frame.Record // the next of open, where it was read already
	lost   *frame.Poison // why none of the open batch can be read
	time   int64         // of the lost ones
	low    int64         // the offset that it can go back to
	upto   int64         // the offset behind the open batch
}

// defaultMemory bounds what all portions of a log hold together between two reads, but
// for the last one, if nothing else is said.
const defaultMemory = 64 << 20

// size is about how many bytes of memory the portion holds.
func (p *portion) size() int { return p.held + p.begin.Size() }

// take takes the portion that goes on at the offset, or can go back to it.
func (l *kafkaLog) take(partition chunk.Partition, offset int64) *portion {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, p := range l.portions {
		if p.Partition != partition || offset > p.next || offset < p.low {
			continue
		}
		l.portions = slices.Delete(l.portions, i, i+1)
		if p.trouble != l.trouble.Load() {
			return nil // it may be another log by now
		}
		if offset < p.next { // the reader had no room for all
			p.next, p.open, p.ahead = offset, p.begin, nil
		}
		return p
	}
	return nil
}

// keep keeps a portion, and forgets those that were not used for longest.
func (l *kafkaLog) keep(p *portion) {
	if len(p.raw) == 0 && !p.opened {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.portions = append(l.portions, p)
	held := 0
	for _, o := range l.portions {
		held += o.size()
	}
	for len(l.portions) > 1 && held > l.memory {
		held -= l.portions[0].size()
		l.portions = slices.Delete(l.portions, 0, 1)
	}
}

// given is what a read gives.
type given struct {
	recs  []frame.Record
	next  int64
	epoch int32 // of the leader that appended the last record
}

// errDamaged says that a batch does not match its checksum.
var errDamaged = errors.New("a batch does not match its checksum")

// give gives records with offsets below to, of about maxBytes in all but at least one.
// Those of a batch that cannot be read are given as [frame.Unreadable]. All are of one
// leader's epoch; where another begins, what was read last is looked at again.
func (p *portion) give(ctx context.Context, r *partitionReader, last log.Last, to int64, maxBytes int, final bool) (given, error) {
	out := given{epoch: last.Epoch}
	size := 0
	for p.next < to {
		rec := p.record()
		if rec == nil {
			more, err := p.advance(ctx, r, last, &out, to, final)
			if err != nil {
				return given{}, err
			}
			if !more {
				break
			}
			continue
		}
		if rec.Offset < p.next {
			continue
		}
		if rec.Offset >= to {
			p.ahead, p.next = rec, to
			break
		}
		if size > 0 && size+rec.Size() > maxBytes {
			p.ahead = rec
			break
		}
		p.next = rec.Offset + 1
		out.recs = append(out.recs, own(rec))
		size += rec.Size()
	}
	p.next = min(p.next, to)
	out.next = p.next
	return out, nil
}

// record gives the next record of the open batch; nil if there is none.
func (p *portion) record() *frame.Record {
	if rec := p.ahead; rec != nil {
		p.ahead = nil
		return rec
	}
	if p.lost != nil && p.next < p.upto {
		rec := frame.Unreadable(p.next, p.time, p.lost)
		return &rec
	}
	if rec := new(frame.Record); p.opened && p.open.Next(rec) {
		return rec
	}
	return nil
}

// advance opens the next batch. It returns false where there is none, or none that
// may be given together with what was given before.
func (p *portion) advance(ctx context.Context, r *partitionReader, last log.Last, out *given, to int64, final bool) (bool, error) {
	if p.opened {
		p.next = max(p.next, p.upto)
	}
	for p.next < to {
		var b batch.Batch
		var n int
		var err error
		why := batch.Corrupt()
		// Whether all of it is there depends on how much was asked for.
		if base, length := batch.Head(p.raw); length > connect.MaxBatch {
			b, n = batch.Batch{Base: base, Damaged: true}, int(min(length, int64(len(p.raw))))
			why, final = batch.TooLarge(), true
		} else if b, n, err = batch.Split(p.raw); err != nil {
			return false, p.stop(out, err)
		} else if n == 0 {
			return false, nil
		}
		if !b.Damaged && b.Last < p.next {
			p.raw = p.raw[n:]
			continue
		}
		if b.Base > p.next { // there is nothing in between
			p.next = min(b.Base, to)
			continue
		}
		switch {
		case b.Damaged && len(out.recs) > 0:
			return false, nil
		case b.Damaged && !final:
			return false, errDamaged
		case b.Transactional:
			// Of those that were aborted none may be given, and who knows which these are.
			return false, p.stop(out, fmt.Errorf("%w: the batch at offset %d was written in a transaction", ErrUnsupported, b.Base))
		case b.Control:
			return false, p.stop(out, fmt.Errorf("%w: the batch at offset %d ends a transaction", ErrUnsupported, b.Base))
		}
		if !b.Damaged && b.Epoch != batch.NoEpoch && b.Epoch != out.epoch {
			if len(out.recs) > 0 {
				return false, nil
			}
			if out.epoch != log.NoEpoch && last.Offset != chunk.None {
				if err := r.verify(ctx, last); err != nil {
					return false, err
				}
			}
			out.epoch = b.Epoch
		}
		p.raw, p.low, p.opened, p.lost = p.raw[n:], p.next, true, nil
		p.begin, p.open = batch.Records{}, batch.Records{}
		if b.Damaged {
			p.lost, p.time = why, -1
			p.upto, err = r.behind(ctx, p.next, p.end)
			return err == nil, err
		}
		p.upto, p.time = b.Last+1, b.Timestamp
		records, poison := b.Open(batch.MaxInflated)
		if poison != nil {
			p.lost = poison
			return true, nil
		}
		p.begin, p.open = *records, *records
		return true, nil
	}
	return false, nil
}

// stop is the error of a batch that cannot be passed over; nil where something was
// given before it.
func (p *portion) stop(out *given, err error) error {
	if len(out.recs) > 0 {
		return nil
	}
	if errors.Is(err, batch.ErrUnknown) {
		err = errors.Join(ErrUnsupported, err)
	}
	return fmt.Errorf("read %v from offset %d: %w", p.Partition, p.next, err)
}

// behind is the offset behind the batch in which an offset lies, where the batch
// cannot be asked.
func (r *partitionReader) behind(ctx context.Context, offset, end int64) (int64, error) {
	base := func(o int64) (int64, error) {
		res, err := r.fetch(ctx, o, 1, 0)
		if err != nil {
			return 0, err
		}
		base, _ := batch.Head(res.batches)
		return base, nil
	}
	at, err := base(offset)
	if err != nil {
		return 0, err
	}
	return skip(offset, max(end, offset+1), at, base)
}

// skip returns the first offset after from, at most end, that does not lie in the
// batch that a fetch at from begins with. batchAt tells in which batch an offset lies
// (the first offset of the batch that a fetch there begins with).
func skip(from, end, batch int64, batchAt func(int64) (int64, error)) (int64, error) {
	lo, hi := from, end // lo lies in the batch, hi does not or is the end
	for step := int64(1); lo+step < end; step *= 2 {
		b, err := batchAt(lo + step)
		if err != nil {
			return 0, err
		}
		if b != batch {
			hi = lo + step
			break
		}
		lo += step
	}
	for lo+1 < hi {
		mid := lo + (hi-lo)/2
		b, err := batchAt(mid)
		if err != nil {
			return 0, err
		}
		if b == batch {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi, nil
}

// own copies a record out of its batch.
func own(r *frame.Record) frame.Record {
	c := *r
	c.Key, c.Value = slices.Clone(r.Key), slices.Clone(r.Value)
	for i := range c.Headers {
		c.Headers[i].Value = slices.Clone(c.Headers[i].Value)
	}
	return c
}
