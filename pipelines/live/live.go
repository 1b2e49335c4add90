// Package live runs everything on one machine in one process: a Kafka whose log lasts, the
// collector, the analyses, the archive and alerts if they are wanted, and the web page.
//
// Nothing here knows more than the commands of those names do: what lies in the folder is a
// log, an output and an archive as any others, and results are those that analyze makes of
// the same log.
package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/framebeam/framebeam/alerts"
	rules "github.com/framebeam/framebeam/alerts/config"
	"github.com/framebeam/framebeam/alerts/snapshot"
	"github.com/framebeam/framebeam/history/clip"
	"github.com/framebeam/framebeam/ingest/collector"
	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/kafka/embedded"
	"github.com/framebeam/framebeam/kafka/publish"
	"github.com/framebeam/framebeam/metrics"
	"github.com/framebeam/framebeam/monitor/server"
	"github.com/framebeam/framebeam/pipelines/archive/copying"
	"github.com/framebeam/framebeam/pipelines/job"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/reload"
	archived "github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/eventsink"
	"github.com/framebeam/framebeam/transforms/files/retention"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/picture"
	"github.com/framebeam/framebeam/transforms/plan"
)

// Names of topics.
const (
	Frames = "frames"
	Events = "events"
)

// How long an ordered stop takes at most: what is captured is sent, what is sent is
// analysed as far as time allows, and the rest is closed. All of it stays below the 90 s
// after which systemd kills.
const (
	flushTime = 10 * time.Second
	drainTime = 30 * time.Second
	closeTime = 20 * time.Second
)

// Options say what runs.
type Options struct {
	Data     Data
	Cameras  *config.Config
	Analyses profiles.Config
	// CamerasFile and AnalysesFile are where they are from, with these contents. Changes of the
	// files take effect at once.
	CamerasFile, AnalysesFile string
	CamerasText, AnalysesText []byte
	// Changed is told of other cameras before they are used; may be nil.
	Changed func(*config.Config)

	// Kafka is the address of the embedded Kafka (see [embedded.Options]).
	Kafka string
	// Partitions of the topic of frames that is created. Default 1.
	Partitions int
	// KeepFrames is how many bytes of frames the log keeps at most, all partitions together.
	KeepFrames int64
	// Chunk is the number of offsets of a chunk of a new output; 0: the default.
	Chunk int64
	// Archive: frames are archived too.
	Archive bool
	// Keep says how long results and the archive are kept.
	Keep retention.Rules

	// Alerts says who is told what; nil: nobody is.
	Alerts *rules.Config

	// Page is the address of the web page; "": there is none.
	Page string
	// PageOptions are the page's; what it looks at is filled in.
	PageOptions server.Options

	// Metrics is where it is said how everything is; nil: nowhere.
	Metrics *metrics.Endpoint
	// Started is called once everything has been started.
	Started func()
	// Out is told where everything is; nil: nobody.
	Out io.Writer
	// Log gets what is amiss. Default: slog.Default().
	Log *slog.Logger
	// Progress is called every Interval, as by the collector.
	Progress func(collector.Summary)
	Interval time.Duration
}

// running is a run of everything.
type running struct {
	opts  Options
	kafka *embedded.Broker
	page  net.Listener // before the page has it

	// What is in use, and what became of changes.
	cameras       atomic.Pointer[configured[*config.Config]]
	analyses      configured[profiles.Stages] // of the part of that name
	cameraReloads reload.State
}

// configured is what a file's content says.
type configured[T any] struct {
	is   T
	text []byte
}

// Run runs everything until ctx ends, and then stops it in order. An error is of what cannot
// be mended by starting a part again.
func Run(ctx context.Context, opts Options) (err error) {
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	if opts.Out == nil {
		opts.Out = io.Discard
	}
	r := &running{opts: opts}
	stages, err := opts.Analyses.Stages()
	if err != nil {
		return err
	}
	r.cameras.Store(&configured[*config.Config]{opts.Cameras, opts.CamerasText})
	r.analyses = configured[profiles.Stages]{stages, opts.AnalysesText}
	defer r.cameraReloads.Measure(opts.Metrics, "cameras")()
	if err := opts.Data.Make(); err != nil {
		return err
	}
	if opts.Page != "" {
		// Before anything begins: another program that has the address is the user's to end.
		l, err := listen(ctx, opts.Page)
		if err != nil {
			return fmt.Errorf("serve the page: %w", err)
		}
		defer l.Close()
		r.page = l
	}
	if r.kafka, err = embedded.Start(r.embedded()); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.kafka.Close()) }()
	r.say()
	return r.run(ctx)
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
}

// embedded is how the Kafka is started.
func (r *running) embedded() embedded.Options {
	partitions := max(r.opts.Partitions, 1)
	return embedded.Options{
		Dir: r.opts.Data.Kafka(), Listen: r.opts.Kafka, Log: r.opts.Log,
		Topics: []embedded.Topic{
			{Name: Frames, Partitions: int32(partitions), Configs: map[string]string{
				"cleanup.policy": "delete", "retention.ms": "-1",
				"retention.bytes": fmt.Sprint(r.opts.KeepFrames / int64(partitions)),
			}},
			{Name: Events, Partitions: 1, Configs: map[string]string{
				"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": fmt.Sprint(keepEvents),
			}},
		},
	}
}

// keepEvents is how many bytes of events the log keeps: a million or so of them. They are in
// the results too.
const keepEvents = 1 << 30

// say says where everything is.
func (r *running) say() {
	d := &r.opts.Data
	fmt.Fprintf(r.opts.Out, "data:      %s\n", d.Folder)
	fmt.Fprintf(r.opts.Out, "analyses:  %s\n", r.opts.AnalysesFile)
	fmt.Fprintf(r.opts.Out, "Kafka:     %s  (topics %s and %s)\n", r.kafka.Addrs()[0], Frames, Events)
	if r.page != nil {
		scheme := "http"
		if r.opts.PageOptions.TLSCert != "" {
			scheme = "https"
		}
		fmt.Fprintf(r.opts.Out, "the page:  %s://%s/\n", scheme, r.page.Addr())
	}
}

// run starts the parts, waits for the end, and stops them in the order of the frames' way.
func (r *running) run(ctx context.Context) error {
	start := func(name string, run func(context.Context) error) *part {
		p := newPart(name, r.opts.Log, run)
		r.opts.Metrics.Ready(name, p.failing)
		return p
	}
	analysing := start("analyses", r.analyse)
	watching := start("watch", r.watch(analysing))
	keeping := start("retention", r.keep)
	var archiving, telling, serving *part
	if r.opts.Archive {
		archiving = start("archive", r.archive)
	}
	if r.opts.Alerts != nil {
		telling = start("alerts", r.tell)
	}
	if r.page != nil {
		serving = start("page", r.serve)
	}
	collecting := start("collector", r.collect)
	if r.opts.Started != nil {
		r.opts.Started()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-r.kafka.Failed():
		err = fmt.Errorf("the disk does not keep the frames: %w", err)
	}
	collecting.stop(flushTime + closeTime)
	if err == nil {
		r.drain()
	}
	watching.stop(closeTime)
	keeping.stop(closeTime)
	var all sync.WaitGroup
	for _, p := range []*part{analysing, archiving, telling, serving} {
		all.Go(func() { p.stop(closeTime) })
	}
	all.Wait()
	return err
}

// collect is the collector. One whose sources are all files ends.
func (r *running) collect(ctx context.Context) error {
	s, err := collector.Run(ctx, r.cameras.Load().is, collector.Options{
		Publish: publish.Options{Brokers: r.kafka.Addrs(), Topic: Frames, Log: r.opts.Log},
		Journal: r.opts.Data.Published(), BufferBytes: bufferBytes, FlushTimeout: flushTime,
		Watch:    r.followCameras,
		Progress: r.opts.Progress, Interval: r.opts.Interval, Metrics: r.opts.Metrics, Log: r.opts.Log,
	})
	live := slices.ContainsFunc(r.cameras.Load().is.Cameras, func(c config.Camera) bool { return c.Live() })
	if len(s.Cameras) > 0 && ctx.Err() == nil && !live {
		// Films that cannot be read will not be readable in a second.
		if err != nil {
			r.opts.Log.Error("not all films could be read", "error", err)
		} else {
			r.opts.Log.Info("all films have been read; what is there can be looked at")
		}
		return errEnded
	}
	return err
}

// followCameras takes cameras in, and out, when their file changes.
func (r *running) followCameras(ctx context.Context, apply func(*config.Config) error) {
	o := reload.Options{File: r.opts.CamerasFile, Content: r.cameras.Load().text, State: &r.cameraReloads}
	reload.Watch(ctx, o, func(_ context.Context, content []byte) error {
		c, err := config.LoadContent(content, r.opts.CamerasFile, config.CloudEvents)
		if err != nil {
			return err
		}
		if r.opts.Changed != nil {
			r.opts.Changed(c)
		}
		if err := apply(c); err != nil {
			return err
		}
		r.cameras.Store(&configured[*config.Config]{c, content})
		return nil
	})
}

// bufferBytes is the memory for frames on their way to a Kafka that is in this process.
const bufferBytes = 128 << 20

func (r *running) log() log.Spec { return log.Spec{Kind: "kafka", Brokers: r.kafka.Addrs()} }

// places are where a follower of the log begins and ends.
func places() (start, until plan.Place) {
	start, err1 := plan.Start("earliest")
	until, err2 := plan.Until("never")
	if err := errors.Join(err1, err2); err != nil {
		panic(err) // they are constants
	}
	return start, until
}

func (r *running) analyse(ctx context.Context) error {
	start, until := places()
	// As when it was started first, or as the file says since.
	if content, err := os.ReadFile(r.opts.AnalysesFile); err == nil {
		if stages, err := job.LoadWatched(r.opts.AnalysesFile, content); err == nil {
			r.analyses = configured[profiles.Stages]{stages, content}
		}
	}
	j := job.Job{
		Runner: launch.Direct, Log: r.log(), Topic: Frames, Output: r.opts.Data.Results(), N: r.opts.Chunk,
		Start: start, Until: until, Analyses: r.analyses.is, Pictures: picture.WithEvents,
		Events:  eventsink.Config{Brokers: r.kafka.Addrs(), Topic: Events},
		Interim: job.DefaultInterim,
		Watched: &job.Watched{File: r.opts.AnalysesFile, Content: r.analyses.text},
		Metrics: r.opts.Metrics,
	}
	_, err := j.Run(ctx)
	return err
}

func (r *running) archive(ctx context.Context) error {
	start, until := places()
	j := copying.Job{
		Runner: launch.Direct, Log: r.log(), Topic: Frames, Archive: r.opts.Data.Archive(), N: r.opts.Chunk,
		Start: start, Until: until, Metrics: r.opts.Metrics,
	}
	_, err := j.Run(ctx)
	return err
}

func (r *running) keep(ctx context.Context) error {
	k := retention.Keeper{Output: r.opts.Data.Results(), Rules: r.opts.Keep, Say: func(format string, args ...any) {
		r.opts.Log.Info(fmt.Sprintf(format, args...))
	}}
	if r.opts.Archive {
		k.Archive = r.opts.Data.Archive()
	}
	return k.Beside(ctx, func(ctx context.Context) error {
		<-ctx.Done()
		return nil
	})
}

// tell tells people and programs what happens, as the command alert does.
func (r *running) tell(ctx context.Context) (err error) {
	where := clip.Where{Output: r.opts.Data.Results(), Log: r.log()}
	if r.opts.Archive {
		where.Log = log.Spec{Kind: archived.Kind, Root: r.opts.Data.Archive()}
	}
	pictures := snapshot.New(where, r.opts.Alerts.Zone, r.opts.Alerts.PictureWait)
	defer func() { err = errors.Join(err, pictures.Close()) }()
	e := alerts.New(alerts.Options{
		Config: r.opts.Alerts, Brokers: r.kafka.Addrs(), Topic: Events, State: r.opts.Data.Alerts(), Pictures: pictures,
		Say: func(format string, args ...any) { r.opts.Log.Info(fmt.Sprintf(format, args...)) },
	})
	defer e.Measure(r.opts.Metrics)()
	return e.Run(ctx)
}

// pagePatience is how long the first page waits for the first analyses.
const pagePatience = 10 * time.Second

func (r *running) serve(ctx context.Context) error {
	opts := r.opts.PageOptions
	in := &opts.Inputs
	in.Brokers, in.Topic, in.EventsTopic, in.Output = r.kafka.Addrs(), Frames, Events, r.opts.Data.Results()
	in.Cameras, in.Analyses = r.opts.CamerasFile, r.opts.AnalysesFile
	if r.opts.Archive {
		in.Archive = r.opts.Data.Archive()
	}
	opts.Log = r.opts.Log
	s, err := server.New(opts)
	if err != nil {
		return err
	}
	// A page of nothing would say at first that something is away.
	first, cancel := context.WithTimeout(ctx, pagePatience)
	_ = r.begun(first)
	cancel()
	l := r.page
	if r.page = nil; l == nil {
		if l, err = listen(ctx, r.opts.Page); err != nil {
			return err
		}
	}
	return s.Serve(ctx, l)
}
