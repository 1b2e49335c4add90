package launch

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestProgressIsSaidWhileThereIsSome(t *testing.T) {
	m := Meter{Counters: []Counter{{Name: "a/read", Label: "read", Total: 150}, {Name: "a/written", Label: "written"}}}
	at := time.Unix(0, 0)
	var got []string
	for _, now := range []tally{
		{"a/read": 0}, {"a/read": 100, "a/written": 30, "a/other": 7}, {"a/read": 100, "a/written": 64},
		{"a/read": 100, "a/written": 64}, {"a/read": 100, "a/written": 64, "a/other": 8}, {"a/read": 150, "a/written": 64},
	} {
		line, _ := m.line(now, at, false)
		got = append(got, line)
		at = at.Add(5 * time.Second)
	}
	want := []string{
		"read 0  written 0", "read 100  written 30  (20/s, 3s left)", "read 100  written 64  (0/s, 5s left)",
		"read 100  written 64  (0/s, 8s left)", "", "read 150  written 64  (10/s)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOnATerminalTheLineStandsInPlace(t *testing.T) {
	m := Meter{Counters: []Counter{{Name: "a/pictures", Label: "pictures"}, {Name: "a/packs", Label: "packs", Total: 30}}}
	at := time.Unix(0, 0)
	var got []string
	for _, now := range []tally{
		{"a/pictures": 0}, {"a/pictures": 100}, {"a/pictures": 200, "a/packs": 10}, {"a/pictures": 200, "a/packs": 10},
		{"a/pictures": 200, "a/packs": 10}, {"a/pictures": 600, "a/packs": 31},
	} {
		line, _ := m.line(now, at, true)
		got = append(got, line)
		at = at.Add(5 * time.Second)
	}
	want := []string{
		"pictures 0  packs 0 of 30", "pictures 100  packs 0 of 30  (20/s)", "pictures 200  packs 10 of 30  (20/s, 20s left)",
		"pictures 200  packs 10 of 30  (0/s, 30s left)", "pictures 200  packs 10 of 30  (0/s, 40s left)",
		"pictures 600  packs 31 of 30  (80/s)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
