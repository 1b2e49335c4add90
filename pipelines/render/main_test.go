package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/framebeam/framebeam/testdata/command"
	"github.com/framebeam/framebeam/transforms/picture"
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

func TestWhereThePicturesLieIsSaid(t *testing.T) {
	for _, c := range []struct {
		cameras []string
		done    picture.Rendered
		want    string
	}{
		{nil, picture.Rendered{Packs: 3, Pictures: 57}, "57 pictures in 3 files: 3 below out/images"},
		{nil, picture.Rendered{Packs: 3, Partial: 3, Pictures: 57}, "57 pictures in 3 files: 3 below out/_partial/images, of chunks that are not full yet"},
		{[]string{"gate"}, picture.Rendered{Packs: 3, Partial: 2, Pictures: 5}, "5 pictures in 3 files: 1 below out/images/camera=gate, 2 below out/_partial/images/camera=gate, of chunks that are not full yet"},
		{nil, picture.Rendered{Kept: 2}, "0 pictures in 0 files"},
	} {
		if got := told("out", c.cameras, c.done); got != c.want {
			t.Errorf("%s\nwant %s", got, c.want)
		}
	}
}
