package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/kafka/broker"
)

func TestHelpIsPrintedWhereItWasAskedFor(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"--help"}, &stdout, &stderr); code != program.Done || stderr.Len() > 0 {
		t.Errorf("exit %d\n%s", code, &stderr)
	}
	for _, want := range []string{"cameras.yaml lists the cameras", "--connection file", "Exit codes: 0 "} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("%q is not in\n%s", want, &stdout)
		}
	}
}

func TestAWrongFlagIsNotBuriedInHelp(t *testing.T) {
	for arg, want := range map[string]string{
		"--colour":       "unknown flag: --colour (see ingest --help)\n",
		"-bufer=1":       "unknown flag: --bufer; did you mean \"--buffer\"? (see ingest --help)\n",
		"--progress=now": "invalid argument \"now\" for \"--progress\" flag: time: invalid duration \"now\" (see ingest --help)\n",
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), []string{arg}, &stdout, &stderr); code != program.Usage || stdout.Len() > 0 || stderr.String() != want {
			t.Errorf("exit %d\n%s%s", code, &stdout, &stderr)
		}
	}
}

// told is closed when something is written.
type told struct {
	bytes.Buffer
	c chan struct{}
}

func (w *told) Write(p []byte) (int, error) {
	if w.Len() == 0 {
		close(w.c)
	}
	return w.Buffer.Write(p)
}

func TestBrokersThatDoNotAnswerAreSaidAtOnceAndAnInterruptIsNoFailure(t *testing.T) {
	b, err := broker.Start(broker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	addrs := strings.Join(b.Addrs(), ",")
	b.Close()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var stdout bytes.Buffer
	stderr := &told{c: make(chan struct{})}
	code := make(chan int)
	go func() {
		code <- run(ctx, []string{"--config", write(t, "cameras.yaml", scene), "--brokers", addrs}, &stdout, stderr)
	}()
	select {
	case <-stderr.c:
	case <-time.After(20 * time.Second):
		t.Error("nothing is said")
	}
	interrupt()
	if got := <-code; got != program.Done || stdout.String() != "interrupted\n" || !strings.Contains(stderr.String(), addrs) {
		t.Errorf("exit %d\n%s%s", got, &stdout, &stderr.Buffer)
	}
}
