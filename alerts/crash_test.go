package alerts

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/framebeam/framebeam/testdata/command"
)

// An engine is killed at every point of every message, again and again until all is told. The
// receiver drops the ids that it knows: then everything was told exactly once. On the wire a
// message comes twice only if the process died between its answer and the ledger's write.
func TestAKillAtAnyPointLosesNothingAndRepeatsOnlyWhatWasUnderWay(t *testing.T) {
	const events = 6
	for _, point := range []string{"alert-sending", "alert-sent", "alert-written"} {
		t.Run(point, func(t *testing.T) {
			b, r := cluster(t, 1), receive(t, nil)
			dir := t.TempDir()
			file := filepath.Join(dir, "alerts.yaml")
			// Two events of a camera come in its quiet time each, so that rules have something to
			// remember over a crash.
			if err := os.WriteFile(file, []byte(hooks(", quiet: 30s", r.URL)), 0o600); err != nil {
				t.Fatal(err)
			}
			var want []string
			for n := range events {
				publish(t, b, 0, event(3*n, "gate", 60*n), event(3*n+1, "gate", 60*n+10), event(3*n+2, "gate", 60*n+20), event(3*n, "gate", 60*n))
				want = append(want, ids(3*n)...)
			}
			kills := 0
			for n := 1; ; n = n%2 + 1 { // the first time, and the second
				cmd := command.New(t, "alert", fmt.Sprintf("%s:%d", point, n), file, b.Addrs()[0], "events", filepath.Join(dir, "state"))
				var said bytes.Buffer
				cmd.Stderr = &said
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				done := make(chan error, 1)
				go func() { done <- cmd.Wait() }()
				// All is told, with the summary of what is held back of the last.
				var err error
				eventually(t, "it is killed or all is told", func() bool {
					select {
					case err = <-done:
						return true
					default:
						return false
					}
				}, func() bool { return len(unique(r.got())) == events+1 })
				if err == nil {
					// It may be killed still, on its way back.
					_ = cmd.Process.Signal(syscall.SIGTERM)
					err = <-done
				}
				if err == nil || strings.Contains(err.Error(), "terminated") { // before it could listen to signals
					break
				}
				if !command.Killed(err) {
					t.Fatalf("%v: %s", err, &said)
				}
				if kills++; kills > 50 {
					t.Fatal("it comes no further: ", &said)
				}
			}
			got := r.got()
			once := unique(got)
			if !slices.Equal(once[:events], want) {
				t.Errorf("told: %v", once)
			}
			for i, text := range r.texts { // the first has nothing before it, and the summary no event
				if id := got[i]; id != want[0] && id != once[events] && !strings.Contains(text, "and 2 more") {
					t.Errorf("%q does not say what was held back", text)
				}
			}
			repeats := len(got) - len(once)
			t.Logf("%d kills, %d messages on the wire twice", kills, repeats)
			if kills < 3 || point == "alert-sent" && repeats == 0 || point != "alert-sent" && repeats > 0 {
				t.Errorf("%d kills, %d repeats on the wire", kills, repeats)
			}
		})
	}
}

// unique are the ids as a receiver has them that drops those that it knows.
func unique(all []string) []string {
	var once []string
	for _, id := range all {
		if !slices.Contains(once, id) {
			once = append(once, id)
		}
	}
	return once
}
