package alerts

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/log"
)

// tail waits at the end of a partition for all couriers that have come so far.
type tail struct {
	p   chunk.Partition
	log log.Log

	mu      sync.Mutex
	end     int64
	changed chan struct{} // closed when end changes
}

const (
	// tailWait is how long a broker is asked to wait for an event.
	tailWait = 5 * time.Second
	// lookAgain is how soon a courier looks at the log although nothing has come.
	lookAgain = 10 * time.Second
	// afterFailure is how soon the brokers are asked again that did not answer.
	afterFailure = 2 * time.Second
)

// follow keeps the end until the context ends.
func (t *tail) follow(ctx context.Context) error {
	known := false
	for ctx.Err() == nil {
		var next int64
		var err error
		if !known {
			_, next, err = t.log.Bounds(ctx, t.p)
		} else {
			_, next, err = t.log.Read(ctx, t.p, t.at(), math.MaxInt64, 1, tailWait)
		}
		if known = err == nil; known {
			t.set(next)
			continue
		}
		// Couriers say what is wrong, and whether something was lost.
		sleep(ctx, afterFailure)
	}
	return ctx.Err()
}

func (t *tail) at() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.end
}

func (t *tail) set(end int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if end != t.end {
		t.end = end
		close(t.changed)
		t.changed = make(chan struct{})
	}
}

// wait returns when there may be something at an offset.
func (t *tail) wait(ctx context.Context, offset int64) {
	again := time.NewTimer(lookAgain)
	defer again.Stop()
	t.mu.Lock()
	changed, there := t.changed, t.end > offset
	t.mu.Unlock()
	if there {
		return
	}
	select {
	case <-ctx.Done():
	case <-changed:
	case <-again.C:
	}
}
