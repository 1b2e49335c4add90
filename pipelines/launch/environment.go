package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime/graphx"
	pipepb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/pipeline_v1"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/universal/extworker"

	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/transforms/files/hdfsfs"
)

// Values of --environment_type, in any case.
const (
	process  = "process"  // workers are started by the engine as processes on its machines
	loopback = "loopback" // workers are this process: for trying out
	external = "external" // a worker pool at an address
	docker   = "docker"   // containers, started by the engine
)

// passedOn are the environment variables that workers started as processes get from
// whoever submits the job: they must reach the same HDFS as the same user. They travel in
// the clear, in the job's description, and engines show them. So none of them is a secret:
// they say where secrets lie.
var passedOn = hdfsfs.Variables

// oncePassedOn began the names of variables that all were passed on.
const oncePassedOn = "FRAMEBEAM_"

// CheckConnection says what is wrong with a Kafka connection file for a job on that
// engine, beside what is wrong anyway: workers elsewhere read it anew, each in its own
// environment.
func CheckConnection(e Engine, path string) error {
	if e.InProcess {
		return nil
	}
	return connect.CheckPasswordEnv(path, func(name string) string {
		if !strings.HasPrefix(name, oncePassedOn) && !slices.Contains(passedOn, name) {
			return ""
		}
		return fmt.Sprintf("%s: on %s no secret travels in a variable of this name: use password_file, or a variable of another name that is set in the workers' own environment", name, e.Name)
	})
}

// environment says how the engine gets workers. stop ends what was started here.
func environment(ctx context.Context, kind, worker string) (env *pipepb.Environment, stop func(), err error) {
	stop = func() {}
	kind, config := strings.ToLower(kind), *jobopts.EnvironmentConfig
	urn := graphx.URNEnvProcess
	switch kind {
	case "", process:
		if config == "" {
			if config, err = processConfig(worker); err != nil {
				return nil, stop, err
			}
		}
	case loopback:
		server, err := extworker.StartLoopback(ctx, 0)
		if err != nil {
			return nil, stop, fmt.Errorf("start the worker in this process: %w", err)
		}
		urn, config = graphx.URNEnvExternal, server.EnvironmentConfig(ctx)
		stop = func() { server.Stop(context.WithoutCancel(ctx)) }
	case external, docker:
		if config == "" {
			return nil, stop, fmt.Errorf("--environment_type=%s needs --environment_config: the address of a worker pool, or the name of an image", kind)
		}
		urn = graphx.URNEnvExternal
		if kind == docker {
			urn = graphx.URNEnvDocker
		}
	default:
		return nil, stop, fmt.Errorf("--environment_type=%s: not one of %s, %s, %s, %s", kind, process, loopback, external, docker)
	}
	env, err = graphx.CreateEnvironment(ctx, urn, func(context.Context) string { return config })
	return env, stop, err
}

// processConfig makes this program the command of the workers.
func processConfig(worker string) (string, error) {
	if worker == "" {
		var err error
		if worker, err = os.Executable(); err != nil {
			return "", fmt.Errorf("the workers' program: %w", err)
		}
		if strings.Contains(worker, "/go-build") {
			return "", errors.New("go run builds a program that workers on other machines, or after this command has ended, do not find: build it (make build) and run it, or say with --worker-path where the workers have it")
		}
	}
	env := map[string]string{}
	for _, name := range passedOn {
		if value, ok := os.LookupEnv(name); ok {
			env[name] = value
		}
	}
	b, err := json.Marshal(map[string]any{"command": worker, "env": env})
	return string(b), err
}
