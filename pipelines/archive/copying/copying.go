// Package copying runs the archiving of a topic, from where the archive ends to
// where the job is told to stop.
package copying

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/framebeam/framebeam/metrics"
	"github.com/framebeam/framebeam/pipelines/jobmetrics"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/log"
	_ "github.com/framebeam/framebeam/transforms/log/kafka"
	"github.com/framebeam/framebeam/transforms/plan"
)

// Job is one archiving job.
type Job struct {
	Runner  launch.Engine
	Log     log.Spec
	Topic   string
	Archive string     // folder: a local path or scheme://…
	N       int64      // offsets per chunk; fixed by the folder's first job; 0: what it has, or chunkfolder.DefaultN
	Start   plan.Place // of partitions that the folder does not know yet
	Until   plan.Place
	// Progress is how often a line about the progress goes to standard error; 0: never.
	Progress time.Duration
	// Metrics is where the job says how it is; nil: nowhere.
	Metrics *metrics.Endpoint

	measured *jobmetrics.Job
}

func (j *Job) meter(tasks []archive.Task) *launch.Meter {
	if j.Progress == 0 && j.Metrics == nil {
		return nil
	}
	var total int64
	if !j.Until.Never() {
		for _, t := range tasks {
			total += t.To - t.From
		}
	}
	return &launch.Meter{Interval: j.Progress, Counted: j.measured.Counted, Counters: []launch.Counter{
		{Name: "archive/records", Label: "archived", Total: total}, {Name: "archive/files", Label: "files"},
	}}
}

// Run runs the job until its end or until ctx is cancelled, and returns what
// there was to do. A job with an end has then archived everything, or fails
// naming what is missing.
func (j *Job) Run(ctx context.Context) (_ []archive.Task, err error) {
	j.measured = jobmetrics.New(j.Metrics)
	defer func() { j.measured.Ended(err) }()
	if err := j.Runner.CheckEnd(j.Until.Never()); err != nil {
		return nil, err
	}
	spec, err := j.Log.Absolute()
	if err != nil {
		return nil, err
	}
	root, err := store.Absolute(j.Archive)
	if err != nil {
		return nil, err
	}
	l, err := log.Open(ctx, spec)
	if err != nil {
		return nil, err
	}
	defer l.Close() // only read from
	// Nothing is made for a topic that is not there, or cannot be archived.
	partitions, err := l.Partitions(ctx, j.Topic)
	if err != nil {
		return nil, err
	}
	for _, p := range partitions {
		if err := archive.CheckTopic(chunk.Partition{Topic: j.Topic, ID: p}); err != nil {
			return nil, err
		}
	}
	folder, err := archive.Create(ctx, root, j.N)
	if err != nil {
		return nil, err
	}
	tasks, err := archive.Plan(ctx, l, folder, j.Topic, j.Start, j.Until)
	if err != nil {
		return nil, err
	}
	var todo []archive.Task
	var problems []error
	for _, t := range tasks {
		if t.Follow && t.To != chunk.None && (j.Runner.Stopped || !j.Runner.Streams) {
			problems = append(problems, plan.NotReached(t.Partition, t.To))
		}
		if t.To == chunk.None || t.To > t.From {
			todo = append(todo, t)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	if len(todo) == 0 {
		slog.Info("nothing to do: the archive already holds everything up to the end", "topic", j.Topic, "archive", j.Archive)
		return tasks, nil
	}
	j.measured.Pipeline()
	j.measured.Runs()
	p, s := beam.NewPipelineWithRoot()
	archive.Write(s, archive.Config{Log: spec, Root: root, TickEvery: j.Runner.TickEvery}, todo)
	if err := j.Runner.Run(ctx, p, j.meter(todo)); err != nil {
		return nil, err
	}
	return tasks, archive.Verify(ctx, folder, tasks)
}
