package pipe

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Spec describes a program and how it is run.
type Spec struct {
	// Name is for logs.
	Name string
	// Command is the program and its arguments; no shell looks at it.
	Command []string
	// Env is added to the environment, which of ours has only PATH, HOME, LANG, LC_ALL,
	// TZ, TMPDIR, and the variables that Inherit names.
	Env     map[string]string
	Inherit []string
	// Processes is how many of it run at once in this process, at most.
	Processes int
	// StartLimit is how long it may take to be ready, FrameLimit to answer.
	StartLimit, FrameLimit time.Duration
	// Attempts is how often a question is put before it counts as failed.
	Attempts int
}

// Failed is that a question was not answered in so many attempts.
type Failed struct {
	Attempts int
	Last     error // why the last one failed; another time it may be something else
}

func (f *Failed) Error() string {
	return fmt.Sprintf("no answer in %d attempts, the last: %v", f.Attempts, f.Last)
}

func (f *Failed) Unwrap() error { return f.Last }

// Pool is the processes of a program. It is safe for concurrent use.
type Pool struct {
	spec Spec

	slots chan *slot  // those that nobody uses
	ready atomic.Bool // it was, at least once
	log   logger
}

// slot is where one process runs, or none.
type slot struct {
	*process
	failures int // one after another
}

// Open returns a pool of the program, whose processes are started when they are needed.
// Close it.
func Open(s Spec) (*Pool, error) {
	if len(s.Command) == 0 || s.Processes < 1 || s.Attempts < 1 || s.StartLimit <= 0 || s.FrameLimit <= 0 {
		return nil, fmt.Errorf("pipe %s: no command, no processes, no attempts or no time", s.Name)
	}
	p := &Pool{spec: s, slots: make(chan *slot, s.Processes), log: logger{name: s.Name}}
	for range s.Processes {
		p.slots <- &slot{}
	}
	return p, nil
}

// Close ends the processes: their input ends, and what has not ended soon after is
// killed, with all that it started.
func (p *Pool) Close() error {
	var ending sync.WaitGroup
	for range p.spec.Processes {
		at := <-p.slots
		ending.Go(func() { at.stop(grace) })
	}
	ending.Wait()
	return nil
}

// Ask puts a question to the next process that is free. A *[Failed] error says that
// there is no answer to it; any other that the program cannot be used at all: it does
// not start, or never got ready.
func (p *Pool) Ask(q *Question) (*Answer, error) {
	at := <-p.slots
	defer func() { p.slots <- at }()
	for attempt := 1; ; attempt++ {
		a, err := p.try(at, q)
		if err == nil {
			at.failures = 0
			return a, nil
		}
		if cannot := (startFailed{}); errors.As(err, &cannot) {
			return nil, fmt.Errorf("pipe %s: %w", p.spec.Name, err)
		}
		if at.process != nil {
			err = at.process.fail(err)
			at.process = nil
		}
		at.failures++
		slog.Warn("a pipe's program failed", "pipe", p.spec.Name, "attempt", attempt, "of", p.spec.Attempts, "reason", err)
		if attempt < p.spec.Attempts {
			continue
		}
		if !p.ready.Load() {
			return nil, fmt.Errorf("pipe %s: its program was never ready: %w", p.spec.Name, err)
		}
		return nil, &Failed{attempt, err}
	}
}

// try puts the question once, to a process that is started if there is none.
func (p *Pool) try(at *slot, q *Question) (*Answer, error) {
	if at.process == nil {
		time.Sleep(pause(at.failures))
		var err error
		if at.process, err = start(&p.spec, &p.log); err != nil {
			return nil, err
		}
		p.ready.Store(true)
	}
	return at.ask(q, p.spec.FrameLimit)
}

// stop ends the process, if there is one.
func (at *slot) stop(patience time.Duration) {
	if at.process != nil {
		at.process.stop(patience)
		at.process = nil
	}
}

// Pauses before a program is started again: doubled with every failure in a row.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = 10 * time.Second
)

func pause(failures int) time.Duration {
	if failures == 0 {
		return 0
	}
	return min(firstPause<<min(failures-1, 20), longestPause)
}

// limiter lets a burst through, and then so many a second.
type limiter struct {
	mu   sync.Mutex
	left float64
	last time.Time
	held int
}

// take says whether one more may pass, and how many were held back before it.
func (l *limiter) take(now time.Time) (ok bool, held int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last.IsZero() {
		l.left = burst
	} else {
		l.left = min(burst, l.left+now.Sub(l.last).Seconds()*perSecond)
	}
	l.last = now
	if l.left < 1 {
		l.held++
		return false, 0
	}
	l.left--
	held, l.held = l.held, 0
	return true, held
}
