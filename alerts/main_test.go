package alerts

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/framebeam/framebeam/alerts/config"
	"github.com/framebeam/framebeam/testdata/command"
)

func TestMain(m *testing.M) {
	command.Become("alert", alertMain)
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"))
}

// alertMain is an engine as a process of its own: file, broker, topic, folder.
func alertMain() {
	cfg, err := config.Load(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	e := New(Options{
		Config: cfg, Brokers: []string{os.Args[2]}, Topic: os.Args[3], State: os.Args[4], From: Earliest,
		Say: func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) },
	})
	if err := e.Run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
