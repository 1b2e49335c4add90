package launch

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"runtime"
	"strings"

	beamlog "github.com/apache/beam/sdks/v2/go/pkg/beam/log"

	"github.com/framebeam/framebeam/console"
)

// Quiet shows log lines from a level on, on the console. Above slog.LevelInfo the engine's own
// are left out: it reports one failure several times, each time with the whole
// stage, and Run returns it anyway.
func Quiet(level slog.Level) {
	h := console.Default().Handler(level)
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
var failedIn = regexp.MustCompile(`DoFn\[UID:\d+, PID:[^,]+, Name: [^\]]*?([^/\]]+)\] failed:\n`)

// failure is a job's error as its reason and where it arose.
type failure struct {
	text string
	err  error
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.err }

// javaFrame begins what a JVM adds below an error: the calls, and the same error again.
var javaFrame = regexp.MustCompile(`\n\s*(at [\w.$]+\(|at java\.|at org\.|Caused by:)`)

// ownReason is what a DoFn or else the JVM said in a stack trace of a JVM.
func ownReason(trace string) string {
	if all := failedIn.FindAllStringSubmatchIndex(trace, -1); len(all) > 0 {
		trace = trace[all[0][2]:all[0][3]] + ": " + trace[all[0][1]:]
	}
	if at := javaFrame.FindStringIndex(trace); at != nil {
		trace = trace[:at[0]]
	}
	return strings.TrimSpace(trace)
}

// How much of a report is said, of its beginning and of its end: engines put whole
// records into theirs.
const mostHead, mostTail = 8 << 10, 2 << 10

// reason shortens an engine's report to what the DoFn said, if one failed, and
// leaves out a JVM's calls and the middle of what is long.
func reason(err error) error {
	text := err.Error()
	said := text
	if all := failedIn.FindAllStringSubmatchIndex(text, -1); len(all) > 0 {
		last := all[len(all)-1]
		said = text[last[2]:last[3]] + ": " + text[last[1]:]
	}
	if at := javaFrame.FindStringIndex(said); at != nil {
		said = said[:at[0]]
	}
	if over := len(said) - mostHead - mostTail; over > 0 {
		said = fmt.Sprintf("%s\n... %d bytes are left out ...\n%s", strings.ToValidUTF8(said[:mostHead], ""), over, strings.ToValidUTF8(said[len(said)-mostTail:], ""))
	}
	if said == text {
		return err
	}
	return &failure{text: strings.TrimSpace(said), err: err}
}
