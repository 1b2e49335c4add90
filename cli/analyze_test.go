package cli

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/broker/brokertest"
	"github.com/framebeam/framebeam/testdata/command"
	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/transforms/frame"
)

// pour appends records at the pace of 10 frames a second of each camera until stopped, and
// gives how many there are then.
func pour(t *testing.T, b *broker.Broker, recs []frame.Record, cameras int, stop <-chan struct{}) <-chan int {
	t.Helper()
	poured := make(chan int, 1)
	go func() {
		n := 0
		defer func() { poured <- n }()
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for n+cameras <= len(recs) {
			select {
			case <-stop:
				return
			case <-t.Context().Done(): // it has failed
				return
			case <-tick.C:
			}
			now := recs[n : n+cameras]
			for i := range now {
				now[i].Timestamp = time.Now().UnixMilli()
			}
			if _, err := b.Append(t.Context(), "frames", 0, now...); err != nil {
				t.Error(err)
				return
			}
			n += cameras
		}
		select {
		case <-stop:
		case <-t.Context().Done():
		}
	}()
	return poured
}

// logOf passes on what a process says.
type logOf struct{ t *testing.T }

func (l logOf) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// interrupt ends a process as Ctrl-C does.
func interrupt(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("interrupted: %v", err)
	}
}

// One camera of 10 frames a second, and all defaults: a chunk is full after 205 s.
func TestWhatALiveJobFindsIsSeenWithinSeconds(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "frames"}}})
	recs := film.Records(film.Config{Cameras: 1, Frames: 1500, Seed: 7})
	out := t.TempDir()
	analyze := command.New(t, "framebeam", "", "analyze", "--brokers="+strings.Join(b.Addrs(), ","), "--output="+out)
	analyze.Stderr = logOf{t}
	if err := analyze.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { analyze.Process.Kill() })
	stop := make(chan struct{})
	poured := pour(t, b, recs, 1, stop)
	deadline := time.Now().Add(90 * time.Second) // of a machine that does much else
	for {
		if _, err := os.Stat(filepath.Join(out, "_framebeam", "layout.json")); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("there is no output")
		}
		time.Sleep(50 * time.Millisecond)
	}

	// Events are said as they come, with those of the camera's beginning first.
	follow := command.New(t, "framebeam", "", "events", "--output="+out, "--follow", "--format=jsonl")
	said, err := follow.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := follow.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { follow.Process.Kill() })
	event := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(said).ReadString('\n')
		event <- line
		io.Copy(io.Discard, said)
	}()
	select {
	case line := <-event:
		if !strings.Contains(line, film.Camera(0)) {
			t.Errorf("the first event is %s", line)
		}
	case <-time.After(time.Until(deadline)):
		t.Fatal("no event is said")
	}
	interrupt(t, follow)
	show := func() int {
		t.Helper()
		got, err := command.New(t, "framebeam", "", "show", "--output="+out, "--format=jsonl").Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(got), "\n")
	}
	if show() == 0 {
		t.Error("an event was said, and no row is seen")
	}
	close(stop)
	n := <-poured
	for show() < n { // within some seconds
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d rows are seen", show(), n)
		}
	}
	interrupt(t, analyze)
	if got := show(); got != n {
		t.Errorf("%d of %d rows are seen after it", got, n)
	}
}
