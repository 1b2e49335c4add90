package launch

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	jobpb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/jobmanagement_v1"
	pipepb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/pipeline_v1"
	"google.golang.org/grpc"
)

// engine is a job server that takes every job and runs none.
type engine struct {
	jobpb.UnimplementedJobServiceServer
	jobpb.UnimplementedArtifactStagingServiceServer

	at       string              // its address
	end      jobpb.JobState_Enum // what it says next of a job that runs; if nothing, the job goes on
	stubborn bool                // it does not cancel jobs
	prepared *jobpb.PrepareJobRequest
	running  chan struct{} // closed when somebody waits for the job

	once sync.Once
}

// jobID is how it calls every job; Flink calls it a-root-1.
const jobID = "a-root-1_77d0"

func startEngine(t *testing.T) *engine {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{at: l.Addr().String(), running: make(chan struct{})}
	server := grpc.NewServer()
	jobpb.RegisterJobServiceServer(server, e)
	jobpb.RegisterArtifactStagingServiceServer(server, e)
	go server.Serve(l)
	t.Cleanup(server.Stop)
	return e
}

func (e *engine) Prepare(_ context.Context, r *jobpb.PrepareJobRequest) (*jobpb.PrepareJobResponse, error) {
	e.prepared = r
	return &jobpb.PrepareJobResponse{PreparationId: "1", StagingSessionToken: "2", ArtifactStagingEndpoint: &pipepb.ApiServiceDescriptor{Url: e.at}}, nil
}

func (e *engine) ReverseArtifactRetrievalService(s jobpb.ArtifactStagingService_ReverseArtifactRetrievalServiceServer) error {
	_, err := s.Recv()
	return err
}

func (e *engine) Run(context.Context, *jobpb.RunJobRequest) (*jobpb.RunJobResponse, error) {
	return &jobpb.RunJobResponse{JobId: jobID}, nil
}

func (e *engine) GetMessageStream(_ *jobpb.JobMessagesRequest, s jobpb.JobService_GetMessageStreamServer) error {
	say := func(state jobpb.JobState_Enum) error {
		return s.Send(&jobpb.JobMessagesResponse{Response: &jobpb.JobMessagesResponse_StateResponse{StateResponse: &jobpb.JobStateEvent{State: state}}})
	}
	if err := say(jobpb.JobState_RUNNING); err != nil {
		return err
	}
	e.once.Do(func() { close(e.running) })
	if e.end != jobpb.JobState_UNSPECIFIED {
		return say(e.end)
	}
	<-s.Context().Done()
	return nil
}

func (e *engine) GetState(context.Context, *jobpb.GetJobStateRequest) (*jobpb.JobStateEvent, error) {
	return &jobpb.JobStateEvent{State: jobpb.JobState_RUNNING}, nil
}

func (e *engine) Cancel(context.Context, *jobpb.CancelJobRequest) (*jobpb.CancelJobResponse, error) {
	if e.stubborn {
		return nil, errors.New("I would rather not")
	}
	return &jobpb.CancelJobResponse{State: jobpb.JobState_CANCELLED}, nil
}

// impulse is the smallest pipeline.
func impulse() *beam.Pipeline {
	p, s := beam.NewPipelineWithRoot()
	beam.Impulse(s)
	return p
}
