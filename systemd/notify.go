// Package systemd tells the service manager how a process is (sd_notify(3)): that it is ready
// when /readyz says so, that it lives as long as /healthz says so, and that it ends. Without a
// service manager that wants to know it does nothing.
package systemd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/framebeam/framebeam/metrics"
)

// readyEvery is how often it is asked whether the process is ready, until it is.
const readyEvery = 250 * time.Millisecond

// statusEvery is how often it is said what is not well, where there is no watchdog.
const statusEvery = 10 * time.Second

// variables by which a service manager says what it wants to be told, and where. Children
// must not have them: it would take what they say for ours.
const (
	socketVariable   = "NOTIFY_SOCKET"
	watchdogVariable = "WATCHDOG_USEC"
	processVariable  = "WATCHDOG_PID"
)

// Tell begins to tell how the endpoint is; the returned function ends that. A watchdog is told
// a little more often than twice in its time, and not at all while a check of /healthz fails: then the
// manager starts the process again. That the process ends is told at once when it is asked to.
func Tell(e *metrics.Endpoint) (stop func()) {
	path, watchdog := wanted(os.Getpid())
	for _, name := range []string{socketVariable, watchdogVariable, processVariable} {
		_ = os.Unsetenv(name) // fails for no name that is one
	}
	if path == "" {
		return func() {}
	}
	conn, err := dial(path)
	if err != nil {
		slog.Warn("the service manager cannot be told how this process is", "reason", err)
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	t := &teller{conn: conn, endpoint: e, watchdog: watchdog}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		defer close(done)
		t.run(ctx, signals)
	}()
	return func() {
		cancel()
		<-done
		signal.Stop(signals)
		t.stopping()
		conn.Close()
	}
}

// wanted is the address to tell, "" if none, and the watchdog's time, 0 without one.
func wanted(pid int) (path string, watchdog time.Duration) {
	path = os.Getenv(socketVariable)
	if of := os.Getenv(processVariable); of != "" && of != strconv.Itoa(pid) {
		return path, 0
	}
	usec, err := strconv.ParseInt(os.Getenv(watchdogVariable), 10, 64)
	if err != nil || usec <= 0 {
		return path, 0
	}
	return path, time.Duration(usec) * time.Microsecond
}

func dial(path string) (*net.UnixConn, error) {
	if !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "@") {
		return nil, errors.New(socketVariable + " names no socket of this machine")
	}
	// A leading @ is an abstract socket to package net too.
	return net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
}

type teller struct {
	conn     *net.UnixConn
	endpoint *metrics.Endpoint
	watchdog time.Duration
	ready    bool
	ending   bool
	status   string
}

func (t *teller) run(ctx context.Context, signals chan os.Signal) {
	every := statusEvery
	if t.watchdog > 0 {
		every = t.watchdog * 2 / 5
	}
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			signal.Stop(signals) // a second one ends the process, as it would without us
			t.stopping()
		case <-next.C:
			t.look(ctx)
			if next.Reset(every); !t.ready {
				next.Reset(min(readyEvery, every))
			}
		}
	}
}

// look asks how the process is, and tells.
func (t *teller) look(ctx context.Context) {
	lives := t.endpoint.Healthz(ctx)
	is := t.endpoint.Readyz(ctx)
	if ctx.Err() != nil {
		return
	}
	var say []string
	if is.OK && !t.ready && !t.ending {
		t.ready = true
		say = append(say, "READY=1")
	}
	if t.watchdog > 0 && lives.OK {
		say = append(say, "WATCHDOG=1")
	}
	if status := text(is); status != t.status {
		t.status = status
		say = append(say, "STATUS="+status)
	}
	t.tell(say...)
}

// text is what is not well, in a line.
func text(h metrics.Health) string {
	for _, c := range h.Checks {
		if !c.OK {
			return strings.Join(strings.Fields(fmt.Sprintf("%s: %s", c.Name, c.Reason)), " ")
		}
	}
	return "all is well"
}

// stopping tells that the process ends; once.
func (t *teller) stopping() {
	if !t.ending {
		t.ending = true
		t.tell("STOPPING=1")
	}
}

// maxTold bounds a datagram.
const maxTold = 2 << 10

func (t *teller) tell(lines ...string) {
	if len(lines) == 0 {
		return
	}
	msg := strings.Join(lines, "\n")
	if len(msg) > maxTold {
		msg = strings.ToValidUTF8(msg[:maxTold], "")
	}
	// A manager that does not listen now will see what is told next.
	_ = t.conn.SetWriteDeadline(time.Now().Add(time.Second))
	if _, err := t.conn.Write([]byte(msg)); err != nil {
		slog.Debug("the service manager is not told", "reason", err)
	}
}
