package readback

import (
	"errors"

	"github.com/framebeam/framebeam/kafka/batch"
	"github.com/framebeam/framebeam/transforms/frame"
)

var errBatch = errors.New("malformed record batch")

// eachRecord calls do for every record in batches, and returns the offset behind
// the last whole batch, 0 if there is none. The records may alias b. What no publisher
// writes is passed over: transactions, unknown versions, what cannot be read.
func eachRecord(b []byte, do func(*frame.Record)) (next int64) {
	for {
		base, length := batch.Head(b)
		one, n, err := batch.Split(b)
		switch {
		case errors.Is(err, batch.ErrUnknown):
			next, b = base+1, b[length:]
			continue
		case err != nil || n == 0:
			return next
		}
		b = b[n:]
		if one.Damaged { // where it ends is a guess; no record takes less than a byte
			one.Last = min(one.Last, base+int64(n))
		}
		next = max(base, one.Last) + 1
		if one.Transactional || one.Control {
			continue
		}
		records, poison := one.Open(batch.MaxInflated)
		if poison != nil {
			continue
		}
		for rec := (frame.Record{}); records.Next(&rec); {
			do(&rec)
		}
	}
}
