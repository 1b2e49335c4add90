package commitlog

import "errors"

// ErrSequence is wrapped when a batch of an idempotent producer is not the one that
// follows its last: one between is missing, or failed.
var ErrSequence = errors.New("a batch of the producer is missing before this one")

// ErrFenced is wrapped when a batch is of an idempotent producer that began anew since.
var ErrFenced = errors.New("the producer has begun anew since")

const (
	// remembered is how many of a producer's last batches are known again when they are
	// repeated: Kafka's clients have at most five under way.
	remembered = 5
	// maxProducers bounds how many producers a log remembers.
	maxProducers = 1000
)

// producers are the last batches of idempotent producers. They live as long as the
// process; those of the last segment are found again at a start.
type producers map[int64]*producer

type producer struct {
	epoch int16
	last  []sent // oldest first
	base  int64  // of the newest batch
}

type sent struct {
	sequence int32
	count    int32
	base     int64
}

// known reports whether a batch is there already, and at which offset, and errs if it must
// not be appended now.
func (p producers) known(h header) (base int64, known bool, err error) {
	if h.producer < 0 {
		return 0, false, nil
	}
	q := p[h.producer]
	if q == nil || q.epoch < h.epoch {
		return 0, false, nil // as Kafka, which forgets producers too
	}
	if q.epoch > h.epoch {
		return 0, false, ErrFenced
	}
	for _, s := range q.last {
		if s.sequence == h.sequence && s.count == h.count {
			return s.base, true, nil
		}
	}
	newest := q.last[len(q.last)-1]
	if h.sequence != after(newest) {
		return 0, false, ErrSequence
	}
	return 0, false, nil
}

// after is the sequence of the batch that follows; they wrap around (Kafka, "DefaultRecordBatch.incrementSequence").
func after(s sent) int32 {
	return int32((int64(s.sequence) + int64(s.count)) % (1 << 31))
}

// note remembers a batch that is in the log.
func (p producers) note(h header) {
	if h.producer < 0 {
		return
	}
	q := p[h.producer]
	if q == nil || q.epoch != h.epoch {
		if q == nil && len(p) >= maxProducers {
			p.forget()
		}
		q = &producer{epoch: h.epoch}
		p[h.producer] = q
	}
	if len(q.last) == remembered {
		q.last = append(q.last[:0], q.last[1:]...)
	}
	q.last = append(q.last, sent{h.sequence, h.count, h.base})
	q.base = h.base
}

// forget makes room: the producer goes that wrote longest ago.
func (p producers) forget() {
	oldest := int64(-1)
	for id, q := range p {
		if oldest < 0 || q.base < p[oldest].base {
			oldest = id
		}
	}
	delete(p, oldest)
}
