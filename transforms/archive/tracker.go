package archive

import (
	"fmt"
	"math"
	"sync"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/sdf"
)

// Chunks is the restriction of a task: the chunks [Next, End) are not yet handed
// out. End is never for a task without end.
type Chunks struct{ Next, End int64 }

const never = math.MaxInt64

// tracker hands out chunks by number. It splits only where it stands: an engine
// that splits a stream which seems busy would gain nothing from it.
type tracker struct {
	mu      sync.Mutex
	rest    Chunks
	done    int64
	backlog int64 // chunks that could be handed out when last seen
	err     error
}

var _ sdf.BoundableRTracker = (*tracker)(nil)

func newTracker(c Chunks) *tracker { return &tracker{rest: c} }

// next is the chunk to claim.
func (t *tracker) next() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rest.Next
}

// see takes note of how many chunks can be handed out.
func (t *tracker) see(backlog int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.backlog = backlog
}

// TryClaim claims a chunk's number, an int64.
func (t *tracker) TryClaim(pos any) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rest.Next >= t.rest.End {
		return false
	}
	if k, ok := pos.(int64); !ok || k != t.rest.Next {
		t.err = fmt.Errorf("archive: claim of chunk %v, the next is %d", pos, t.rest.Next)
		return false
	}
	t.rest.Next++
	t.done++
	t.backlog = max(0, t.backlog-1)
	return true
}

func (t *tracker) GetError() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

func (t *tracker) TrySplit(fraction float64) (primary, residual any, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if fraction > 0 || t.rest.Next >= t.rest.End {
		return t.rest, nil, nil
	}
	rest := t.rest
	t.rest.End = t.rest.Next
	return t.rest, rest, nil
}

func (t *tracker) GetProgress() (done, remaining float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return float64(t.done), float64(t.backlog)
}

func (t *tracker) IsDone() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err == nil && t.rest.Next >= t.rest.End
}

func (t *tracker) GetRestriction() any {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rest
}

func (t *tracker) IsBounded() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rest.End != never
}
