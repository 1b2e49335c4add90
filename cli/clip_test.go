package cli

import (
	"strings"
	"testing"

	"github.com/framebeam/framebeam/cli/program"
)

func TestWrongClipsNameEveryViolation(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"clip", "--save is missing; neither events nor a camera are named"},
		{"clip --event xyz --save a.mp4", `--event: "xyz" is no event's id; --output is missing`},
		{"clip --event abcd --type Motion --output out --save a.mp4", "--event names events, and so do the flags that choose some"},
		{"clip --camera gate --boxes --save a.mp4 --archive a", "--boxes: what was found is in an output"},
		{"clip --camera gate,yard --save a.mp4 --archive a --as webm", "--as=webm: not one of mp4, gif, images; --camera=gate,yard: not a camera id"},
		{"clip --camera gate --from 2024-05-01 --to 2024-05-02 --archive a --save a.mp4", "it is 24h0m0s, more than --longest=10m0s"},
		{"clip --camera gate --archive a --brokers b:1 --save a.mp4", "--archive and --brokers are both given"},
		{"clip --type A --before 8m --after 9m --output o --archive a --save a.mp4 --limit 0", "--limit=0: not 1 to 100000; --before and --after are 17m0s together"},
		{"still --archive a", "--camera is missing; --save is missing"},
		{"still --camera gate --at never --archive a --save a.bmp --boxes", "--at: \"never\" is no moment; --save=a.bmp: a still is a .jpg or a .png; --boxes"},
		{"still --camera gate --archive a --save gate", "--save=gate: a still is a .jpg or a .png"},
		{"picture", "0 events are named, not one; --save is missing; --output is missing"},
		{"picture zz --output o --archive a --zone Nowhere/Land --save p.jpg", "is no event's id; --zone"},
	} {
		args := strings.Fields(c.line)
		code, _, stderr := run(t, args...)
		if code != program.Usage {
			t.Errorf("%s: exit code %d, %s", c.line, code, stderr)
		}
		for _, want := range strings.Split(c.want, "; ") {
			if !strings.Contains(stderr, want) {
				t.Errorf("%s: no %q in\n%s", c.line, want, stderr)
			}
		}
	}
}

func TestToOfAClipMayBeItsFile(t *testing.T) {
	code, _, stderr := run(t, "clip", "--event", "abcd", "--output", t.TempDir(), "--archive", t.TempDir(), "--to", "clips")
	if code != program.Failed || strings.Contains(stderr, "--save") || !strings.Contains(stderr, "is no output") && !strings.Contains(stderr, "not exist") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
