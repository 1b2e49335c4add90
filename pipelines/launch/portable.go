package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/apache/beam/sdks/v2/go/container/tools"
	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime/graphx"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/util/hooks"
	jobpb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/jobmanagement_v1"
	pipepb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/pipeline_v1"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/universal/runnerlib"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// submission is a job on its way to a job server, and on it.
type submission struct {
	name   string
	client jobpb.JobServiceClient
	id     string
}

// jobServer is where a job is given to an engine.
type jobServer struct {
	client  jobpb.JobServiceClient
	at      string // for errors
	workers string // their kind, one of --environment_type
}

// submitTo is [submit] to the job server at an endpoint.
func submitTo(ctx context.Context, p *beam.Pipeline, endpoint string, options engineOptions) (s *submission, stop func(), err error) {
	conn, err := grpc.NewClient(endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, nil, fmt.Errorf("job server %s: %w", endpoint, err)
	}
	s, stopWorkers, err := submit(ctx, p, jobServer{jobpb.NewJobServiceClient(conn), endpoint, *jobopts.EnvironmentType}, options)
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	slog.Info("job submitted", "job", s.name, "id", s.id, "server", endpoint)
	return s, func() { stopWorkers(); conn.Close() }, nil
}

// noFile is what a job server gets as the workers' program: it wants a file, and workers
// are this program where it lies.
const noFile = os.DevNull

// How long it may take to prepare a job, and then to start it.
const (
	preparePatience = 2 * time.Minute
	startPatience   = 30 * time.Second
)

// submit gives the pipeline to a job server with the options. stop ends what the job
// needs here.
func submit(ctx context.Context, p *beam.Pipeline, to jobServer, options engineOptions) (s *submission, stop func(), err error) {
	env, stopWorkers, err := environment(context.WithoutCancel(ctx), to.workers, *workerPath)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if s == nil {
			stopWorkers()
		}
	}()
	edges, _, err := p.Build()
	if err != nil {
		return nil, nil, err
	}
	model, err := graphx.Marshal(edges, &graphx.Options{Environment: env, PipelineResourceHints: jobopts.GetPipelineResourceHints()})
	if err != nil {
		return nil, nil, err
	}
	if err := runnerlib.UpdateGoEnvironmentWorker(noFile, model); err != nil {
		return nil, nil, err
	}
	job := &submission{name: jobName(), client: to.client}
	preparing, done := context.WithTimeout(ctx, preparePatience)
	defer done()
	prepared, err := job.prepare(preparing, model, options)
	if err != nil {
		return nil, nil, unless(ctx, fmt.Errorf("job server %s: prepare job: %w", to.at, err))
	}
	token, err := runnerlib.Stage(preparing, prepared.GetPreparationId(), prepared.GetArtifactStagingEndpoint().GetUrl(),
		noFile, prepared.GetStagingSessionToken())
	if err != nil {
		return nil, nil, unless(ctx, fmt.Errorf("job server %s: stage files: %w", to.at, err))
	}
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	// Not to be interrupted: who does not hear the id of a job cannot cancel it.
	starting, done := context.WithTimeout(context.WithoutCancel(ctx), startPatience)
	defer done()
	if job.id, err = runnerlib.Submit(starting, to.client, prepared.GetPreparationId(), token); err != nil {
		return nil, nil, fmt.Errorf("job server %s: %w", to.at, err)
	}
	return job, stopWorkers, nil
}

// unless is the error, unless it comes of the context's end.
func unless(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func optionKey(name string) string { return "beam:option:" + name + ":v1" }

// mostAnswer is how many bytes of an answer are taken from a job server: why a job
// failed may be megabytes, since Beam puts what the engine and the worker said in one
// message.
const mostAnswer = 256 << 20

// streaming is the option that says whether a pipeline is unbounded.
const streaming = "streaming"

// unbounded reports whether the pipeline has a collection without an end. Flink's
// runner takes such a pipeline for a streaming one without being told. But only if
// told does it end bundles by their size and age: otherwise nothing but a checkpoint
// ends one, and each stage passes on its results once in a checkpoint interval.
func unbounded(model *pipepb.Pipeline) bool {
	for _, c := range model.GetComponents().GetPcollections() {
		if c.GetIsBounded() == pipepb.IsBounded_UNBOUNDED {
			return true
		}
	}
	return false
}

// jobName is --job_name, or one that says what runs since when. Job servers write 0
// for what is no lower-case letter or digit.
func jobName() string {
	if *jobopts.JobName != "" {
		return *jobopts.JobName
	}
	return fmt.Sprintf("framebeam%s%s", commandName, time.Now().UTC().Format("20060102t150405"))
}

// prepare tells the job server of the job. Beam's own runners send few options
// of an engine, so they are added here under the names that job servers know.
func (s *submission) prepare(ctx context.Context, model *pipepb.Pipeline, options engineOptions) (*jobpb.PrepareJobResponse, error) {
	hooks.SerializeHooksToOptions() // without them workers do not log to the engine
	beam.PipelineOptions.LoadOptionsFromFlags(nil)
	raw, err := json.Marshal(runtime.RawOptionsWrapper{
		Options:     beam.PipelineOptions.Export(),
		AppName:     s.name,
		Experiments: append(jobopts.GetExperiments(), "beam_fn_api"),
		Parallelism: *jobopts.Parallelism,
	})
	if err != nil {
		return nil, err
	}
	all := map[string]any{}
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, err
	}
	for name, value := range options {
		all[optionKey(name)] = value
	}
	all[optionKey(streaming)] = unbounded(model)
	pb, err := tools.OptionsToProto(all)
	if err != nil {
		return nil, err
	}
	return s.client.Prepare(ctx, &jobpb.PrepareJobRequest{Pipeline: model, PipelineOptions: pb, JobName: s.name})
}

// wait follows the job until it has ended.
func (s *submission) wait(ctx context.Context) error {
	stream, err := s.client.GetMessageStream(ctx, &jobpb.JobMessagesRequest{JobId: s.id}, grpc.MaxCallRecvMsgSize(mostAnswer))
	if err != nil {
		return unless(ctx, s.lost(err))
	}
	var last string // what the job server said of an error
	failed := false
	for {
		msg, err := stream.Recv()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, io.EOF) && failed:
			return fmt.Errorf("job %s failed: %s", s.name, last)
		case errors.Is(err, io.EOF):
			return s.lost(errors.New("the job server closed the connection"))
		case err != nil:
			return s.lost(err)
		}
		if m := msg.GetMessageResponse(); m != nil {
			if m.GetImportance() >= jobpb.JobMessage_JOB_MESSAGE_ERROR {
				last = m.GetMessageText()
				if failed {
					return fmt.Errorf("job %s failed: %s", s.name, last)
				}
			}
			continue
		}
		state := msg.GetStateResponse().GetState()
		slog.Info("job state", "job", s.name, "state", state.String())
		switch state {
		case jobpb.JobState_DONE:
			return nil
		case jobpb.JobState_CANCELLED:
			return fmt.Errorf("job %s: %w", s.name, ErrCancelled)
		case jobpb.JobState_FAILED:
			// Its reason is a message that may come before or after.
			if failed = true; last != "" {
				return fmt.Errorf("job %s failed: %s", s.name, last)
			}
		}
	}
}

func (s *submission) lost(err error) error {
	return fmt.Errorf("job %s: lost the job server, the job may go on: %w", s.name, err)
}

// over reports whether the job has ended, as far as the job server knows; so it has if
// the job server is gone.
func (s *submission) over(ctx context.Context) bool {
	state, err := s.client.GetState(ctx, &jobpb.GetJobStateRequest{JobId: s.id})
	if err != nil {
		return true
	}
	switch state.GetState() {
	case jobpb.JobState_DONE, jobpb.JobState_FAILED, jobpb.JobState_CANCELLED:
		return true
	}
	return false
}

// cancel asks the job server to cancel the job.
func (s *submission) cancel(ctx context.Context) error {
	_, err := s.client.Cancel(ctx, &jobpb.CancelJobRequest{JobId: s.id})
	return err
}

// metrics are the job's counters.
func (s *submission) metrics(ctx context.Context) (tally, error) {
	m, err := s.client.GetJobMetrics(ctx, &jobpb.GetJobMetricsRequest{JobId: s.id}, grpc.MaxCallRecvMsgSize(mostAnswer))
	if err != nil {
		return nil, err
	}
	sum := tally{}
	for _, info := range m.GetMetrics().GetCommitted() {
		add(sum, info)
	}
	if len(sum) == 0 { // an engine that only knows attempts
		for _, info := range m.GetMetrics().GetAttempted() {
			add(sum, info)
		}
	}
	return sum, nil
}
