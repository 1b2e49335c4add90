package launch

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/container/tools"
	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/util/hooks"
	beamlog "github.com/apache/beam/sdks/v2/go/pkg/beam/log"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/util/grpcx"
)

// An engine starts a worker by running this program with the flags of Beam's
// container contract (https://s.apache.org/beam-fn-api-container-contract).
// Beam's own boot program would fetch the worker's binary from the engine, copy
// it and start it as a child that outlives it; this one becomes the worker.
var (
	provisionEndpoint = flag.String(provisionFlag, "", "where a worker is told about its job (set by the engine)")
	_                 = flag.String("artifact_endpoint", "", "where a worker gets files (set by the engine, not used)")
)

// Worker does nothing, unless args, the arguments of this process, are those with which an
// engine starts a worker: then it runs the worker and does not return. Call it first in
// main: engines start this very program.
func Worker(args []string) {
	if !slices.ContainsFunc(args, func(a string) bool {
		return strings.HasPrefix(strings.TrimLeft(a, "-"), provisionFlag+"=") || a == "--"+provisionFlag
	}) {
		return
	}
	flag.CommandLine.Init("worker", flag.ContinueOnError)
	err := flag.CommandLine.Parse(args)
	if err == nil {
		err = become(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitFailed)
	}
	beam.Init()
	panic("a worker has returned")
}

// provisionFlag is the flag that every worker is started with.
const provisionFlag = "provision_endpoint"

// become sets the flags that make Beam's Init run a worker.
func become(ctx context.Context) error {
	id := flag.Lookup("id").Value.String()
	if id == "" {
		return errors.New("worker: no --id")
	}
	info, err := tools.ProvisionInfo(grpcx.WriteWorkerID(ctx, id), *provisionEndpoint)
	if err != nil {
		return fmt.Errorf("worker %s: %w", id, err)
	}
	options, err := tools.ProtoToJSON(info.GetPipelineOptions())
	if err != nil {
		return fmt.Errorf("worker %s: pipeline options: %w", id, err)
	}
	set := map[string]string{"worker": "true", "options": options}
	for name, url := range map[string]string{
		"logging_endpoint": info.GetLoggingEndpoint().GetUrl(),
		"control_endpoint": info.GetControlEndpoint().GetUrl(),
	} {
		if url != "" {
			set[name] = url
		}
	}
	for name, value := range set {
		if err := flag.Set(name, value); err != nil {
			return fmt.Errorf("worker %s: %w", id, err)
		}
	}
	if url := info.GetStatusEndpoint().GetUrl(); url != "" {
		os.Setenv("STATUS_ENDPOINT", url)
	}
	if c := info.GetRunnerCapabilities(); len(c) > 0 {
		os.Setenv("RUNNER_CAPABILITIES", strings.Join(c, " "))
	}
	go endWithParent()
	return nil
}

// parentCheck is how often a worker looks whether its engine is still there.
const parentCheck = 2 * time.Second

// endWithParent ends the process when the one that started it has gone: Beam's
// harness stays for ever when an engine closes its connection, and a machine
// would fill up with workers of engines that were killed.
func endWithParent() {
	parent := os.Getppid()
	for range time.Tick(parentCheck) {
		if os.Getppid() != parent {
			fmt.Fprintln(os.Stderr, "worker: the process that started it has gone")
			os.Exit(exitFailed)
		}
	}
}

// logHook is the name under which a job tells its workers to log to the engine. Beam's
// hooks begin when a worker has reached its engine; before, Beam replaces the logger.
const logHook = "framebeam_log"

func init() {
	hooks.RegisterHook(logHook, func([]string) hooks.Hook {
		return hooks.Hook{Init: func(ctx context.Context) (context.Context, error) {
			if *provisionEndpoint != "" { // else the worker is a part of the submitting process
				slog.SetDefault(slog.New(toEngine{}))
			}
			return ctx, nil
		}}
	})
	hooks.EnableHook(logHook)
}

// toEngine sends log lines of a worker to the engine's log, by Beam's.
type toEngine struct{ attrs string }

func (toEngine) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

func (h toEngine) Handle(ctx context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Message)
	b.WriteString(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&b, " %s", a)
		return true
	})
	sev := beamlog.SevInfo
	switch {
	case r.Level >= slog.LevelError:
		sev = beamlog.SevError
	case r.Level >= slog.LevelWarn:
		sev = beamlog.SevWarn
	}
	beamlog.Output(ctx, sev, 1, b.String())
	return nil
}

func (h toEngine) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		h.attrs += " " + a.String()
	}
	return h
}

func (h toEngine) WithGroup(string) slog.Handler { return h }
