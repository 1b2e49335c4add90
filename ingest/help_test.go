package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/kafka/broker"
)

func TestHelpIsPrintedWhereItWasAskedFor(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"--help"}, &stdout, &stderr); code != exitDone || stderr.Len() > 0 {
		t.Errorf("exit %d\n%s", code, &stderr)
	}
	for _, want := range []string{"cameras.yaml lists the cameras", "-connection file", "Exit codes: 0 "} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("%q is not in\n%s", want, &stdout)
		}
	}
}

func TestTheConfigurationInTheHelpIsRightAndComplete(t *testing.T) {
	_, example, _ := strings.Cut(help, "lists the cameras:\n")
	example, _, _ = strings.Cut(example, "\nA source is")
	env := func(string) (string, bool) { return "secret", true }
	cfg, err := config.Parse([]byte(example), config.Options{Getenv: env})
	if err != nil || len(cfg.Cameras) != 4 {
		t.Fatal(cfg, err)
	}
	// The error for an unknown field names those that are known.
	_, err = config.Parse([]byte("cameras: [{id: a, source: 0, unknown: 1}]"), config.Options{})
	_, known, _ := strings.Cut(err.Error(), "known: ")
	for _, field := range strings.Split(strings.TrimSuffix(known, ")"), ", ") {
		if !strings.Contains(example, field+": ") {
			t.Errorf("%s is not in the help", field)
		}
	}
}

func TestAWrongFlagIsNotBuriedInHelp(t *testing.T) {
	for arg, want := range map[string]string{
		"--colour":       "flag provided but not defined: -colour (see ingest --help)\n",
		"--progress=now": "invalid value \"now\" for flag -progress: parse error (see ingest --help)\n",
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), []string{arg}, &stdout, &stderr); code != exitUsage || stdout.Len() > 0 || stderr.String() != want {
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
	if got := <-code; got != exitDone || stdout.String() != "interrupted\n" || !strings.Contains(stderr.String(), addrs) {
		t.Errorf("exit %d\n%s%s", got, &stdout, &stderr.Buffer)
	}
}
