package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/framebeam/framebeam/testdata/command"
)

func TestMain(m *testing.M) {
	command.Become("render", main)
	os.Exit(m.Run())
}

func TestBadCommandLinesSayEverythingAtOnce(t *testing.T) {
	for _, c := range []struct {
		args, says string
	}{
		{"--runner=abacus --images=some --camera=a/b more", `unexpected argument "more"|abacus|--output is missing|--archive or --brokers is missing|--images=some|--camera: camera "a/b"`},
		{"--output=out --archive=archive --brokers=localhost:9092", "--archive and --brokers are both given"},
		{"--output=out --brokers=localhost", `"localhost" is not host:port`},
	} {
		out, err := command.New(t, "render", "", strings.Fields(c.args)...).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 {
			t.Errorf("%s: %v, want exit code 2\n%s", c.args, err, out)
		}
		for _, want := range strings.Split(c.says, "|") {
			if !strings.Contains(string(out), want) {
				t.Errorf("%s: nothing is said of %s:\n%s", c.args, want, out)
			}
		}
	}
}
