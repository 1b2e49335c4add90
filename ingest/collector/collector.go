// Package collector runs cameras and publishes what they see.
//
// Where every source is a file, frames are published in the order of (capture
// time, camera), so that what each partition holds, byte for byte, depends on
// the files and the settings alone. As soon as one source is live, every camera
// publishes as it comes. A camera's own frames are always in order.
//
// Cameras do not touch each other: each is captured in a process of its own (see
// [capture.Child], which a program calls first of all) and has its own share
// of the memory for frames on their way. What goes wrong with one ends that
// one, or its epoch.
package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/framebeam/framebeam/ingest/capture"
	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/kafka/publish"
	"github.com/framebeam/framebeam/metrics"
	"github.com/framebeam/framebeam/tracing"
	"github.com/framebeam/framebeam/transforms/frame"
)

// maxAhead is how far a file's capture times may run ahead of the clock before
// its frames wait: brokers refuse records from more than an hour ahead
// (message.timestamp.after.max.ms). A file that is looped for ever plays fast
// until it gets there, and from then on at its own speed.
const maxAhead = 30 * time.Minute

// Options are what a run depends on besides the cameras.
type Options struct {
	// Publish says where to. QueueBytes is set from BufferBytes; a
	// DeliveryTimeout of 0 is for ever when a source is live, which must outlive
	// any outage.
	Publish publish.Options

	Format config.Format  // must be what the configuration was loaded with
	Zone   *time.Location // of the JSON format's timestamps; default UTC
	// Again gives files new epochs: they are published as other frames, not as
	// repeats of those published before.
	Again bool
	// Journal is the path of a file in which a collector of files notes what is in
	// the topic, so that the next one need not read all of it. Default none.
	Journal string
	// BufferBytes is the memory for frames on their way to Kafka, shared equally
	// by the cameras. Default 512 MiB.
	BufferBytes int
	// SourceMemory is the most memory of each process that reads a source, in bytes.
	// Default capture.DefaultMaxMemory.
	SourceMemory int64
	// FlushTimeout is how long what is captured may take to be sent once ctx is
	// done. Default 30 s.
	FlushTimeout time.Duration
	// Progress is called every Interval (default 5 s) from a goroutine of its own.
	Progress func(Summary)
	Interval time.Duration
	Log      *slog.Logger // default slog.Default()
	// Watch, if there is one, is called while live cameras are captured, and gives apply each
	// configuration that is to be used from then on, checked; apply returns when it is. It ends with
	// ctx. Where all cameras are files it is not called, see each. Default none.
	Watch func(ctx context.Context, apply func(*config.Config) error)
	// Metrics is where the run says how it is; nil: nowhere.
	Metrics *metrics.Endpoint
	// Trace is which frames are followed: their records have a header that says so. Not for
	// the JSON format.
	Trace tracing.Config

	now          func() time.Time
	journalEvery time.Duration
}

func (o *Options) setDefaults() {
	if o.Format == "" {
		o.Format = config.CloudEvents
	}
	if o.BufferBytes == 0 {
		o.BufferBytes = 512 << 20
	}
	if o.FlushTimeout == 0 {
		o.FlushTimeout = 30 * time.Second
	}
	if o.Interval == 0 {
		o.Interval = 5 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.now == nil {
		o.now = time.Now
	}
	if o.journalEvery == 0 {
		o.journalEvery = journalEvery
	}
}

// camera is one camera in a run.
type camera struct {
	cfg     config.Camera
	key     string // of its records: its id, in the JSON format the original's
	capture *capture.Camera
	refused atomic.Int64
	already atomic.Int64 // frames of the JSON format that are in the topic

	replaces *camera                 // until it is prepared: whose numbers go on
	cancel   context.CancelCauseFunc // ends it alone; with done of cameras that publish as they come
	done     chan struct{}           // closed when it has ended
	found    chan error              // of files: once it is known what is published

	// published is what capture leaves out; written before it runs.
	published map[string]int64
	// inOrder puts what was said of the source among its frames where these are merged; set
	// before capture runs.
	inOrder func(dated) error

	mu  sync.Mutex
	err error
}

func (c *camera) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = errors.Join(c.err, err)
}

type run struct {
	opts      Options
	salt      string
	publisher *publish.Publisher
	begun     time.Time
	live      bool    // at least one source was at the beginning
	resume    *resume // nil if there is nothing to find out
	traces    *traces

	wake       chan struct{} // a camera has ended
	background sync.WaitGroup

	mu      sync.Mutex
	cameras []*camera // in the configuration's order; changed by each alone
	removed []*camera
	sent    map[uint64]struct{} // identities of records of the JSON format that are in the topic
}

// Run captures and publishes until all files have ended, for ever if a source
// is live, or until ctx is done; then it sends what is captured. Being told to
// stop is no error. The error holds what went wrong with each camera and each
// partition; the summary says what was sent, and has no cameras if none was
// started.
func Run(ctx context.Context, cfg *config.Config, opts Options) (Summary, error) {
	opts.setDefaults()
	r := &run{opts: opts, begun: opts.now(), sent: map[uint64]struct{}{}, wake: make(chan struct{}, 1)}
	var err error
	if r.traces, err = newTraces(opts.Trace); err != nil {
		return Summary{}, err
	}
	defer r.traces.close()
	if opts.Again {
		r.salt = capture.Salt()
	}
	for _, cfg := range cfg.Cameras {
		c := &camera{cfg: cfg}
		r.prepare(c)
		r.cameras = append(r.cameras, c)
		r.live = r.live || cfg.Live()
	}
	if len(r.cameras) == 0 {
		return Summary{}, errors.New("no cameras")
	}
	if opts.Publish.DeliveryTimeout == 0 && r.live {
		opts.Publish.DeliveryTimeout = publish.ForEver
	}
	opts.Publish.QueueBytes = r.queueBytes(len(r.cameras))
	if opts.Publish.Log == nil {
		opts.Publish.Log = opts.Log
	}
	// One record that the brokers will not have ends no live camera. Of files nothing
	// comes after it, or a collector that is started again would take it for published.
	opts.Publish.DropRefused = true
	r.resume = newResume(r)
	opts.Publish.Acknowledged = func(partition int, records []frame.Record) {
		if r.resume != nil {
			r.resume.acknowledged(partition, records)
		}
		r.traces.acknowledged(records)
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	opts.Publish.GivenUp = func(err error) {
		// Whoever watches this process must see that nothing more will come of it, and
		// live cameras would go on for ever for nothing.
		if r.live || errors.Is(err, publish.ErrHopeless) {
			end(err)
		}
	}
	if r.publisher, err = publish.Open(ctx, opts.Publish); err != nil {
		if ctx.Err() != nil {
			err = nil
		}
		return Summary{}, err
	}
	r.warn(r.cameras)

	defer r.measure()()
	stop := r.report()
	if r.live {
		r.each(ctx)
	} else {
		r.merge(ctx)
	}
	flush, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		patience := opts.FlushTimeout
		if errors.Is(context.Cause(ctx), publish.ErrGivenUp) {
			patience = min(patience, afterGivenUp)
		}
		timer := time.AfterFunc(patience, cancel)
		context.AfterFunc(flush, func() { timer.Stop() })
	})()
	err = r.publisher.Close(flush)
	if r.resume != nil {
		r.resume.end()
	}
	stop()

	errs := []error{err}
	cameras, removed := r.now()
	for i, c := range append(cameras, removed...) {
		if errors.Is(c.err, publish.ErrGivenUp) {
			continue // said once, by the partition
		}
		if i < len(cameras) { // what was wrong with one that is removed is mended
			errs = append(errs, c.err)
		}
		if n := c.refused.Load(); n > 0 && c.err == nil {
			errs = append(errs, fmt.Errorf("camera %s: %d frames were too large for the topic and are not sent", c.cfg.ID, n))
		}
		if s := r.publisher.Stats(c.key); s.Refused > 0 {
			if end, ok := errors.AsType[*publish.RefusedError](s.Refusal); ok {
				if !errors.Is(c.err, end) { // else it is said
					errs = append(errs, end)
				}
				continue
			}
			err := fmt.Errorf("camera %s: %d frames were refused by the brokers and are not sent, the last because: %w", c.cfg.ID, s.Refused, s.Refusal)
			opts.Log.Warn(err.Error())
		}
	}
	return r.summary(), errors.Join(errs...)
}

// afterGivenUp is how long other partitions may still be written when the process
// ends because one was given up.
const afterGivenUp = 5 * time.Second

// warn says what about the topic will surprise.
func (r *run) warn(cameras []*camera) {
	topic := r.publisher.Topic()
	if topic.AppendTime {
		r.opts.Log.Warn("the topic replaces record timestamps by the broker's time (message.timestamp.type=LogAppendTime): they will not be capture times", "topic", topic.Name)
	}
	for _, c := range cameras {
		start, err := c.capture.Start()
		if err != nil || start.IsZero() {
			continue // Run says it
		}
		if age := r.opts.now().Sub(start); topic.Retention > 0 && age > topic.Retention {
			r.opts.Log.Warn("frames are older than the topic keeps (retention.ms) and may be deleted while they are read: keep the topic by size, or configure start",
				"camera", c.cfg.ID, "start", start, "retention", topic.Retention, "topic", topic.Name)
		} else if age < -maxAhead {
			r.opts.Log.Warn("start lies in the future: frames wait, because brokers refuse them", "camera", c.cfg.ID, "start", start)
		}
	}
}

// look finds out which frames of the files are in the topic.
func (r *run) look(ctx context.Context, files []*camera) error {
	if r.resume == nil {
		return nil
	}
	return r.resume.find(ctx, files)
}

// already reports, and counts, that a frame of the JSON format is in the topic.
func (r *run) already(c *camera, rec *frame.Record) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.sent) == 0 {
		return false
	}
	if _, ok := r.sent[identity(rec)]; !ok {
		return false
	}
	c.already.Add(1)
	return true
}

// offer queues a live camera's frame. One that is too large leaves a gap: the
// next may not be.
func (r *run) offer(c *camera, rec frame.Record) error {
	err := r.publisher.Offer(rec)
	if large, ok := errors.AsType[*publish.TooLargeError](err); ok {
		if c.refused.Add(1) == 1 {
			r.opts.Log.Error("frame left out, and so will others be", "camera", c.cfg.ID, "reason", large)
		}
		return nil
	}
	return err
}

// ended notes why a camera has ended.
func (r *run) ended(ctx context.Context, c *camera, err error) {
	if err == nil || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return
	}
	c.fail(err)
	// Said at once, since the other cameras may go on for months before Run
	// returns it.
	r.opts.Log.Error("camera ended", "camera", c.cfg.ID, "reason", err)
}

func (r *run) record(f *frame.Frame) (frame.Record, error) {
	if r.opts.Format == config.JSON {
		return f.JSON(r.opts.Zone)
	}
	rec := f.CloudEvent()
	r.traces.put(f, &rec)
	return rec, nil
}

// ahead waits while t is too far ahead of the clock.
func (r *run) ahead(ctx context.Context, t time.Time) error {
	d := t.Sub(r.opts.now()) - maxAhead
	if d <= 0 {
		return nil
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// report calls Progress until the function it returns is called.
func (r *run) report() (stop func()) {
	if r.opts.Progress == nil {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(r.opts.Interval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				r.opts.Progress(r.summary())
			case <-quit:
				return
			}
		}
	}()
	return func() { close(quit); <-done }
}
