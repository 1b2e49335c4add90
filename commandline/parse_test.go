package commandline

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	if os.Getenv("COMMANDLINE_TEST") != "" {
		flag.CommandLine = flag.NewFlagSet("/somewhere/show", flag.ExitOnError)
		flag.String("output", "", "the output `folder`")
		ParseOrExit()
		os.Exit(7)
	}
	m.Run()
}

func TestHelpGoesToStandardOutputAndEndsWithZero(t *testing.T) {
	for _, c := range []struct {
		args           string
		code           int
		stdout, stderr string
	}{
		{"--help", 0, "Usage of show:\n  -output folder\n    \tthe output folder\n", ""},
		{"-h", 0, "Usage of show:\n  -output folder\n    \tthe output folder\n", ""},
		{"--outpit=x", 2, "", "flag provided but not defined: -outpit (see show --help)\n"},
		{"--output=x", 7, "", ""},
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], c.args)
		cmd.Env = append(os.Environ(), "COMMANDLINE_TEST=1")
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			if _, exited := errors.AsType[*exec.ExitError](err); !exited {
				t.Fatal(err)
			}
		}
		if code := cmd.ProcessState.ExitCode(); code != c.code || stdout.String() != c.stdout || stderr.String() != c.stderr {
			t.Errorf("%s: exit %d\n%s\n%s", c.args, code, &stdout, &stderr)
		}
	}
}

func TestACommandMayHaveItsOwnWords(t *testing.T) {
	f := flag.NewFlagSet("track", flag.ContinueOnError)
	f.Bool("fast", false, "")
	var help strings.Builder
	if err := Parse(f, []string{"-help"}, "usage: track file\n", &help); !errors.Is(err, flag.ErrHelp) || !strings.HasPrefix(help.String(), "usage: track file\n  -fast") {
		t.Errorf("%v\n%s", err, &help)
	}
}
