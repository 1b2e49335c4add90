package launch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/framebeam/framebeam/console"
)

func TestExitCodes(t *testing.T) {
	engine := fmt.Errorf("job job-001: %w", ErrCancelled)
	for _, c := range []struct {
		name        string
		endless     bool
		interrupted bool
		err         error
		code        int
		says        string
	}{
		{"work that is done", false, false, nil, exitDone, ""},
		{"work that failed", false, false, errors.New("no such topic"), exitFailed, "no such topic\n"},
		{"endless work that is interrupted", true, true, context.Canceled, exitDone, "interrupted; the next run goes on\n"},
		{"endless work that the engine says was cancelled", true, true, engine, exitDone, "interrupted; the next run goes on\n"},
		{"endless work that stops without a word", true, true, nil, exitDone, "interrupted; the next run goes on\n"},
		{"work with an end that is interrupted before it", false, true, fmt.Errorf("read: %w", context.Canceled), exitFailed, "interrupted; the next run goes on\n"},
		{"work that was done when it was interrupted", false, true, nil, exitDone, ""},
		{"work that failed when it was interrupted", true, true, errors.New("disk full"), exitFailed, "disk full\n"},
		{"an engine that cancels by itself", true, false, engine, exitFailed, engine.Error() + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			command := Command{Endless: c.endless, Again: "the next run goes on", Run: func(context.Context) error {
				if c.interrupted {
					interrupt()
				}
				return c.err
			}}
			var stderr bytes.Buffer
			if code := command.run(ctx, console.Open(&stderr, console.Options{})); code != c.code || stderr.String() != c.says {
				t.Errorf("exit %d, %q", code, &stderr)
			}
		})
	}
}
