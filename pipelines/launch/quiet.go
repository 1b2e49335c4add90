package launch

import (
	"context"
	"log/slog"
	"os"
	"regexp"
	"runtime"
	"strings"

	beamlog "github.com/apache/beam/sdks/v2/go/pkg/beam/log"
)

// Quiet shows log lines from a level on. Above slog.LevelInfo the engine's own
// are left out: it reports one failure several times, each time with the whole
// stage, and Run returns it anyway.
func Quiet(level slog.Level) {
	var h slog.Handler = slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})
	if level > slog.LevelInfo {
		h = withoutEngine{h}
	}
	slog.SetDefault(slog.New(h))
	beamlog.SetLogger(beamLogger{level})
}

// withoutEngine drops what Beam's packages log.
type withoutEngine struct{ slog.Handler }

func (h withoutEngine) Handle(ctx context.Context, r slog.Record) error {
	if caller, _ := runtime.CallersFrames([]uintptr{r.PC}).Next(); strings.HasPrefix(caller.Function, "github.com/apache/beam/") {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func (h withoutEngine) WithAttrs(a []slog.Attr) slog.Handler {
	return withoutEngine{h.Handler.WithAttrs(a)}
}

func (h withoutEngine) WithGroup(name string) slog.Handler {
	return withoutEngine{h.Handler.WithGroup(name)}
}

// beamLogger sends the log lines of Beam's SDK to slog.
type beamLogger struct{ level slog.Level }

func (l beamLogger) Log(ctx context.Context, sev beamlog.Severity, _ int, msg string) {
	level := slog.LevelInfo
	switch {
	case sev >= beamlog.SevError:
		level = slog.LevelError
	case sev == beamlog.SevWarn:
		level = slog.LevelWarn
	case sev == beamlog.SevDebug:
		level = slog.LevelDebug
	}
	if level >= l.level && l.level <= slog.LevelInfo {
		slog.Log(ctx, level, strings.TrimSpace(msg))
	}
}

// failedIn is where an engine's report comes to the DoFn that failed; before it
// stands the stage with all its coders.
var failedIn = regexp.MustCompile(`DoFn\[UID:\d+, PID:\w+, Name: [^\]]*?([^/\]]+)\] failed:\n`)

// failure is a job's error as its reason and where it arose.
type failure struct {
	text string
	err  error
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.err }

// reason shortens an engine's report to what the DoFn said, if one failed.
func reason(err error) error {
	text := err.Error()
	all := failedIn.FindAllStringSubmatchIndex(text, -1)
	if len(all) == 0 {
		return err
	}
	last := all[len(all)-1]
	return &failure{text: text[last[2]:last[3]] + ": " + strings.TrimSpace(text[last[1]:]), err: err}
}
