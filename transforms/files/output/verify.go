package output

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/framebeam/framebeam/transforms/chunk"
)

// ErrIncomplete is in the errors of [Output.Verify] that name what is missing.
var ErrIncomplete = errors.New("the output lacks")

// Verify makes sure that a job that read the offsets [from, to) has published all of
// them: every chunk before to is complete; and where to lies inside a chunk, that chunk
// is complete too, or its beginning is there as a partial file. It is needed because
// engines end with success although they have thrown keyed state away. The error is an
// [ErrIncomplete] that names what is missing.
func (o *Output) Verify(ctx context.Context, p chunk.Partition, from, to int64) error {
	if from >= to {
		return nil
	}
	c, err := o.contents(p)
	if err != nil {
		return fmt.Errorf("verify %v: %w", p, err)
	}
	m := o.mark(ctx, c.key)
	var missing chunk.Offsets
	k := chunk.Of(from, o.layout.N)
	for ; (k+1)*o.layout.N <= to; k++ {
		ok, err := c.complete(ctx, k, k < m.Chunk)
		if err != nil {
			return fmt.Errorf("verify %v: %w", p, err)
		}
		if !ok {
			missing.Add(k)
		}
	}
	var faults []string
	for _, r := range missing {
		if r.To == r.From+1 {
			faults = append(faults, fmt.Sprintf("chunk %d (offsets %d to %d)", r.From, r.From*o.layout.N, (r.From+1)*o.layout.N-1))
		} else {
			faults = append(faults, fmt.Sprintf("chunks %d to %d (offsets %d to %d)", r.From, r.To-1, r.From*o.layout.N, r.To*o.layout.N-1))
		}
	}
	if to > k*o.layout.N {
		ok, err := c.complete(ctx, k, false)
		if err != nil {
			return fmt.Errorf("verify %v: %w", p, err)
		}
		if !ok {
			if err := c.listPartials(ctx); err != nil {
				return fmt.Errorf("verify %v: %w", p, err)
			}
			_, upTo, err := c.beginning(ctx, k)
			if errors.Is(err, fs.ErrNotExist) { // the whole chunk has just taken its place
				c.listed = nil
				ok, err = c.complete(ctx, k, false)
			}
			if err != nil {
				return fmt.Errorf("verify %v: %w", p, err)
			}
			if !ok && upTo < to {
				faults = append(faults, fmt.Sprintf("the beginning of chunk %d (offsets %d to %d)", k, max(from, upTo), to-1))
			}
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("%v: the job has ended, but %w %s", p, ErrIncomplete, strings.Join(faults, ", "))
	}
	return nil
}
