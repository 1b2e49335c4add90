package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// FlinkREST returns the address of the JobManager's REST interface, http://127.0.0.1:PORT.
func (s *Stack) FlinkREST() string { return "http://" + local(s.ports.flinkREST) }

// FlinkJobServer returns the address of Beam's job server in front of Flink.
func (s *Stack) FlinkJobServer() string { return local(s.ports.flinkJobServer) }

func taskManagerName(i int) string { return fmt.Sprintf("taskmanager-%d", i+1) }

// Heaps of servers that hold no data.
const (
	jobManagerHeap = "512m"
	// jobServerHeap holds the jars that are staged with a job.
	jobServerHeap = "1g"
)

func (s *Stack) flinkServers() []*server {
	java := func(name, heap string, more ...string) []string {
		temp := s.path(name, "tmp")
		return slices.Concat(jvm(heap, "-Dframebeam.log=info", "-Djava.io.tmpdir="+temp,
			"-Dlog4j.configurationFile="+s.path("flink-conf", "log4j2.properties")), addOpens(), more)
	}
	dist := classpath(s.artifacts.path(flinkDist) + "/deps/lib/*")
	conf := []string{"--configDir", s.path("flink-conf")}
	prepare := func(name string) func(context.Context) error {
		return func(context.Context) error {
			if err := s.writeFlinkConf(); err != nil {
				return err
			}
			// What staged jars and workers an earlier process left there is of no use.
			temp := s.path(name, "tmp")
			if err := os.RemoveAll(temp); err != nil {
				return err
			}
			return os.MkdirAll(temp, 0o755)
		}
	}
	servers := []*server{{
		name:    "jobmanager",
		ports:   []port{{s.ports.flinkREST, "web and REST"}, {s.ports.flinkRPC, "rpc"}, {s.ports.flinkBlob, "blobs"}},
		prepare: prepare("jobmanager"),
		command: func() (string, []string, []string, error) {
			return javaCommand(java("jobmanager", jobManagerHeap), dist,
				[]string{"org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"}, conf,
				[]string{"-Dio.tmp.dirs=" + s.path("jobmanager", "tmp")})
		},
		// After a restart it is of use only when those that run have found it again.
		ready: func(ctx context.Context) error {
			if _, err := s.registeredTaskManagers(ctx); err != nil {
				return err
			}
			for i := range s.config.TaskManagers {
				if name := taskManagerName(i); s.Pid(name) != 0 {
					if err := s.taskManagerReady(ctx, name); err != nil {
						return fmt.Errorf("%s: %w", name, err)
					}
				}
			}
			return nil
		},
	}}
	for i := range s.config.TaskManagers {
		name := taskManagerName(i)
		servers = append(servers, &server{
			name:    name,
			prepare: prepare(name),
			command: func() (string, []string, []string, error) {
				heap, err := s.taskManagerHeap()
				if err != nil {
					return "", nil, nil, err
				}
				return javaCommand(java(name, heap), dist,
					[]string{"org.apache.flink.runtime.taskexecutor.TaskManagerRunner"}, conf,
					// A new process is a new TaskManager: the JobManager goes on waiting for the
					// heartbeat of the one that was killed.
					[]string{"-Dio.tmp.dirs=" + s.path(name, "tmp")})
			},
			ready: func(ctx context.Context) error { return s.taskManagerReady(ctx, name) },
		})
	}
	const jobServer = "flink-job-server"
	return append(servers, &server{
		name:    jobServer,
		ports:   []port{{s.ports.flinkJobServer, "jobs"}},
		prepare: prepare(jobServer),
		command: func() (string, []string, []string, error) {
			return javaCommand(java(jobServer, jobServerHeap, "-Dorg.slf4j.simpleLogger.defaultLogLevel=info"),
				classpath(s.artifacts.jars(flinkJobServerJars)),
				[]string{"org.apache.beam.runners.flink.FlinkJobServerDriver",
					"--flink-master=" + local(s.ports.flinkREST), "--flink-conf-dir=" + s.path("flink-conf")},
				s.jobServerArgs(jobServer, s.ports.flinkJobServer))
		},
		ready: func(ctx context.Context) error { return grpcAnswers(ctx, s.FlinkJobServer()) },
	})
}

// jobServerArgs are the arguments that both job servers take.
func (s *Stack) jobServerArgs(name string, port int) []string {
	return []string{
		"--job-host=127.0.0.1", "--job-port=" + strconv.Itoa(port),
		// The client learns the artifact port from the job server; Go has no expansion.
		"--artifact-port=0", "--expansion-port=-1",
		"--artifacts-dir=" + s.path(name, "tmp"),
	}
}

func (s *Stack) writeFlinkConf() error {
	for _, dir := range []string{"checkpoints", "savepoints"} {
		if err := os.MkdirAll(s.path("flink-"+dir), 0o755); err != nil {
			return err
		}
	}
	return writeFiles(s.path("flink-conf"), map[string]string{
		"config.yaml":       s.flinkConfig(),
		"log4j2.properties": preset("stack/log4j2.properties"),
	})
}

func (s *Stack) flinkConfig() string {
	return override(preset("flink/config.yaml"), yaml, merged(map[string]string{
		"jobmanager.rpc.address": "127.0.0.1",
		"jobmanager.rpc.port":    strconv.Itoa(s.ports.flinkRPC),
		"jobmanager.bind-host":   "127.0.0.1",
		"blob.server.port":       strconv.Itoa(s.ports.flinkBlob),
		"rest.address":           "127.0.0.1",
		"rest.port":              strconv.Itoa(s.ports.flinkREST),
		"rest.bind-address":      "127.0.0.1",
		"taskmanager.host":       "127.0.0.1",
		"taskmanager.bind-host":  "127.0.0.1",
		"state.checkpoints.dir":  "file://" + s.path("flink-checkpoints"),
		"state.savepoints.dir":   "file://" + s.path("flink-savepoints"),
		// A killed TaskManager is noticed after ten seconds.
		"heartbeat.interval":                    "2000",
		"heartbeat.timeout":                     "10000",
		"execution.checkpointing.interval":      "3s",
		"taskmanager.memory.task.heap.size":     "512m",
		"taskmanager.memory.managed.size":       "64m",
		"taskmanager.memory.network.min":        "64m",
		"taskmanager.memory.network.max":        "64m",
		"taskmanager.memory.task.off-heap.size": "128m",
	}, s.config.FlinkConfig))
}

// taskManagerHeap is the JVM's heap: what the configuration gives framework and tasks.
// Flink does not resize a JVM that runs.
func (s *Stack) taskManagerHeap() (string, error) {
	values := valuesOf(s.flinkConfig(), yaml)
	sum := 0
	for _, key := range []string{"taskmanager.memory.framework.heap.size", "taskmanager.memory.task.heap.size"} {
		digits, unit := values[key], 1
		if m, ok := strings.CutSuffix(digits, "m"); ok {
			digits = m
		} else if g, ok := strings.CutSuffix(digits, "g"); ok {
			digits, unit = g, 1024
		}
		n, err := strconv.Atoi(digits)
		if err != nil || digits == values[key] {
			return "", fmt.Errorf("%s: %q is not a size such as 512m or 1g", key, values[key])
		}
		sum += n * unit
	}
	return strconv.Itoa(sum) + "m", nil
}

// registeredTaskManagers asks the JobManager for the TaskManagers that have registered
// their slots: the ports of their actor systems.
func (s *Stack) registeredTaskManagers(ctx context.Context) ([]int, error) {
	var answer struct {
		TaskManagers []struct {
			Path  string `json:"path"` // pekko.tcp://flink@127.0.0.1:PORT/…
			Slots int    `json:"slotsNumber"`
		} `json:"taskmanagers"`
	}
	if err := getJSON(ctx, s.FlinkREST()+"/taskmanagers", &answer); err != nil {
		return nil, err
	}
	var registered []int
	for _, tm := range answer.TaskManagers {
		if tm.Slots == 0 {
			continue
		}
		_, address, _ := strings.Cut(tm.Path, "@")
		address, _, _ = strings.Cut(address, "/")
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, fmt.Errorf("path of a TaskManager %q: %w", tm.Path, err)
		}
		n, err := strconv.Atoi(port)
		if err != nil {
			return nil, fmt.Errorf("path of a TaskManager %q: %w", tm.Path, err)
		}
		registered = append(registered, n)
	}
	return registered, nil
}

// taskManagerReady says whether the process of that name has registered with its slots.
// A killed one stays registered until its heartbeat times out, so the port must be one
// that this process listens on.
func (s *Stack) taskManagerReady(ctx context.Context, name string) error {
	registered, err := s.registeredTaskManagers(ctx)
	if err != nil {
		return err
	}
	known, err := listensOnAny(s.Pid(name), registered)
	if err != nil {
		return err
	}
	if !known {
		return errors.New("the JobManager has not heard of it")
	}
	return nil
}

// grpcAnswers says whether a gRPC server answers, whatever it answers.
func grpcAnswers(ctx context.Context, address string) error {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if status.Code(err) == codes.Unimplemented {
		return nil // it has no health service, and said so
	}
	return err
}
