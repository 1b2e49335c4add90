package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
)

func TestABacktestEndsWithWhatItFound(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if text != "" {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	line := func(x string) string {
		return "motion: false\nbackground: {warm_up: 1s}\ntracking: {show_tentative: true}\nlines: {middle: {points: [[" + x + ", 0], [" + x + ", 1]]}}\n"
	}
	old, moved, deeper := file("old.yaml", line("0.5")), file("moved.yaml", line("0.4")), file("deeper.yaml", line("0.5")+"histogram: true\n")
	b := trial.Start(t, film.Records(film.Config{Cameras: 2, Frames: 60, Seed: 5}))
	out := file("out", "")
	if code, _, stderr := run(t, "analyze", "--brokers", b.Addrs()[0], "--output", out, "--config", old, "--until", "now", "--chunk", "32"); code != program.Done {
		t.Fatal(code, stderr)
	}
	html, markdown, parquet := file("r.html", ""), file("s.md", ""), file("d.parquet", "")
	for _, c := range []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string // are in it
	}{
		{"no differences", []string{"--output", out, "--config", old}, program.Done, "Exact", ""},
		{"differences", []string{"--output", out, "--config", moved, "--report", html, "--markdown", markdown, "--parquet", parquet, "--brokers", b.Addrs()[0]},
			program.Differs, "lines/middle", ""},
		{"frames are needed", []string{"--output", out, "--config", deeper}, program.Usage, "",
			"deeper.yaml: results are not enough for histogram (the output has no results of it) of cam-00, cam-01: say with --archive or --brokers where the frames are"},
		{"frames are there", []string{"--output", out, "--config", deeper, "--brokers", b.Addrs()[0]}, program.Done, "Exact", ""},
		{"two configurations", []string{"--config", moved, "--against", old, "--output", out}, program.Differs, "lines/middle", ""},
		{"one output with itself", []string{"--output", out, "--against-output", out}, program.Done, "Exact", ""},
		{"everything is wrong", []string{"--against-output", out, "--config", moved, "--camera", "[", "--warm-up", "-1s", "--report", dir + "/no/r.html", "--from", "nonsense"},
			program.Usage, "", "--against-output is another output"},
		{"nothing to compare with", []string{"--config", moved}, program.Usage, "", "with what is --config to be compared?"},
		{"no frames at all", []string{"--config", moved, "--against", old}, program.Usage, "", "two configurations are compared over frames"},
		{"both logs", []string{"--output", out, "--config", moved, "--archive", dir, "--brokers", "x:1"}, program.Usage, "", "--archive and --brokers both say"},
		{"an output that is none", []string{"--output", dir, "--config", moved}, program.Failed, "", "no output folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := run(t, append([]string{"backtest", "--quiet"}, c.args...)...)
			if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
				t.Errorf("exit code %d\n%s\n%s", code, stdout, stderr)
			}
			if c.name == "everything is wrong" && strings.Count(stderr, "\n") != 5 {
				t.Errorf("violations:\n%s", stderr)
			}
		})
	}
	for name, has := range map[string]string{html: "data:image/jpeg;base64,", markdown: "lines/middle", parquet: "PAR1"} {
		b, err := os.ReadFile(name)
		if err != nil || !strings.Contains(string(b), has) {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
}
