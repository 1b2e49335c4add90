package plan

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/log"
)

// Place is where in a partition to start or to stop: one of the words below, an
// offset, or a time.
type Place struct {
	word   string
	offset int64
	at     time.Time
}

// The words.
const (
	earliest = "earliest" // the first record that is there
	latest   = "latest"   // the end as it is now
	now      = "now"      // the same, said of stopping
	never    = "never"    // do not stop
)

// Start parses --from, where to begin: earliest, latest, an offset or a time.
func Start(s string) (Place, error) { return parsePlace("from", s, earliest, latest) }

// Until parses where to stop: never, now, an offset or a time.
func Until(s string) (Place, error) { return parsePlace("until", s, never, now) }

func parsePlace(flag, s string, words ...string) (Place, error) {
	for _, w := range words {
		if s == w {
			return Place{word: w}, nil
		}
	}
	if o, err := strconv.ParseInt(s, 10, 64); err == nil && o >= 0 && o <= chunk.MaxOffset {
		return Place{offset: o}, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return Place{at: t}, nil
	}
	return Place{}, fmt.Errorf("--%s=%s: not %s, %s, an offset, or a time such as 2024-05-01T08:00:00+02:00", flag, s, words[0], words[1])
}

// At is an offset.
func At(offset int64) Place { return Place{offset: offset} }

// AtTime is before the first record of that time or later.
func AtTime(t time.Time) Place { return Place{at: t} }

// Never reports whether the place is never reached.
func (p Place) Never() bool { return p.word == never }

// Resolve says which offset the place is, of a partition that holds [first, end).
// It is done once, at submission: engines run stages again.
func (p Place) Resolve(ctx context.Context, l log.Log, partition chunk.Partition, first, end int64) (int64, error) {
	switch {
	case p.word == earliest:
		return first, nil
	case p.word == latest, p.word == now:
		return end, nil
	case p.word == never:
		return chunk.None, nil
	case !p.at.IsZero():
		// What came after the bounds were asked for is not meant.
		at, err := l.OffsetAt(ctx, partition, p.at)
		return min(at, end), err
	}
	return p.offset, nil
}
