package live

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// How soon a part is started again that has failed, and after how long a life it counts as
// well again.
const (
	firstPause  = time.Second
	longPause   = time.Minute
	wellFor     = 5 * time.Minute
	pauseFactor = 2
)

// errEnded is what a part returns that has done all there was to do.
var errEnded = errors.New("it has ended")

// part is something that runs until it is stopped: when it fails it is told, and started
// again.
type part struct {
	name   string
	run    func(context.Context) error
	log    *slog.Logger
	cancel context.CancelFunc
	again  chan struct{} // it is to be started again at once
	done   chan struct{} // closed when it has ended for good

	mu  sync.Mutex
	err error // of the last end, until it is well again
}

func newPart(name string, log *slog.Logger, run func(context.Context) error) *part {
	p := &part{name: name, run: run, log: log, again: make(chan struct{}, 1), done: make(chan struct{})}
	var ctx context.Context
	// Not the caller's: parts are stopped one after the other.
	ctx, p.cancel = context.WithCancel(context.Background())
	go func() {
		defer close(p.done)
		p.keep(ctx)
	}()
	return p
}

func (p *part) keep(ctx context.Context) {
	for pause := firstPause; ; {
		began := time.Now()
		changed, err := p.once(ctx)
		switch {
		case ctx.Err() != nil || errors.Is(err, errEnded):
			return
		case changed:
			pause = firstPause
			continue
		case err == nil:
			err = errors.New("it came to an end")
		}
		if time.Since(began) > wellFor {
			pause = firstPause
		}
		p.set(err)
		p.log.Error("a part has failed and is started again", "part", p.name, "in", pause, "error", err)
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-p.again:
		case <-timer.C:
		}
		timer.Stop()
		pause = min(pause*pauseFactor, longPause)
	}
}

// once runs it, until it ends, is stopped, or is to be started again.
func (p *part) once(ctx context.Context) (changed bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-p.again:
			changed = true
			cancel()
		case <-ended:
		}
	})
	well := time.AfterFunc(longPause, func() { p.set(nil) })
	err = p.run(ctx)
	well.Stop()
	close(ended)
	watching.Wait()
	return changed, err
}

func (p *part) set(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

// failing is why it does not run, or ended last; nil if it is well.
func (p *part) failing(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// restart has it run anew, with what has changed.
func (p *part) restart() {
	select {
	case p.again <- struct{}{}:
	default:
	}
}

// stop stops it and waits until it has ended, but not for ever. There may be none.
func (p *part) stop(within time.Duration) {
	if p == nil {
		return
	}
	p.cancel()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.log.Warn("a part does not end; it is left", "part", p.name, "after", within)
	}
}
