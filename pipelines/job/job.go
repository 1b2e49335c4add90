// Package job runs the analysis of a log into an output folder, from where the
// folder ends to where the job is told to stop. It is what analyze (a Kafka
// topic) and reprocess (an archive of one) have in common.
package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/framebeam/framebeam/console"
	"github.com/framebeam/framebeam/metrics"
	"github.com/framebeam/framebeam/pipelines/jobmetrics"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/tracing"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/chunksink"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/eventsink"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/log"
	_ "github.com/framebeam/framebeam/transforms/log/kafka"
	"github.com/framebeam/framebeam/transforms/perframe"
	"github.com/framebeam/framebeam/transforms/picture"
	"github.com/framebeam/framebeam/transforms/plan"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/source"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// Job is one analysis job.
type Job struct {
	Runner launch.Engine
	Log    log.Spec
	Topic  string
	Output string     // folder: a local path or scheme://…
	N      int64      // offsets per chunk; fixed by the folder's first job; 0: what it has, or chunkfolder.DefaultN
	Start  plan.Place // of partitions that the folder does not know yet
	Until  plan.Place
	// Partitions are the only ones to read; nil: all.
	Partitions []int32
	// Seed is another output, in the middle of which a new one begins at Start: with its
	// states, as if it had made what lies before itself; see [output.SeedFrom]. "": none.
	Seed     string
	Analyses profiles.Stages
	// Remembered takes the configuration of the folder's newest generation in the
	// place of Analyses, if there is one.
	Remembered bool
	Cameras    []string // patterns of the cameras to look at; none: all. See [profiles.Stages.OfCameras]
	Only       []string // of the analyses, with what they read; none: all. See [profiles.Stages.Only]
	Pictures   string   // "": none, else which frames' annotated pictures are kept: see picture.PackSpec
	Reading    Reading
	// SliceBytes cuts a job with an end into pipelines run one after another, each
	// over about so many bytes of every partition; see [launch.Engine].
	// 0: one pipeline.
	SliceBytes int64
	// Events is where events are published as soon as they are found, before the
	// output; without a topic, nowhere. With EventsPartitions the topic is created
	// with so many if it is missing.
	Events           eventsink.Config
	EventsPartitions int
	// Notes is where it is said how a part that the job makes is related to the whole; nil:
	// nowhere.
	Notes io.Writer
	// Interim is how often what has come of chunks that are not full is published while
	// a job without an end runs: see [source.Config]. 0: only when nothing comes.
	Interim time.Duration
	// Watched is the file of Analyses, of a job without an end that is to go on with what it
	// says when it is changed; nil: they stay.
	Watched *Watched
	// Progress is how often a line about the progress goes to standard error; 0: never.
	Progress time.Duration
	// Metrics is where the job says how it is; nil: nowhere.
	Metrics *metrics.Endpoint
	// Trace is who is told of frames that are followed, by this process and by workers.
	Trace tracing.Config

	measured *jobmetrics.Job
	warned   map[chunk.Partition]bool // of which it was said that files are gone
	fresh    map[chunk.Partition]bool // of which it was said that they begin with nothing
}

// Reading are bounds of reading that results do not depend on; see
// [source.Config]. 0: its defaults.
type Reading struct {
	MaxRecords, MaxBytes int // of a call
	RunRecords, RunBytes int // of a run of frames
}

// meter shows the progress of a pipeline over tasks. How long it will take still is known
// if they have ends, and it is the only one.
func (j *Job) meter(tasks []source.Task) *launch.Meter {
	if j.Progress == 0 && j.Metrics == nil {
		return nil
	}
	var total int64
	if !j.Until.Never() && j.SliceBytes == 0 {
		total = offsets(tasks)
	}
	return &launch.Meter{Interval: j.Progress, Counted: j.measured.Counted, Counters: []launch.Counter{
		{Name: "kafkasource/records", Label: "read"},
		{Name: "framebeam/frames_analyzed", Label: "analysed", Total: total},
		{Name: "framebeam/results_committed", Label: "written"},
	}}
}

// Run runs the job until its end or until ctx is cancelled, and returns what it
// covered. A job with an end has then written everything, or fails naming what
// is missing.
//
// A job without an end publishes what it has analysed before it ends, as far as that is done
// in a while.
func (j *Job) Run(ctx context.Context) (_ []plan.Stretch, err error) {
	j.measured = jobmetrics.New(j.Metrics)
	defer func() { j.measured.Ended(err) }()
	tracer, err := tracing.Open(j.Trace)
	if err != nil {
		return nil, err
	}
	defer tracer.Close()
	defer tracer.Flush() // engines end workers in this process whenever they like
	if err := j.CheckEnd(); err != nil {
		return nil, err
	}
	if j.Until.Never() {
		return j.live(ctx)
	}
	return j.once(ctx, nil)
}

// once runs the job with one configuration. One without an end ends when ending is closed.
func (j *Job) once(ctx context.Context, ending <-chan struct{}) (_ []plan.Stretch, err error) {
	if j.Log, err = j.Log.Absolute(); err != nil {
		return nil, err
	}
	folder, err := store.Open(ctx, j.Output)
	if err != nil {
		return nil, err
	}
	l, err := log.Open(ctx, j.Log)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	if err := j.seed(ctx, folder, l); err != nil {
		return nil, err
	}
	if err := j.remember(ctx, folder); err != nil {
		return nil, err
	}
	if err := j.choose(); err != nil {
		return nil, err
	}
	// Everything is looked at before anything is written: a new generation ends the
	// jobs of the one before it.
	cfg := output.OpenConfig{N: j.N, ConfigDigest: j.Analyses.Digest, ConfigText: j.Analyses.Text, CodeVersion: codeVersion(), OpenCV: pixels.Build()}
	out, err := output.Plan(ctx, folder, cfg)
	if err != nil {
		return nil, err
	}
	had := out.Had()
	parts, tasks, err := j.plan(ctx, l, out)
	if err != nil {
		return nil, err
	}
	if len(tasks) > 0 {
		if err := j.Runner.Reach(ctx); err != nil {
			return nil, err
		}
	}
	if j.Events.Topic != "" {
		if j.Events.Connection, err = store.Absolute(j.Events.Connection); err != nil {
			return nil, err
		}
		if err := eventsink.Prepare(ctx, j.Events, j.EventsPartitions); err != nil {
			return nil, err
		}
	}
	if len(tasks) > 0 || had == 0 {
		if out, err = output.Open(ctx, folder, cfg); err != nil {
			return nil, err
		}
		// Looked at again: writers of the generation before may have come to an end
		// since, and what they see of this one decides whether they do.
		if parts, tasks, err = j.plan(ctx, l, out); err != nil {
			return nil, err
		}
		if err := j.effective(ctx, out, tasks, had); err != nil {
			return nil, err
		}
	}
	j.N = out.N()
	j.measured.Generation(out.Spec().Generation, j.Runner.Credit > 0)
	if err := j.tellSeed(ctx, out, tasks); err != nil {
		return nil, err
	}
	patterns := cameraPatterns{job: j, out: out}
	patterns.tell(ctx, parts)
	defer patterns.tellAtTheEnd(ctx, &parts)
	if len(tasks) == 0 {
		slog.Info("nothing to do: the output already holds everything up to the end", "topic", j.Topic, "output", j.Output)
		return parts, nil
	}
	// Not before: if nothing is read, partial files are not made again.
	if err := sweep(ctx, out, tasks); err != nil {
		return nil, err
	}
	behind, ended := j.watch(ctx, out)
	defer ended()
	for slices := (slicing{}); len(tasks) > 0; {
		slices.announce(j, tasks, time.Now())
		var drain *source.Drain
		if j.Until.Never() && j.Runner.InProcess {
			drain = source.NewDrain(j.Metrics.Loop(readingLoop, stuck))
			defer j.Metrics.Alive(readingLoop, nil)
			defer drain.Close()
		}
		p, err := j.pipeline(tasks, out, drain)
		if err != nil {
			return nil, err
		}
		j.measured.Pipeline()
		j.measured.Runs()
		switch {
		case j.Until.Never():
			meter := j.meter(tasks)
			if meter != nil {
				meter.More = behind
			}
			err = j.follow(ctx, ending, p, meter, drain)
		case j.Runner.Stopped:
			err = j.runUntilReached(ctx, p, out, tasks)
		default:
			err = j.Runner.Run(ctx, p, j.meter(tasks))
		}
		if err != nil {
			return nil, err
		}
		if tasks, err = j.left(ctx, l, out, tasks); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// remember takes the configuration that the output has, if that is asked for.
func (j *Job) remember(ctx context.Context, folder *store.Folder) error {
	if !j.Remembered {
		return nil
	}
	out, err := output.OpenExisting(ctx, folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	gens := out.Generations()
	if len(gens) == 0 {
		return nil
	}
	last := gens[len(gens)-1]
	if j.Analyses, err = profiles.FromRecord(last.Config); err != nil {
		return fmt.Errorf("output %s has a configuration that this program cannot take from its journal (generation %d): "+
			"say with --config which one is to hold: %w", folder.Root(), last.Number, err)
	}
	j.say("no --config: the output's own holds, that of its generation %d", last.Number)
	return nil
}

// choose leaves of the configuration what is asked for.
func (j *Job) choose() (err error) {
	if j.Analyses, err = j.Analyses.Only(j.Only); err == nil {
		j.Analyses, err = j.Analyses.OfCameras(j.Cameras)
	}
	return err
}

// say puts a line on standard error, where a command shows its progress.
func (j *Job) say(format string, args ...any) {
	if j.Progress > 0 {
		console.Default().Say(format, args...)
	}
}

// effective says from where on a configuration holds that was changed just now, and
// keeps events from being published that the earlier one has published.
func (j *Job) effective(ctx context.Context, out *output.Output, tasks []source.Task, had int) error {
	var from []string
	for _, t := range tasks {
		offset, inside, err := out.Effective(ctx, t.Partition)
		if err != nil {
			return err
		}
		from = append(from, fmt.Sprintf("partition %d from offset %d", t.Partition.ID, offset))
		if inside {
			if j.Events.From == nil {
				j.Events.From = map[int32]int64{}
			}
			j.Events.From[t.Partition.ID] = offset
		}
	}
	if n := out.Spec().Generation; had > 0 && n > had && len(from) > 0 {
		j.say("the configuration has changed (generation %d); it holds in topic %s of %s; what was found before stays as it is", n, j.Topic, strings.Join(from, ", "))
	}
	return nil
}

// sweep removes what interrupted jobs left of what is read now.
func sweep(ctx context.Context, out *output.Output, tasks []source.Task) error {
	err := out.Sweep(ctx)
	for _, t := range tasks {
		err = errors.Join(err, out.SweepPartials(ctx, t.Partition))
	}
	return err
}

// bounded reports whether the pipeline is one of bounded collections, each task
// read in one call.
func (j *Job) bounded() bool { return j.SliceBytes > 0 || !j.Runner.Streams }

// runUntilReached runs a pipeline without an end of its own up to the ends of the tasks.
func (j *Job) runUntilReached(ctx context.Context, p *beam.Pipeline, out *output.Output, tasks []source.Task) error {
	reached := j.reached(out, tasks)
	// What is left may be a partial file that is there.
	if is, err := reached(ctx); is || err != nil {
		return err
	}
	return j.Runner.RunUntil(ctx, p, j.meter(tasks), reached)
}

// reached returns a function that says whether the output holds everything up to the
// ends of the tasks.
func (j *Job) reached(out *output.Output, tasks []source.Task) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		for ; len(tasks) > 0; tasks = tasks[1:] {
			t := &tasks[0]
			pos, err := out.Resume(ctx, t.Partition)
			if err != nil {
				return false, err
			}
			if t.To-pos.From >= j.N {
				return false, nil
			}
			err = out.Verify(ctx, t.Partition, pos.From, t.To)
			if errors.Is(err, output.ErrIncomplete) {
				return false, nil
			}
			if err != nil {
				return false, err
			}
		}
		return true, nil
	}
}

// pipeline builds the whole way of a frame, from left to right.
func (j *Job) pipeline(tasks []source.Task, out *output.Output, drain *source.Drain) (*beam.Pipeline, error) {
	reading := source.Config{
		Log: j.Log, N: j.N, Forget: j.Analyses.Sequence.Forget, Generation: out.Spec().Generation,
		MaxRecords: j.Reading.MaxRecords, MaxBytes: j.Reading.MaxBytes,
		RunRecords: j.Reading.RunRecords, RunBytes: j.Reading.RunBytes,
		TickEvery: j.Runner.TickEvery, OneCall: j.bounded(), SliceBytes: j.SliceBytes,
	}
	reading.Trace = j.Trace
	if !reading.OneCall {
		reading.Credit = j.Runner.Credit
	}
	if j.Until.Never() {
		reading.Interim = j.Interim
	}
	if drain != nil {
		reading.Drain = drain.ID()
	}
	stages := j.Analyses
	if j.Runner.InProcess {
		stages = stages.InOneProcess()
	}
	stages.Sequence.States = out.Spec()
	stages.PerFrame.Trace, stages.Sequence.Trace, j.Events.Trace = j.Trace, j.Trace, j.Trace

	p, s := beam.NewPipelineWithRoot()
	runs, ends := source.Read(s, reading, tasks)
	sequenced, stray := perframe.Analyze(s, stages.PerFrame, runs)
	parts := sequence.Analyze(s, stages.Sequence, sequenced)
	if j.Events.Topic != "" {
		parts = eventsink.Write(s, j.Events, parts)
	}
	sink := chunksink.Config{Output: out.Spec(), Trace: j.Trace}
	if j.Pictures != "" {
		texts := []string{stages.Text}
		for _, g := range out.Generations() {
			texts = append(texts, g.Config) // of the heads of chunks
		}
		spec := picture.PackSpec{Log: j.Log, Which: j.Pictures, Shapes: profiles.Shapes(texts...)}
		var err error
		if sink.Pictures, err = picture.Spec(spec, stages.PerFrame.Parse); err != nil {
			return nil, err
		}
	}
	committed := chunksink.Write(s, sink, beam.Flatten(s, parts, stray, chunksink.Ends(s, ends)))
	chunksink.Finish(s, committed)
	return p, nil
}
