package capture

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/framebeam/framebeam/ingest/capture/report"
	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/transforms/frame"
)

// Counters say what became of a camera's pictures. They only grow.
type Counters struct {
	Captured   atomic.Int64 // frames handed on
	Published  atomic.Int64 // frames of files left out because the topic has them already
	Limited    atomic.Int64 // pictures left out by max_fps
	Unreadable atomic.Int64 // pictures that could not be read: each leaves a gap in the sequence
	Late       atomic.Int64 // pictures of a live source that this machine was too slow to encode: each leaves a gap
	Epochs     atomic.Int64 // begun
	Failures   atomic.Int64 // streams that could not be opened, broke off, hung or crashed
	ClockSteps atomic.Int64 // times that the wall clock was set

	up     atomic.Bool
	latest atomic.Int64 // capture time of the last frame, in milliseconds since 1970
	lag    atomic.Int64 // from then until it was here, in nanoseconds
	encode durations
	usage  usage
}

// Up reports whether the source is read.
func (c *Counters) Up() bool { return c.up.Load() }

// Last is when the last frame was captured, the zero time if there is none, and how long
// after that it was here, which is of interest of a live source alone.
func (c *Counters) Last() (captured time.Time, lag time.Duration) {
	ms := c.latest.Load()
	if ms == 0 {
		return time.Time{}, 0
	}
	return time.UnixMilli(ms).UTC(), time.Duration(c.lag.Load())
}

// Encode is how long frames took to be resized and encoded.
func (c *Counters) Encode() Durations { return c.encode.get() }

// Usage is what the processes take that read the source.
func (c *Counters) Usage() Usage { return c.usage.get() }

// Options are what a Camera depends on besides its configuration.
type Options struct {
	// Salt gives files published again new epochs; see [Salt]. Default "":
	// the same file names the same frames.
	Salt string
	// Published is, by epoch, the first sequence number that is not in the topic
	// yet. The frames below it are read, dated and numbered as ever, so that those
	// after them are the same, but neither encoded nor handed on.
	Published map[string]int64
	// Before is the camera that was in this one's place until its Run returned: the
	// counters go on from there and, from live to live, the capture times. Default none.
	Before *Camera
	// MaxMemory is the most resident memory of the process that reads the source,
	// in bytes; default DefaultMaxMemory.
	MaxMemory int64
	// Changed is told what happens to the source, from the goroutine that hands on its
	// frames and in their order. The last frame before has been handed on, or is in the topic
	// (Published). An error of it ends the camera, as one of emit. Default nil: nobody is told.
	Changed func(frame.SourceChange) error
	// Traced, unless it is nil, is called with each frame before it is handed on, and how long
	// it took to be resized and encoded.
	Traced func(f *frame.Frame, encode time.Duration)
	// Log gets what happens to the source; default slog.Default().
	Log *slog.Logger

	start func(context.Context, processOptions) (*process, error) // instead of the real one
	now   func() time.Time
	wait  func(context.Context, time.Duration) error
}

// Camera captures one camera.
type Camera struct {
	Counters *Counters

	cfg     config.Camera
	opts    Options
	log     *slog.Logger
	opened  func(*report.Opened) // is told what a source says of itself; nil: nobody is
	process *process             // that captures; nil if none has been started or the last one has ended
	last    time.Time            // capture time of the last frame, or picture of a file that gives none
}

// New returns a camera that is not yet open.
func New(cfg config.Camera, opts Options) *Camera {
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	if opts.MaxMemory == 0 {
		opts.MaxMemory = DefaultMaxMemory
	}
	if opts.start == nil {
		opts.start = startProcess
	}
	if opts.now == nil {
		opts.now = time.Now
	}
	if opts.wait == nil {
		opts.wait = sleep
	}
	c := &Camera{Counters: &Counters{}, cfg: cfg, opts: opts, log: opts.Log.With("camera", cfg.ID)}
	if before := opts.Before; before != nil {
		c.Counters = before.Counters
		if cfg.Live() && before.cfg.Live() {
			c.last = before.last
		}
		c.opts.Before = nil
	}
	return c
}

// sceneStart is when a generated scene begins that is given no start: it has no
// modification time, and now would make each run another.
var sceneStart = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// emitError carries an error of emit out through the stream's.
type emitError struct{ error }

func (e emitError) Unwrap() error { return e.error }

// Run captures until the files end or ctx is done and hands each frame to emit,
// in order and from one goroutine; frames belong to emit, and an error of its
// ends the camera and is returned. A live source never ends: it is opened again
// for ever, after pauses that double from half a second to half a minute. Of
// files that cannot be read, the others are still played and an error is
// returned at the end. The source is read in a process of its own: see [Child].
func (c *Camera) Run(ctx context.Context, emit func(*frame.Frame) error) error {
	defer c.end(ctx)
	w := c.watch(emit)
	var err error
	if c.cfg.Source.Live() {
		err = c.runLive(ctx, w)
	} else {
		err = c.runFiles(ctx, w)
	}
	if told := w.ends(ctx, err); told != nil && ctx.Err() == nil {
		return told
	}
	if e, ok := errors.AsType[emitError](err); ok {
		return e.error
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("camera %s: %w", c.cfg.ID, err)
	}
	return nil
}

func (c *Camera) runLive(ctx context.Context, w *watch) error {
	const longest = 30 * time.Second
	pause := &backoff.ExponentialBackOff{InitialInterval: 500 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: longest}
	pause.Reset()
	src := c.task(c.cfg.Source.Text)
	for {
		opened := c.opts.now()
		err := c.stream(ctx, src, w)
		if _, ok := errors.AsType[emitError](err); ok || ctx.Err() != nil {
			return err
		}
		if err == nil {
			err = because(Stopped, "the stream ended")
		}
		if told := w.fails(err); told != nil {
			return emitError{told}
		}
		c.Counters.Failures.Add(1)
		// Only what held for a while makes the next pause short again: a source
		// that breaks off at once must not be asked twice a second.
		if c.opts.now().Sub(opened) > longest {
			pause.Reset()
		}
		d := pause.NextBackOff()
		c.log.Warn("source lost, opening it again", "source", src.Name, "reason", err, "pause", d.Round(time.Millisecond))
		if err := c.opts.wait(ctx, d); err != nil {
			return err
		}
	}
}

func (c *Camera) runFiles(ctx context.Context, w *watch) error {
	segments, err := c.segments()
	if err != nil {
		return err
	}
	crashed, told := map[string]bool{}, map[string]bool{}
	var failed []error
	// Pictures that max_fps leaves out are something too.
	pictures := func() int64 {
		n := c.Counters
		return n.Captured.Load() + n.Published.Load() + n.Limited.Load()
	}
	for pass := 0; c.cfg.Passes == 0 || pass < c.cfg.Passes; pass++ {
		before := pictures()
		for _, s := range segments {
			if crashed[s.Name] {
				continue
			}
			s.Pass = pass
			err := c.stream(ctx, s, w)
			if _, ok := errors.AsType[emitError](err); ok || ctx.Err() != nil {
				return err
			}
			if err != nil {
				c.Counters.Failures.Add(1)
				if !told[s.Name] {
					told[s.Name] = true
					failed = append(failed, err)
					if c.cfg.Passes == 0 { // then nobody may ever look at failed
						c.log.Error("file failed", "pass", pass, "reason", err)
					}
				}
				crashed[s.Name] = c.process == nil
			}
		}
		if pictures() == before {
			break // looping over nothing would never end
		}
	}
	return errors.Join(failed...)
}

// task is one of this camera's, with all of its files.
func (c *Camera) task(name string) *task {
	return &task{Name: name, Camera: c.cfg, Salt: c.opts.Salt, Published: c.opts.Published}
}

// segments lists what files are played, with their start times.
func (c *Camera) segments() ([]*task, error) {
	var list []*task
	switch c.cfg.Source.Kind {
	case config.Video:
		for i, path := range c.cfg.Source.Files {
			t := c.task(path)
			t.Camera.Source.Files = c.cfg.Source.Files[i : i+1]
			list = append(list, t)
		}
	case config.Images:
		list = []*task{c.task(c.cfg.Source.Text)}
	case config.Scene:
		t := c.task(c.cfg.Source.Scene)
		t.Start, t.Camera.Source.Files = sceneStartOr(c.cfg.Start), nil
		return []*task{t}, nil
	default:
		return nil, fmt.Errorf("source %s is no file", c.cfg.Source.Text)
	}
	if c.cfg.Paced {
		return list, nil // dated now
	}
	for _, t := range list {
		// With a start configured, the files after the first go on where the one
		// before ended.
		if t.Start = c.cfg.Start; t.Start.IsZero() {
			file := t.Camera.Source.Files[0]
			info, err := os.Stat(file)
			if err != nil {
				return nil, err
			}
			t.Start = info.ModTime().UTC()
			if t.Start.Year() < 1970 || t.Start.Year() > 2260 {
				return nil, fmt.Errorf("%s was modified at %v: configure start", file, t.Start)
			}
		}
	}
	return list, nil
}

// Start returns the capture time of the first frame of files, and the zero time
// for a live source.
func (c *Camera) Start() (time.Time, error) {
	if c.cfg.Live() {
		return time.Time{}, nil
	}
	segments, err := c.segments()
	if err != nil {
		return time.Time{}, fmt.Errorf("camera %s: %w", c.cfg.ID, err)
	}
	return segments[0].Start, nil
}

func sceneStartOr(start time.Time) time.Time {
	if start.IsZero() {
		return sceneStart
	}
	return start
}

// stream has one stream captured, to its end; nil is its end.
func (c *Camera) stream(ctx context.Context, t *task, w *watch) (err error) {
	if c.process == nil {
		c.process, err = c.opts.start(ctx, processOptions{
			name: c.cfg.ID, log: c.log, redact: c.redact, maxMemory: c.opts.MaxMemory, usage: &c.Counters.usage,
		})
		if err != nil {
			return err
		}
	}
	p := c.process
	play := *t
	play.Last = c.last
	if err := writeTask(p.tasks, &play); err != nil {
		return c.crashed(ctx, t, p.crashed(ctx))
	}
	// How long a report may be waited for. To find out what files hold may take longer,
	// but it is reported that it goes on.
	doing, timeout := "open", c.cfg.OpenTimeout
	defer c.Counters.up.Store(false)
	var epoch string
	next := int64(0)
	for {
		var r report.Report
		err := p.within(ctx, timeout, func() (err error) {
			r, err = p.reports.Next()
			return err
		})
		switch {
		case err == nil:
		case ctx.Err() != nil:
			c.end(ctx)
			return ctx.Err()
		case errors.Is(err, os.ErrDeadlineExceeded):
			c.end(ctx)
			return hung(doing, t.Name, timeout)
		case errors.Is(err, report.ErrCorrupt):
			c.end(ctx)
			return fmt.Errorf("read %s: %w", t.Name, err)
		default:
			return c.crashed(ctx, t, p.crashed(ctx))
		}
		switch r := r.(type) {
		case *report.Opened:
			doing, timeout = "read", c.cfg.ReadTimeout
			if c.opened != nil {
				c.opened(r)
			}
		case *report.Epoch:
			epoch, next = r.Name, 0
			c.Counters.Epochs.Add(1)
			c.Counters.up.Store(true)
		case *report.Frame:
			f := &frame.Frame{
				Camera: c.cfg.ID, Epoch: epoch, Sequence: r.Sequence, Captured: time.UnixMilli(r.Captured).UTC(),
				Width: r.Width, Height: r.Height, Encoding: c.cfg.Encoding, Channels: r.Channels, Data: r.Data,
			}
			if f.Sequence < next {
				c.end(ctx)
				return fmt.Errorf("read %s: %w: frame %d after frame %d", t.Name, report.ErrCorrupt, f.Sequence, next-1)
			}
			next, c.last = f.Sequence+1, f.Captured
			c.Counters.Captured.Add(1)
			c.Counters.latest.Store(r.Captured)
			c.Counters.lag.Store(int64(c.opts.now().Sub(f.Captured)))
			c.Counters.encode.add(r.Encode)
			if c.opts.Traced != nil {
				c.opts.Traced(f, r.Encode)
			}
			if err := w.frame(f); err != nil {
				c.end(ctx)
				return emitError{err}
			}
		case *report.Progress:
			c.Counters.Limited.Add(r.Limited)
			c.Counters.Unreadable.Add(r.Unreadable)
			c.Counters.Late.Add(r.Late)
			if c.Counters.Published.Add(r.Published); r.Published > 0 {
				w.last(epoch, r.Sequence)
			}
			c.Counters.ClockSteps.Add(r.ClockSteps)
			// Files after one that crashes are dated alike, whatever of it was published.
			if r.Captured != 0 {
				c.last = time.UnixMilli(r.Captured).UTC()
			}
		case *report.Note:
			attrs := make([]any, len(r.Attrs))
			for i, a := range r.Attrs {
				attrs[i] = c.redact(a)
			}
			c.log.Log(ctx, r.Level, c.redact(r.Text), attrs...)
		case *report.Ended:
			if r.Reason != "" {
				return &Trouble{Kind: known(r.Kind), Text: c.redact(r.Reason)}
			}
			return nil
		}
	}
}

// crashed makes an error of what ended the process.
func (c *Camera) crashed(ctx context.Context, t *task, reason error) error {
	c.process = nil
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return because(Crashed, "read %s: %v", t.Name, reason)
}

// known is a kind of trouble as a process has said it.
func known(kind string) Kind {
	if k := Kind(kind); kinds[k] {
		return k
	}
	return Unknown
}

// end ends the process that captures, if there is one.
func (c *Camera) end(ctx context.Context) {
	if c.process != nil {
		c.process.kill(ctx)
		c.process = nil
	}
}

// redact hides what a source's URL may hold of secrets.
func (c *Camera) redact(text string) string { return c.cfg.Source.Redact(text) }

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
