package capture

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/framebeam/framebeam/ingest/capture/report"
)

// startTimeout is how long a capturing process may take until it says that it is
// there: many may start at once, on a busy machine.
const startTimeout = 2 * time.Minute

// killPatience is how long a process that was killed may take to be gone before that
// is said: one that waits for a device or a network file system inside the kernel
// cannot be killed.
const killPatience = 5 * time.Second

// memoryCheck is how often a capturing process's memory is looked at.
const memoryCheck = 250 * time.Millisecond

// DefaultMaxMemory is the most resident memory of a capturing process, in bytes. A
// film of 4096x2160 takes less than half of it.
const DefaultMaxMemory = 2 << 30

// process is the collector's end of a capturing process.
type process struct {
	tasks   io.WriteCloser
	pipe    *os.File // of reports
	reports *report.Reader

	// kill ends the process, whatever it does, and waits until it is gone; not if it
	// cannot be killed and ctx is done.
	kill func(context.Context)
	// crashed says why its reports have ended, and kills it.
	crashed func(context.Context) error
}

// startProcess starts this program as a capturing process. What its libraries write
// is logged.
func startProcess(ctx context.Context, opts processOptions) (*process, error) {
	if os.Getenv(childEnv) != "" {
		return nil, errors.New("start a process that captures: this is one, which was to call capture.Child first in main")
	}
	in, tasks, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start a process that captures: %w", err)
	}
	defer in.Close()
	pipe, out, err := os.Pipe()
	if err != nil {
		tasks.Close()
		return nil, fmt.Errorf("start a process that captures: %w", err)
	}
	defer out.Close()
	errs, said, err := os.Pipe()
	if err != nil {
		tasks.Close()
		pipe.Close()
		return nil, fmt.Errorf("start a process that captures: %w", err)
	}
	defer said.Close()
	widen(pipe)

	// This very program, even if its file has been replaced by a newer one since.
	cmd := exec.Command("/proc/self/exe", "captures", opts.name) //nolint:gosec // the name is only shown
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), childEnv+"=1", "GOTRACEBACK=none")
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = in, said, said, []*os.File{out}
	if err := cmd.Start(); err != nil {
		tasks.Close()
		pipe.Close()
		errs.Close()
		return nil, fmt.Errorf("start a process that captures: %w", err)
	}

	opts.usage.begun(cmd.Process.Pid)
	c := &child{cmd: cmd, tasks: tasks, pipe: pipe, said: newLastWords(opts.log, opts.redact), gone: make(chan struct{})}
	var heard sync.WaitGroup
	heard.Go(func() {
		c.said.listen(errs)
		errs.Close()
	})
	go func() {
		// The words first: Wait is the end of everything.
		heard.Wait()
		c.err = cmd.Wait()
		opts.usage.end(cmd.ProcessState)
		close(c.gone)
	}()
	go c.watchMemory(opts.maxMemory)
	p := &process{tasks: tasks, pipe: pipe, reports: report.NewReader(pipe), kill: c.kill, crashed: c.crashed}
	switch err := p.within(ctx, startTimeout, p.reports.Begin); {
	case err == nil:
		return p, nil
	case ctx.Err() != nil:
		p.kill(ctx)
		return nil, ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, report.ErrCorrupt):
		p.kill(ctx)
		return nil, fmt.Errorf("a process that captures does not begin to (%w): does %s call capture.Child first in main?", err, os.Args[0])
	default:
		return nil, p.crashed(ctx)
	}
}

// processOptions are what a process depends on besides its tasks.
type processOptions struct {
	name      string // shown in lists of processes
	log       *slog.Logger
	redact    func(string) string
	maxMemory int64
	usage     *usage // told of the process
}

// widen makes room in a pipe for a whole frame, so that sender and receiver need not
// take turns within one. There may be a limit for a user's pipes: then it stays small.
func widen(pipe *os.File) {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return
	}
	const setPipeSize = 1031 // F_SETPIPE_SZ
	_ = raw.Control(func(fd uintptr) { syscall.Syscall(syscall.SYS_FCNTL, fd, setPipeSize, 256<<10) })
}

// within calls a function that reads reports. The error is os.ErrDeadlineExceeded
// after the timeout, and when ctx is done.
func (p *process) within(ctx context.Context, timeout time.Duration, read func() error) error {
	if err := p.pipe.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { p.pipe.SetReadDeadline(time.Unix(1, 0)) })()
	return read()
}

// child is a started process.
type child struct {
	cmd   *exec.Cmd
	tasks *os.File
	pipe  *os.File
	said  *lastWords

	gone chan struct{} // closed when it has ended and err is set
	err  error         // of its end

	mu     sync.Mutex
	reason string // why it was killed, if it was for something it did
}

func (c *child) kill(ctx context.Context) {
	c.cmd.Process.Kill() // an error is that it has ended
	c.tasks.Close()
	c.pipe.Close()
	timer := time.NewTimer(killPatience)
	defer timer.Stop()
	select {
	case <-c.gone:
		return
	case <-timer.C:
	}
	c.said.log.Error("a process that captures cannot be killed: it waits for something inside the kernel", "pid", c.cmd.Process.Pid)
	select {
	case <-c.gone:
	case <-ctx.Done():
	}
}

func (c *child) crashed(ctx context.Context) error {
	timer := time.NewTimer(killPatience)
	defer timer.Stop()
	select { // it may still be writing down how it dies
	case <-c.gone:
	case <-timer.C:
	}
	c.kill(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason != "" {
		return errors.New(c.reason)
	}
	words := []string{"capture crashed"}
	select {
	case <-c.gone:
		if c.err != nil {
			words = append(words, c.err.Error())
		}
	default:
	}
	return errors.New(strings.Join(append(words, c.said.words()...), ": "))
}

// watchMemory kills the process when it takes too much.
func (c *child) watchMemory(most int64) {
	ticker := time.NewTicker(memoryCheck)
	defer ticker.Stop()
	for {
		select {
		case <-c.gone:
			return
		case <-ticker.C:
		}
		if n := resident(c.cmd.Process.Pid); n > most {
			c.mu.Lock()
			c.reason = fmt.Sprintf("capture took more than %d MiB of memory", most>>20)
			c.mu.Unlock()
			c.cmd.Process.Kill()
			return
		}
	}
}

// resident is the memory that a process has, in bytes; 0 if that cannot be found out.
func resident(pid int) int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// lastWords logs what a process writes to its standard error and output, within
// bounds, and keeps what it wrote last.
type lastWords struct {
	log    *slog.Logger
	redact func(string) string

	mu    sync.Mutex
	last  []string
	dying bool
}

func newLastWords(log *slog.Logger, redact func(string) string) *lastWords {
	return &lastWords{log: log, redact: redact}
}

const (
	// maxLine is the most bytes of a line that are looked at.
	maxLine = 2 << 10
	// maxLines of a process are logged in linesWithin: FFmpeg complains of every
	// packet of a damaged film.
	maxLines    = 20
	linesWithin = 10 * time.Second
	// keptWords is how many lines a crash is explained with.
	keptWords = 3
)

// deathCries begin what a process writes when it crashes: the rest is for whoever
// knows its code, and not logged.
var deathCries = []string{"SIG", "fatal error:", "panic:", "terminate called", "what():", "runtime:"}

func (w *lastWords) listen(r io.Reader) {
	lines := bufio.NewReaderSize(r, maxLine)
	var since time.Time
	logged, left := 0, 0
	for {
		line, more, err := lines.ReadLine()
		text := w.redact(strings.TrimSpace(string(bytes.ToValidUTF8(line, []byte("?")))))
		for more && err == nil {
			_, more, err = lines.ReadLine()
		}
		if err != nil {
			return
		}
		if text == "" || !w.keep(text) {
			continue
		}
		if now := time.Now(); now.Sub(since) > linesWithin {
			if left > 0 {
				w.log.Info("and more, left out", "lines", left)
			}
			since, logged, left = now, 0, 0
		}
		if logged++; logged > maxLines {
			left++
			continue
		}
		w.log.Info("said while it was read", "text", text)
	}
}

// keep keeps a line; false if it need not be logged.
func (w *lastWords) keep(text string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	cries := slices.ContainsFunc(deathCries, func(cry string) bool { return strings.HasPrefix(text, cry) })
	switch {
	case cries && !w.dying:
		w.dying, w.last = true, nil
	case w.dying && (!cries || len(w.last) == keptWords):
		return false
	}
	if w.last = append(w.last, text); len(w.last) > keptWords {
		w.last = w.last[1:]
	}
	return !w.dying
}

func (w *lastWords) words() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}
