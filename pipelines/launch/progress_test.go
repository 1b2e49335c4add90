package launch

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestProgressIsSaidWhileThereIsSome(t *testing.T) {
	m := Meter{Counters: []Counter{{"a/read", "read"}, {"a/written", "written"}}}
	at := time.Unix(0, 0)
	var got []string
	for _, now := range []tally{
		{"a/read": 0}, {"a/read": 100, "a/written": 30, "a/other": 7}, {"a/read": 100, "a/written": 64},
		{"a/read": 100, "a/written": 64}, {"a/read": 100, "a/written": 64, "a/other": 8}, {"a/read": 150, "a/written": 64},
	} {
		got = append(got, m.line(now, at))
		at = at.Add(5 * time.Second)
	}
	want := []string{
		"read 0  written 0", "read 100  written 30  (20/s)", "read 100  written 64  (0/s)",
		"read 100  written 64  (0/s)", "", "read 150  written 64  (10/s)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
