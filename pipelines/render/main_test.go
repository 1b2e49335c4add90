package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestBadCommandLinesSayEverythingAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it builds the command")
	}
	bin := filepath.Join(t.TempDir(), "render")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	for _, c := range []struct {
		args, says string
	}{
		{"--runner=abacus --images=some --camera=a/b more", `unexpected argument "more"|abacus|--output is missing|--archive or --brokers is missing|--images=some|--camera: camera "a/b"`},
		{"--output=out --archive=archive --brokers=localhost:9092", "--archive and --brokers are both given"},
		{"--output=out --brokers=localhost", `"localhost" is not host:port`},
	} {
		out, err := exec.Command(bin, strings.Fields(c.args)...).CombinedOutput()
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
