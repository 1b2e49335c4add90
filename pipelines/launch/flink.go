package launch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	runnerconfigs "github.com/framebeam/framebeam/runner-configs"
	"github.com/framebeam/framebeam/transforms/files/output"
)

// Flink is reached by a Beam job server for it. Its pipelines stream, those of jobs with
// an end too: of a bounded collection its batch runner gives all that a slot reads in
// one bundle, in memory.
var Flink = Engine{
	Name:      "flink",
	TickEvery: 200 * time.Millisecond, // as often as the preset ends bundles
	Streams:   true,
	Stopped:   true,
	Uncut:     "jobs on Flink are not cut, they stream",
	endpoint:  "localhost:8099",
	preset:    runnerconfigs.FlinkJob,
	must:      flinkMust,
	run:       flink,
}

// flinkMust are the options without which jobs on Flink are not right.
var flinkMust = map[string]mustBe{
	"finish_bundle_before_checkpointing": {true, "with anything else a worker that dies costs every key one checkpoint interval of records"},
}

// errDone ends a job that has done everything.
var errDone = errors.New("the job has done everything")

// flink runs a pipeline until it ends or, unless done is nil, done says so.
func flink(ctx context.Context, e Engine, p *beam.Pipeline, m *Meter, done Done) error {
	options, err := e.options()
	if err != nil {
		return err
	}
	if done != nil {
		if err := reachable(ctx); err != nil {
			return err
		}
		// Cancelling is how such a job ends.
		options["retain_externalized_checkpoints_on_cancellation"] = false
	}
	if *savepoint != "" {
		options["savepoint_path"] = *savepoint
	}
	s, stop, err := submitTo(ctx, p, e.jobServer(), options)
	if err != nil {
		return err
	}
	defer stop()
	defer m.watch(ctx, flinkCounting(s))()
	running, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	defer tellRestarts(running, s, giveUp)()
	if done != nil {
		defer endWhen(running, s, done, giveUp)()
	}
	err = s.wait(running)
	if running.Err() != nil {
		why, dir := ctx.Err(), *savepointDir
		if why == nil {
			why, dir = context.Cause(running), "" // nothing could go on from its state
		}
		if why = endOnFlink(ctx, s, dir, why); why == errDone { //nolint:errorlint // bare: of a job that could not be cancelled it is only a part
			return nil
		}
		return why
	}
	if err != nil {
		if done != nil { // nobody is left to end it
			return endOnFlink(ctx, s, "", err)
		}
		return err
	}
	m.ask(ctx, s.metrics)
	return nil
}

// reachable makes sure, before a job is submitted that only its REST interface can end,
// that Flink's answers.
func reachable(ctx context.Context) error {
	if *flinkREST == "" {
		return errors.New("--flink-rest is empty: a job with an end is stopped there")
	}
	c := flinkCluster{strings.TrimRight(*flinkREST, "/")}
	if _, err := c.find(ctx, ""); err != nil {
		return fmt.Errorf("a job with an end is stopped at --flink-rest: %w", err)
	}
	return nil
}

// endOnFlink cancels a job and returns why, or a [NotCancelled].
func endOnFlink(ctx context.Context, s *submission, dir string, why error) error {
	after, stop := context.WithTimeout(context.WithoutCancel(ctx), 2*cancelPatience)
	defer stop()
	id, err := cancelFlink(after, s, dir)
	if err == nil {
		return why
	}
	byHand := "on Flink's page"
	switch rest := strings.TrimRight(*flinkREST, "/"); {
	case id != "":
		byHand = fmt.Sprintf("curl -X PATCH '%s/jobs/%s?mode=cancel'", rest, id)
	case rest != "":
		byHand = "on Flink's page, at " + rest + " unless --flink-rest is wrong"
	}
	return &NotCancelled{s.name, s.id, why, err, byHand}
}

// cancelFlink cancels the job where it runs: the job server says CANCELLED while
// the job on the cluster goes on. It ends with a savepoint in dir, unless that is "".
// It returns Flink's id of the job, "" if that is not known.
func cancelFlink(ctx context.Context, s *submission, dir string) (id string, err error) {
	if *flinkREST == "" {
		slog.Warn("the job is cancelled at the job server alone, since --flink-rest is empty: on a cluster it may go on", "job", s.name)
		return "", s.cancel(ctx)
	}
	c := flinkCluster{strings.TrimRight(*flinkREST, "/")}
	if id, err = c.arrived(ctx, s); err != nil {
		return id, err
	}
	if id != "" {
		if dir != "" {
			path, err := c.savepoint(ctx, id, dir)
			if err == nil {
				slog.Warn("job ended with a savepoint", "job", s.name, "resume", "--savepoint="+path)
				return id, c.awaitEnd(ctx, id)
			}
			slog.Error("the job is cancelled without a savepoint; the next one goes on where the output ends", "job", s.name, "error", err)
		}
		if err := c.cancel(ctx, id); err != nil {
			return id, err
		}
	}
	// The job server ends what it holds of the job.
	if err := s.cancel(ctx); err != nil && id == "" {
		return "", err
	}
	return id, nil
}

// hopeless are errors of workers that are the same after every restart, by their
// texts: that is how they come back from an engine.
var hopeless = []error{
	output.ErrSuperseded, output.ErrPromiseBroken, output.ErrRowsLost, output.ErrOtherGeneration,
}

func isHopeless(why string) bool {
	return slices.ContainsFunc(hopeless, func(err error) bool { return strings.Contains(why, err.Error()) })
}

// doneLook is how often it is asked whether a job has done everything.
const doneLook = time.Second

// endWhen gives up a job with errDone when done says so, until the returned function is
// called.
func endWhen(ctx context.Context, s *submission, done Done, giveUp context.CancelCauseFunc) (stop func()) {
	return inBackground(ctx, func(ctx context.Context) {
		tick := time.NewTicker(doneLook)
		defer tick.Stop()
		told := ""
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			is, err := done(ctx)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil && err.Error() != told:
				told = err.Error()
				slog.Warn("cannot tell whether the job has done everything; looking again", "job", s.name, "error", err)
			case err == nil && is:
				giveUp(errDone)
				return
			}
		}
	})
}

// inBackground does something until it is done or the returned function is called, which
// waits for it.
func inBackground(ctx context.Context, do func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		do(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// tellRestarts logs why Flink restarts the job, until the returned function is
// called: a job that fails again and again looks alive otherwise. If no restart can
// help, it gives up.
func tellRestarts(ctx context.Context, s *submission, giveUp context.CancelCauseFunc) (stop func()) {
	if *flinkREST == "" {
		return func() {}
	}
	return inBackground(ctx, func(ctx context.Context) {
		c := flinkCluster{strings.TrimRight(*flinkREST, "/")}
		tick := time.NewTicker(restartLook)
		defer tick.Stop()
		var id string
		var told int64
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if id == "" {
				id, _ = c.find(ctx, s.id) // not there yet, or REST is away: ask again
				continue
			}
			if why, at, err := c.failure(ctx, id); err == nil && at > told {
				told = at
				if isHopeless(why) {
					giveUp(fmt.Errorf("job %s is ended, a restart would change nothing: %s", s.name, why))
					return
				}
				slog.Warn("Flink restarts the job", "job", s.name, "because", why)
			}
		}
	})
}

// restartLook is how often a job's failures are looked for.
const restartLook = 2 * time.Second
