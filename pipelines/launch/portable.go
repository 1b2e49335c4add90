package launch

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/apache/beam/sdks/v2/go/container/tools"
	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime/graphx"
	jobpb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/jobmanagement_v1"
	pipepb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/pipeline_v1"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/universal/runnerlib"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// Flags of the engines with a job server, beside Beam's own: --endpoint,
// --environment_type, --environment_config, --parallelism, --job_name.
var (
	optionsFile = flag.String("engine-options", "", "Beam options of a job on flink or spark, a YAML `file` (default: runner-configs/flink/job.yaml or spark/job.yaml, as built in)")
	workerPath  = flag.String("worker-path", "", "where the machines of flink or spark have this `program` (default: where it is here)")
)

// submission is a job on its way to a job server, and on it.
type submission struct {
	name   string
	client jobpb.JobServiceClient
	id     string
}

// submit gives the pipeline to the job server at the endpoint with the options.
// stop ends what the job needs here.
func submit(ctx context.Context, p *beam.Pipeline, endpoint string, options engineOptions) (s *submission, stop func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var stops []func()
	stop = func() {
		for _, f := range stops {
			f()
		}
	}
	defer func() {
		if err != nil {
			stop()
			stop = func() {}
		}
	}()

	env, stopEnv, err := environment(context.WithoutCancel(ctx), *workerPath)
	if err != nil {
		return nil, stop, err
	}
	stops = append(stops, stopEnv)
	edges, _, err := p.Build()
	if err != nil {
		return nil, stop, err
	}
	model, err := graphx.Marshal(edges, &graphx.Options{Environment: env, PipelineResourceHints: jobopts.GetPipelineResourceHints()})
	if err != nil {
		return nil, stop, err
	}
	// Workers are this program where it lies, but a job server wants a file.
	staged, err := os.CreateTemp("", "framebeam-staged-*")
	if err != nil {
		return nil, stop, err
	}
	staged.Close()
	defer os.Remove(staged.Name())
	if err := runnerlib.UpdateGoEnvironmentWorker(staged.Name(), model); err != nil {
		return nil, stop, err
	}

	conn, err := grpc.NewClient(endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(mostAnswer)))
	if err != nil {
		return nil, stop, fmt.Errorf("job server %s: %w", endpoint, err)
	}
	stops = append(stops, func() { conn.Close() })
	s = &submission{name: jobName(), client: jobpb.NewJobServiceClient(conn)}
	prepared, err := s.prepare(ctx, model, options)
	if err != nil {
		return nil, stop, fmt.Errorf("job server %s: prepare job: %w", endpoint, err)
	}
	token, err := runnerlib.Stage(ctx, prepared.GetPreparationId(), prepared.GetArtifactStagingEndpoint().GetUrl(), staged.Name(), prepared.GetStagingSessionToken())
	if err != nil {
		return nil, stop, fmt.Errorf("job server %s: stage files: %w", endpoint, err)
	}
	if s.id, err = runnerlib.Submit(ctx, s.client, prepared.GetPreparationId(), token); err != nil {
		return nil, stop, fmt.Errorf("job server %s: %w", endpoint, err)
	}
	slog.Info("job submitted", "job", s.name, "id", s.id, "server", endpoint)
	return s, stop, nil
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
	return fmt.Sprintf("framebeam%s%s", filepath.Base(os.Args[0]), time.Now().UTC().Format("20060102t150405"))
}

// prepare tells the job server of the job. Beam's own runners send few options
// of an engine, so they are added here under the names that job servers know.
func (s *submission) prepare(ctx context.Context, model *pipepb.Pipeline, options engineOptions) (*jobpb.PrepareJobResponse, error) {
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
	stream, err := s.client.GetMessageStream(ctx, &jobpb.JobMessagesRequest{JobId: s.id})
	if err != nil {
		return s.lost(err)
	}
	var last string // what the job server said of an error
	failed := false
	for {
		msg, err := stream.Recv()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == io.EOF && failed:
			return fmt.Errorf("job %s failed: %s", s.name, last)
		case err == io.EOF:
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
			return fmt.Errorf("job %s was cancelled", s.name)
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
	m, err := s.client.GetJobMetrics(ctx, &jobpb.GetJobMetricsRequest{JobId: s.id})
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
