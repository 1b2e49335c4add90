package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/transforms/frame"
)

// Counters say what became of a camera's pictures. They only grow, except Stuck.
type Counters struct {
	Captured   atomic.Int64 // frames handed on
	Published  atomic.Int64 // frames of files left out because the topic has them already
	Limited    atomic.Int64 // pictures left out by max_fps
	Unreadable atomic.Int64 // pictures that could not be read: each leaves a gap in the sequence
	Late       atomic.Int64 // pictures of a live source that this machine was too slow to encode: each leaves a gap
	Epochs     atomic.Int64 // streams opened
	Failures   atomic.Int64 // streams that could not be opened, broke off or hung
	Stuck      atomic.Int64 // calls left behind that have not returned yet
}

// Options are what a Camera depends on besides its configuration.
type Options struct {
	// Salt gives files published again new epochs; see [Salt]. Default "":
	// the same file names the same frames.
	Salt string
	// Published is, by epoch, the first sequence number that is not in the topic
	// yet. The frames below it are read, dated and numbered as ever, so that those
	// after them are the same, but neither encoded nor handed on.
	Published map[string]int64
	// Log gets what happens to the source; default slog.Default().
	Log *slog.Logger

	open func(segment) (Stream, error) // instead of the real ones
	now  func() time.Time
	wait func(context.Context, time.Duration) error
}

// Camera captures one camera.
type Camera struct {
	Counters Counters

	cfg   config.Camera
	opts  Options
	log   *slog.Logger
	slots chan struct{} // one per reader that has not ended
	clock fileClock
	live  liveClock
	limit limiter
}

// New returns a camera that is not yet open.
func New(cfg config.Camera, opts Options) *Camera {
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	if opts.now == nil {
		opts.now = time.Now
	}
	if opts.wait == nil {
		opts.wait = sleep
	}
	return &Camera{
		cfg: cfg, opts: opts, log: opts.Log.With("camera", cfg.ID),
		slots: make(chan struct{}, maxStuck),
		limit: newLimiter(cfg.MaxFPS),
	}
}

// segment is what is read as one stream and has an epoch of its own: a video
// file, an image folder, a scene, a connection.
type segment struct {
	name  string   // for messages
	files []string // in order; nil if it is no file
	start time.Time
	open  func() (Stream, error)
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
// returned at the end.
func (c *Camera) Run(ctx context.Context, emit func(*frame.Frame) error) error {
	var err error
	if c.cfg.Source.Live() {
		err = c.runLive(ctx, emit)
	} else {
		err = c.runFiles(ctx, emit)
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

func (c *Camera) runLive(ctx context.Context, emit func(*frame.Frame) error) error {
	const longest = 30 * time.Second
	pause := &backoff.ExponentialBackOff{InitialInterval: 500 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: longest}
	pause.Reset()
	src := segment{name: c.cfg.Source.Text, open: func() (Stream, error) { return openLive(c.cfg.Source, c.cfg.OpenTimeout) }}
	for {
		opened := c.opts.now()
		err := c.stream(ctx, src, func(now time.Time) (string, error) { return liveEpoch(now), nil }, emit)
		if _, ok := errors.AsType[emitError](err); ok || ctx.Err() != nil {
			return err
		}
		if err == nil {
			err = errors.New("the stream ended")
		}
		c.Counters.Failures.Add(1)
		// Only what held for a while makes the next pause short again: a source
		// that breaks off at once must not be asked twice a second.
		if c.opts.now().Sub(opened) > longest {
			pause.Reset()
		}
		d := pause.NextBackOff()
		c.log.Warn("source lost, opening it again", "source", src.name, "reason", err, "pause", d.Round(time.Millisecond))
		if err := c.opts.wait(ctx, d); err != nil {
			return err
		}
	}
}

func (c *Camera) runFiles(ctx context.Context, emit func(*frame.Frame) error) error {
	segments, err := c.segments()
	if err != nil {
		return err
	}
	digests := make(map[string]string, len(segments))
	var failed []error
	for pass := 0; c.cfg.Passes == 0 || pass < c.cfg.Passes; pass++ {
		before := c.Counters.Captured.Load() + c.Counters.Published.Load()
		for _, s := range segments {
			epoch := func(start time.Time) (string, error) {
				content, ok := digests[s.name]
				if !ok {
					if s.files == nil {
						content = sceneDigest(s.name)
					} else if content, err = digest(s.files); err != nil {
						return "", err
					}
					digests[s.name] = content
				}
				return fileEpoch(content, start, pass, c.opts.Salt, &c.cfg), nil
			}
			err := c.stream(ctx, s, epoch, emit)
			if _, ok := errors.AsType[emitError](err); ok || ctx.Err() != nil {
				return err
			}
			if early, ok := errors.AsType[*EndsEarlyError](err); ok {
				c.log.Warn("file ends early", "reason", early)
			} else if err != nil {
				c.Counters.Failures.Add(1)
				if pass == 0 {
					failed = append(failed, err)
				}
			}
		}
		if c.Counters.Captured.Load()+c.Counters.Published.Load() == before {
			break // looping over nothing would never end
		}
	}
	return errors.Join(failed...)
}

// segments lists what files are played, with their start times.
func (c *Camera) segments() ([]segment, error) {
	var list []segment
	switch c.cfg.Source.Kind {
	case config.Video:
		for _, path := range c.cfg.Source.Files {
			list = append(list, segment{name: path, files: []string{path}, open: func() (Stream, error) { return openVideo(path) }})
		}
	case config.Images:
		files := c.cfg.Source.Files
		list = []segment{{name: c.cfg.Source.Text, files: files, open: func() (Stream, error) { return openImages(files, c.cfg.ImageFPS) }}}
	case config.Scene:
		return []segment{{name: c.cfg.Source.Scene, start: sceneStartOr(c.cfg.Start), open: func() (Stream, error) { return openScene(c.cfg.Source.Scene) }}}, nil
	default:
		return nil, fmt.Errorf("source %s is no file", c.cfg.Source.Text)
	}
	for i := range list {
		s := &list[i]
		// With a start configured, the files after the first go on where the one
		// before ended.
		if s.start = c.cfg.Start; s.start.IsZero() {
			info, err := os.Stat(s.files[0])
			if err != nil {
				return nil, err
			}
			s.start = info.ModTime().UTC()
			if s.start.Year() < 1970 || s.start.Year() > 2260 {
				return nil, fmt.Errorf("%s was modified at %v: configure start", s.files[0], s.start)
			}
		}
	}
	return list, nil
}

// Start returns the capture time of the first frame of files, and the zero time
// for a live source.
func (c *Camera) Start() (time.Time, error) {
	if c.cfg.Source.Live() {
		return time.Time{}, nil
	}
	segments, err := c.segments()
	if err != nil {
		return time.Time{}, fmt.Errorf("camera %s: %w", c.cfg.ID, err)
	}
	return segments[0].start, nil
}

func sceneStartOr(start time.Time) time.Time {
	if start.IsZero() {
		return sceneStart
	}
	return start
}

// stream reads one segment to its end; nil is its end.
func (c *Camera) stream(ctx context.Context, s segment, epochOf func(time.Time) (string, error), emit func(*frame.Frame) error) error {
	if err := c.slot(ctx); err != nil {
		return err
	}
	open := s.open
	if c.opts.open != nil {
		open = func() (Stream, error) { return c.opts.open(s) }
	}
	isLive := c.cfg.Source.Live()
	r := startReader(open, isLive, func() { <-c.slots })
	patience := time.Second // for a call that is under way to return
	defer func() {
		if !r.stop(patience) {
			c.Counters.Stuck.Add(1)
			go func() { <-r.done; c.Counters.Stuck.Add(-1) }()
		}
	}()
	if err := r.open(ctx, c.cfg.OpenTimeout); err != nil {
		if errors.Is(err, errHung) {
			patience = 0
			err = fmt.Errorf("open %s: %w of %v", s.name, errHung, c.cfg.OpenTimeout)
		}
		return err
	}
	c.Counters.Epochs.Add(1)

	start := c.opts.now()
	if !isLive {
		start = c.clock.begin(s.start, r.step)
	}
	epoch, err := epochOf(start)
	if err != nil {
		return err
	}
	enc := newEncoder(c.cfg.Size, c.cfg.Encoding, c.cfg.Quality)
	defer enc.close()
	timer := time.NewTimer(time.Hour)
	timer.Stop()

	for sequence, next := int64(0), int64(0); ; {
		p := r.next(ctx, timer, c.cfg.ReadTimeout)
		if late := p.index - next; late > 0 {
			c.Counters.Late.Add(late)
			sequence += late
		}
		next = p.index + 1
		_, unreadable := errors.AsType[*UnreadableError](p.err)
		switch {
		case errors.Is(p.err, io.EOF):
			return nil
		case errors.Is(p.err, errHung):
			patience = 0
			return fmt.Errorf("read %s: %w of %v", s.name, errHung, c.cfg.ReadTimeout)
		case p.err != nil && !unreadable:
			return p.err
		}
		var captured time.Time
		if isLive {
			captured = c.live.at(p.taken)
		} else {
			captured = c.clock.at(p.stamp, r.step)
		}
		if !c.limit.pass(captured, r.step) {
			c.Counters.Limited.Add(1)
			if p.img != nil {
				r.release(p.img)
			}
			continue
		}
		f := &frame.Frame{Camera: c.cfg.ID, Epoch: epoch, Sequence: sequence, Captured: captured}
		sequence++
		if unreadable {
			c.Counters.Unreadable.Add(1)
			c.log.Warn("picture left out", "epoch", epoch, "sequence", f.Sequence, "reason", p.err)
			continue
		}
		if f.Sequence < c.opts.Published[epoch] {
			c.Counters.Published.Add(1)
			r.release(p.img)
			continue
		}
		err := enc.encode(*p.img, f)
		r.release(p.img)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		c.Counters.Captured.Add(1)
		if err := emit(f); err != nil {
			return emitError{err}
		}
	}
}

// slot waits until fewer than maxStuck readers of this camera are left behind.
func (c *Camera) slot(ctx context.Context) error {
	select {
	case c.slots <- struct{}{}:
		return nil
	default:
	}
	c.log.Warn("too many calls to the source hang: waiting for one to return", "hanging", maxStuck)
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
