package pipe

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// grace is what a program gets to end by itself once its input has ended.
const grace = 2 * time.Second

// environment is what a program always has of ours.
var environment = []string{"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"}

// process is a program that runs, in a process group of its own.
type process struct {
	cmd     *exec.Cmd
	in, out *os.File // our ends
	err     *os.File
	answers *bufio.Reader
	logged  chan struct{} // closed when nothing more comes from err
	last    string        // its last line, once logged is closed
	number  int64
}

// startFailed is that a program cannot be started at all: nobody's frame is at fault.
type startFailed struct{ error }

func (e startFailed) Unwrap() error { return e.error }

// start starts a program and waits until it is ready.
func start(s *Spec, log *logger) (*process, error) {
	p := &process{logged: make(chan struct{})}
	p.cmd = exec.Command(s.Command[0], s.Command[1:]...) //nolint:gosec // what a pipe is for: see docs/pipe.md
	p.cmd.Env = s.environ()
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var theirs []*os.File
	ours := func(reads bool) (*os.File, *os.File, error) {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, nil, err
		}
		if reads {
			theirs = append(theirs, w)
			return r, w, nil
		}
		theirs = append(theirs, r)
		return w, r, nil
	}
	var errs [4]error
	var stdin, stdout, stderr *os.File
	p.in, stdin, errs[0] = ours(false)
	p.out, stdout, errs[1] = ours(true)
	p.err, stderr, errs[2] = ours(true)
	if errors.Join(errs[:]...) == nil {
		p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = stdin, stdout, stderr
		errs[3] = p.cmd.Start()
	}
	for _, f := range theirs {
		f.Close()
	}
	if err := errors.Join(errs[:]...); err != nil {
		for _, f := range []*os.File{p.in, p.out, p.err} {
			f.Close() // of nil only says so
		}
		return nil, startFailed{fmt.Errorf("start %s: %w", s.Command[0], err)}
	}
	p.answers = bufio.NewReader(p.out)
	go func() {
		defer close(p.logged)
		p.last = log.follow(p.err)
	}()
	line, err := p.line(time.Now().Add(s.StartLimit))
	if err == nil {
		err = parseReady(line)
	}
	if err != nil {
		return nil, fmt.Errorf("not ready: %w", p.fail(because(err, s.StartLimit)))
	}
	return p, nil
}

// environ is the program's environment.
func (s *Spec) environ() []string {
	env := []string{} // not nil: nil would be all of ours
	for _, name := range append(environment[:len(environment):len(environment)], s.Inherit...) {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	for name, v := range s.Env { // exec drops repeats; the last counts
		env = append(env, name+"="+v)
	}
	return env
}

// ask puts one question and reads the answer. After an error the process is of no use.
func (p *process) ask(q *Question, limit time.Duration) (*Answer, error) {
	until := time.Now().Add(limit)
	p.number++
	head, err := q.header(p.number)
	if err != nil {
		return nil, err
	}
	if err := p.in.SetWriteDeadline(until); err != nil {
		return nil, fmt.Errorf("set a time limit: %w", err)
	}
	for _, b := range [][]byte{head, q.Data} {
		if _, err := p.in.Write(b); err != nil {
			return nil, because(err, limit)
		}
	}
	line, err := p.line(until)
	if err != nil {
		return nil, because(err, limit)
	}
	return parseAnswer(line, p.number)
}

// line reads one line of the program's output.
func (p *process) line(until time.Time) ([]byte, error) {
	if err := p.out.SetReadDeadline(until); err != nil {
		return nil, fmt.Errorf("set a time limit: %w", err)
	}
	var line []byte
	for {
		b, err := p.answers.ReadSlice('\n')
		line = append(line, b...)
		switch {
		case len(line) > MaxAnswer:
			return nil, fmt.Errorf("wrong answer: its line is longer than %d bytes", MaxAnswer)
		case err == nil:
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// because says in words what went wrong between us and the program.
func because(err error, limit time.Duration) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("it took longer than %v", limit)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.EPIPE):
		return errEnded
	}
	return err
}

// errEnded is that a program takes no question or gives no answer any more.
var errEnded = errors.New("it ended")

// settle is how long it may take from the end of a program's output to its own.
const settle = 300 * time.Millisecond

// fail stops a program after an error, and adds to that how the program had ended before
// and what it said last.
func (p *process) fail(err error) error {
	ended := p.ended(0)
	if !ended && errors.Is(err, errEnded) {
		ended = p.ended(settle)
	}
	p.stop(0)
	if how := p.cmd.ProcessState; ended && errors.Is(err, errEnded) {
		err = fmt.Errorf("%w: %v", err, how)
	} else if ended {
		err = fmt.Errorf("%w, and ended: %v", err, how)
	}
	if p.last != "" {
		err = fmt.Errorf("%w; the last that it said: %s", err, p.last)
	}
	return err
}

// ended reports whether the program ends by itself in this time. It is not waited for
// yet, so its exit status stays to be had.
func (p *process) ended(within time.Duration) bool {
	for until := time.Now().Add(within); ; time.Sleep(5 * time.Millisecond) {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, p.cmd.Process.Pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if err == nil && info.Signo != 0 {
			return true
		}
		if !time.Now().Before(until) {
			return false
		}
	}
}

// stop ends the program and all of its process group, and waits for that. With
// patience it may end by itself first, now that its input ends.
func (p *process) stop(patience time.Duration) {
	p.in.Close()
	if patience > 0 && p.out.SetReadDeadline(time.Now().Add(patience)) == nil {
		io.Copy(io.Discard, p.out) // until its end, or the deadline
	}
	// Not waited for yet, so its id, and that of its group, cannot be another's.
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	p.cmd.Wait() // it was killed, or not: it has ended
	p.out.Close()
	// A child of the program that left its group may keep the pipe open.
	p.err.SetReadDeadline(time.Now().Add(time.Second))
	<-p.logged
	p.err.Close()
}

// logger writes the lines of programs' standard error to our log, not too many.
type logger struct {
	name  string
	allow limiter
}

const (
	longestLine = 500 // bytes; the rest is cut
	burst       = 20
	perSecond   = 5
)

// follow logs lines until nothing more comes, and returns the last that is not empty.
func (l *logger) follow(r io.Reader) (last string) {
	lines := bufio.NewReaderSize(r, 4<<10)
	for {
		b, err := lines.ReadSlice('\n')
		if len(b) > 0 {
			line := strings.ToValidUTF8(strings.TrimRight(string(b[:min(len(b), longestLine)]), "\r\n"), "\uFFFD")
			if l.line(line); strings.TrimSpace(line) != "" {
				last = line
			}
		}
		for errors.Is(err, bufio.ErrBufferFull) { // the rest of a long line
			_, err = lines.ReadSlice('\n')
		}
		if err != nil {
			return last
		}
	}
}

// line logs a line. It is a warning, so that it is seen on every engine: commands show
// no less, and what a program says on its standard error is seldom good news.
func (l *logger) line(s string) {
	if ok, left := l.allow.take(time.Now()); ok {
		if left > 0 {
			slog.Warn("lines of a pipe's program left out of the log", "pipe", l.name, "lines", left)
		}
		slog.Warn("a pipe's program says", "pipe", l.name, "line", s)
	}
}
