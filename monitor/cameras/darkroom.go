package cameras

import (
	"context"
	"runtime"
)

// darkroom is where pictures are made: one at a time and on one thread, so that they take one
// processor at most, and the memory of one of the C library's arenas instead of one for each thread.
type darkroom chan func()

// run works until the context ends.
func (d darkroom) run(ctx context.Context) {
	runtime.LockOSThread() // it ends with the goroutine
	for {
		select {
		case work := <-d:
			work()
		case <-ctx.Done():
			return
		}
	}
}

// do has work done, and waits for it. The error says that it was not begun.
func (d darkroom) do(ctx context.Context, work func()) error {
	done := make(chan struct{})
	select {
	case d <- func() { defer close(done); work() }:
		<-done
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
