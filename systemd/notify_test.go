package systemd

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/framebeam/framebeam/metrics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// manager is a service manager's socket.
func manager(t *testing.T, address string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	t.Setenv(socketVariable, address)
	t.Setenv(watchdogVariable, "")
	t.Setenv(processVariable, "")
	return c
}

// next is what is told next, line by line; nil if nothing is within d.
func next(t *testing.T, c *net.UnixConn, d time.Duration) []string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(d)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, err := c.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(b[:n]), "\n")
}

// until reads until a line is told.
func until(t *testing.T, c *net.UnixConn, line string) (before []string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		for _, l := range next(t, c, 20*time.Second) {
			if l == line {
				return before
			}
			before = append(before, l)
		}
	}
	t.Fatalf("%s is not told, but %q", line, before)
	return nil
}

func TestReadinessAndWatchdogFollowTheChecks(t *testing.T) {
	for _, address := range []string{filepath.Join(t.TempDir(), "notify"), "@framebeam-test-" + strconv.Itoa(os.Getpid())} {
		c := manager(t, address)
		t.Setenv(watchdogVariable, "50000") // 50 ms
		t.Setenv(processVariable, strconv.Itoa(os.Getpid()))
		e := metrics.New("test")
		say := e.Phase("work")
		var stuck atomic.Bool
		e.Alive("loop", func(context.Context) error {
			if stuck.Load() {
				return errors.New("it has not turned")
			}
			return nil
		})
		stop := Tell(e)
		if os.Getenv(socketVariable) != "" || os.Getenv(watchdogVariable) != "" {
			t.Error("children would have the socket")
		}
		if before := until(t, c, "WATCHDOG=1"); strings.Contains(strings.Join(before, " "), "READY") {
			t.Error("it says that it is ready, and is not")
		}
		say(nil)
		until(t, c, "READY=1")
		stuck.Store(true)
		until(t, c, "STATUS=loop: it has not turned")
		if told := next(t, c, 300*time.Millisecond); told != nil {
			t.Errorf("the watchdog is told of a loop that does not turn: %q", told)
		}
		stuck.Store(false)
		until(t, c, "STATUS=all is well")
		until(t, c, "WATCHDOG=1")
		stop()
		if before := until(t, c, "STOPPING=1"); strings.Contains(strings.Join(before, " "), "READY") {
			t.Error("it is ready twice")
		}
	}
}

func TestTheEndIsToldWhenItIsAskedFor(t *testing.T) {
	c := manager(t, filepath.Join(t.TempDir(), "notify"))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stop := Tell(metrics.New("test"))
	defer stop()
	until(t, c, "READY=1")
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil { // ours alone hears it
		t.Fatal(err)
	}
	until(t, c, "STOPPING=1")
	if ctx.Err() != nil {
		t.Fatal(ctx.Err())
	}
}

func TestNobodyIsToldWhoDoesNotWantTo(t *testing.T) {
	for _, address := range []string{"", "nonsense", "/no/where"} {
		t.Setenv(socketVariable, address)
		Tell(metrics.New("test"))()
	}
	c := manager(t, filepath.Join(t.TempDir(), "notify"))
	t.Setenv(watchdogVariable, "50000")
	t.Setenv(processVariable, "1") // of somebody else
	stop := Tell(metrics.New("test"))
	defer stop()
	until(t, c, "READY=1")
	if told := next(t, c, 300*time.Millisecond); told != nil && strings.Contains(strings.Join(told, " "), "WATCHDOG") {
		t.Error(told)
	}
}
