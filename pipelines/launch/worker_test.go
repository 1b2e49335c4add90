package launch

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	fnpb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/fnexecution_v1"
	jobpb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/jobmanagement_v1"
	pipepb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/pipeline_v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"
)

// workerEnv makes the tests' program a worker that says one line again and again.
const workerEnv = "FRAMEBEAM_TEST_WORKER"

func beWorker() {
	go func() {
		for range time.Tick(20 * time.Millisecond) {
			slog.Warn("a pipe's program says", "pipe", "pipes/outlines", "line", "no such model")
		}
	}()
	Worker(os.Args[1:])
	os.Exit(0)
}

// harness is an engine's side of a worker.
type harness struct {
	fnpb.UnimplementedProvisionServiceServer
	fnpb.UnimplementedBeamFnControlServer
	fnpb.UnimplementedBeamFnLoggingServer

	at      string
	options *structpb.Struct
	logged  chan string
}

func (h *harness) GetProvisionInfo(context.Context, *fnpb.GetProvisionInfoRequest) (*fnpb.GetProvisionInfoResponse, error) {
	here := &pipepb.ApiServiceDescriptor{Url: h.at}
	return &fnpb.GetProvisionInfoResponse{Info: &fnpb.ProvisionInfo{PipelineOptions: h.options, LoggingEndpoint: here, ControlEndpoint: here}}, nil
}

func (h *harness) Control(s fnpb.BeamFnControl_ControlServer) error {
	<-s.Context().Done()
	return nil
}

func (h *harness) Logging(s fnpb.BeamFnLogging_LoggingServer) error {
	for {
		list, err := s.Recv()
		if err != nil {
			return err
		}
		for _, e := range list.GetLogEntries() {
			select {
			case h.logged <- fmt.Sprintf("%v %s", e.GetSeverity(), e.GetMessage()):
			case <-s.Context().Done():
				return nil
			}
		}
	}
}

func TestWhatAWorkerLogsReachesTheEngine(t *testing.T) {
	e := startEngine(t)
	e.end = jobpb.JobState_DONE
	setFlag(t, "endpoint", e.at)
	setFlag(t, "worker-path", "/opt/framebeam/bin/analyze")
	if err := Flink.Run(t.Context(), impulse(), nil); err != nil {
		t.Fatal(err)
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{at: l.Addr().String(), options: e.prepared.GetPipelineOptions(), logged: make(chan string)}
	server := grpc.NewServer()
	fnpb.RegisterProvisionServiceServer(server, h)
	fnpb.RegisterBeamFnControlServer(server, h)
	fnpb.RegisterBeamFnLoggingServer(server, h)
	go server.Serve(l)
	t.Cleanup(server.Stop)

	worker := exec.CommandContext(t.Context(), os.Args[0], "--id=1-1", "--provision_endpoint="+h.at)
	worker.Env = append(os.Environ(), workerEnv+"=1")
	var said strings.Builder
	worker.Stderr = &said
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	defer worker.Wait()
	defer worker.Process.Kill()
	timeout := time.After(time.Minute)
	for {
		select {
		case line := <-h.logged:
			if strings.Contains(line, "says") {
				if want := "WARN a pipe's program says pipe=pipes/outlines line=no such model"; line != want {
					t.Errorf("%q, want %q", line, want)
				}
				return
			}
		case <-timeout:
			worker.Process.Kill()
			worker.Wait()
			t.Fatalf("nothing comes; the worker says:\n%s", &said)
		}
	}
}
