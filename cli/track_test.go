package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/eval/motchallenge"
	"github.com/framebeam/framebeam/pipelines/track/following"
	"github.com/framebeam/framebeam/transforms/vision/tracking"
)

// track runs the command with what is in its standard input.
func track(t *testing.T, stdin string, args ...string) (out, report string, err error) {
	t.Helper()
	c := newTrack()
	c.SetIn(strings.NewReader(stdin))
	var o, r bytes.Buffer
	if code := program.Run(t.Context(), c, args, &o, &r); code != program.Done {
		err = fmt.Errorf("exit code %d: %s", code, &r)
	}
	return o.String(), r.String(), err
}

// walk are the detections of two people who walk towards each other and pass, in
// frames from, from+1 and so on, and their truth. One is not found every seventh frame.
func walk(from, frames int) (found, truth string) {
	var d, g strings.Builder
	for i := range frames {
		f := from + i
		fmt.Fprintf(&g, "%d,1,%d,101,20,40,1,1,1\n%d,2,%d,121,20,40,1,1,1\n%d,3,1,1,9,9,0,1,1\n", f, 1+5*i, f, 301-5*i, f)
		fmt.Fprintf(&d, "%d,-1,%d,101,20,40,0.9,-1,-1,-1\n", f, 1+5*i)
		if i%7 != 6 {
			fmt.Fprintf(&d, "%d,-1,%d,121,20,40,0.8,-1,-1,-1\n", f, 301-5*i)
		}
	}
	return d.String(), g.String()
}

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.txt")
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestTrackFollowsDetections(t *testing.T) {
	found, truth := walk(1, 60)
	name := write(t, found)
	out, report, err := track(t, "", "--fps", "7", "--truth", write(t, truth), name)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := motchallenge.Read(strings.NewReader(out), motchallenge.Results, 0)
	if err != nil {
		t.Fatal(err)
	}
	boxes := map[int64]int{}
	for _, r := range rows {
		boxes[r.ID]++
	}
	// From the third frame on, where it was found.
	if d := cmp.Diff(map[int64]int{1: 58, 2: 50}, boxes); d != "" {
		t.Error(d)
	}
	if want := "MOTA 0.900  IDF1 0.947"; !strings.HasPrefix(report, want) || !strings.Contains(report, "switches 0") {
		t.Errorf("%q, want %q...", report, want)
	}
	again, _, err := track(t, found, "--fps=7", "-")
	if err != nil || again != out {
		t.Errorf("standard input gives another result than a file: %v", err)
	}
	with, _, err := track(t, found, "--fps=7", "--coast=250ms", "-")
	if n := strings.Count(with, "\n"); err != nil || n != len(rows)+8 {
		t.Errorf("with coasting there are %d boxes, without %d, %v", n, len(rows), err)
	}
}

func TestFramesWithoutDetectionsAreTime(t *testing.T) {
	a, _ := walk(1, 5)
	b, _ := walk(1<<29, 5)
	out, _, err := track(t, b+a, "--fps=10", "-")
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for line := range strings.Lines(out) {
		ids[strings.Split(line, ",")[1]] = true
	}
	if len(ids) != 4 {
		t.Errorf("%d tracks, want 4", len(ids))
	}
}

func TestTrackSaysWhatIsWrong(t *testing.T) {
	cases := []struct {
		name, stdin string
		args        []string
		want        []string
	}{
		{"everything missing", "", nil, []string{"0 files", "--fps=0"}},
		{"two files", "", []string{"--fps=1", "a", "b"}, []string{"2 files"}},
		{"the tracker's parameters", "", []string{"--fps=1", "--iou=0", "--low=2", "--patience=-1s", "--coast=-1s", "-"},
			[]string{"IoU 0", "low score 2 is above", "patience -1s", "--coast=-1s"}},
		{"no such file", "", []string{"--fps=1", "/no/such/file"}, []string{"no such file"}},
		{"both from standard input", "", []string{"--fps=1", "--truth=-", "-"}, []string{"both"}},
		{"wrong lines", "1,-1,1,1,1,1,1\nx\n1,-1,1,1,0,1,1\n", []string{"--fps=1", "-"}, []string{"line 2: 1 columns", "line 3: width"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			out, _, err := track(t, c.stdin, c.args...)
			for _, want := range c.want {
				if !strings.Contains(fmt.Sprint(err), want) {
					t.Errorf("nothing about %q in: %v", want, err)
				}
			}
			if out != "" {
				t.Errorf("it writes %q all the same", out)
			}
		})
	}
	_, report, err := track(t, "1,-1,1,1,9,9,0.2\n", "--fps=1", "-")
	if err != nil || !strings.Contains(report, "see --high") {
		t.Errorf("no hint that all scores are low: %q, %v", report, err)
	}
}

func TestTheFlagsAreAllOfTheTrackersParameters(t *testing.T) {
	var j following.Job
	f := pflag.NewFlagSet("track", pflag.ContinueOnError)
	trackFlags(f, &j)
	err := f.Parse([]string{"--fps=5", "--high=0.7", "--low=0.2", "--iou=0.21", "--low-iou=0.22", "--lost-iou=0.24", "--tentative-iou=0.23",
		"--min-hits=4", "--patience=3s", "--max-tracks=5", "--jitter=0.06", "--agility=2", "-"})
	if err != nil {
		t.Fatal(err)
	}
	want := tracking.Config{High: 0.7, Low: 0.2, IoU: 0.21, LowIoU: 0.22, LostIoU: 0.24, TentativeIoU: 0.23, MinHits: 4,
		Patience: 3e9, MaxTracks: 5, Jitter: 0.06, Agility: 2}
	if d := cmp.Diff(want, j.Tracker); d != "" {
		t.Error(d)
	}
}
