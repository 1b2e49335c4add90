package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Every server carries two marks in its environment, and its children inherit them. A
// pid file alone proves nothing, since pids are used again; and a worker that outlived
// the TaskManager that started it has no parent to be found by.
const (
	stackMark  = "FRAMEBEAM_STACK"
	serverMark = "FRAMEBEAM_SERVER"
)

const (
	// pollInterval is how often something awaited is looked at.
	pollInterval = 100 * time.Millisecond
	// stopTimeout is how long a server may take to stop after SIGTERM. A Kafka broker
	// that cannot reach its controllers any more takes several seconds.
	stopTimeout = 20 * time.Second
	// killTimeout bounds the wait for the kernel after SIGKILL.
	killTimeout = 10 * time.Second
)

// errTimeout is returned by await.
var errTimeout = errors.New("timed out")

// await polls until what is awaited is there.
func await(ctx context.Context, timeout time.Duration, done func() (bool, error)) error {
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		if ok, err := done(); err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-deadline.C:
			return fmt.Errorf("%w after %v", errTimeout, timeout)
		case <-tick.C:
		}
	}
}

// environ returns the environment that a process was started with; nil if it has ended
// or is another user's.
func environ(pid int) []string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil || len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
}

// marked says whether a process runs and belongs to that server, or, with an empty
// name, to any of the stack in dir.
func marked(pid int, dir, name string) bool {
	env := environ(pid)
	return slices.Contains(env, stackMark+"="+dir) &&
		(name == "" || slices.Contains(env, serverMark+"="+name))
}

// pids returns all processes, in order.
func pids() []int {
	paths, _ := filepath.Glob("/proc/[0-9]*")
	var all []int
	for _, path := range paths {
		if pid, err := strconv.Atoi(filepath.Base(path)); err == nil {
			all = append(all, pid)
		}
	}
	slices.Sort(all)
	return all
}

// markedPids returns the processes of a server, or of the whole stack.
func markedPids(dir, name string) []int {
	return slices.DeleteFunc(pids(), func(pid int) bool { return !marked(pid, dir, name) })
}

// Pid returns the process id of a server, 0 if it does not run.
func (s *Stack) Pid(name string) int {
	pid := s.notedPid(name)
	if !marked(pid, s.config.Dir, name) {
		return 0
	}
	return pid
}

// notedPid is the process id in the pid file, 0 if there is none. The process may have
// ended, and the number may be another's by now.
func (s *Stack) notedPid(name string) int {
	b, err := os.ReadFile(s.path(name, "pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return pid
}

// ended says whether a process that carried our marks is gone. The kernel takes its
// memory, and the marks with it, before it closes its sockets: it is gone with its last
// thread, when nothing is left or only a zombie.
func ended(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil || environ(pid) != nil {
		return true // in the second case it is another process with the same number
	}
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	// pid (name) state …, and the name may contain anything.
	state := stat[bytes.LastIndexByte(stat, ')')+1:]
	return err != nil || bytes.HasPrefix(state, []byte(" Z ")) && len(threads) == 1
}

// Children returns the processes that a server started and that still run, also those
// that outlived it: the workers of a TaskManager, the executors of a Spark worker and
// theirs.
func (s *Stack) Children(name string) []int {
	pid := s.Pid(name)
	return slices.DeleteFunc(markedPids(s.config.Dir, name), func(p int) bool { return p == pid })
}

// Memory returns the resident bytes of a server without its children, 0 if it does not
// run.
func (s *Stack) Memory(name string) int64 {
	return ProcessMemory(s.Pid(name))
}

// ProcessMemory returns the resident bytes of any process, 0 if it does not run.
func ProcessMemory(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(b) {
		field := strings.Fields(string(line))
		if len(field) == 3 && field[0] == "VmRSS:" {
			kib, _ := strconv.ParseInt(field[1], 10, 64)
			return kib << 10
		}
	}
	return 0
}

// Log returns the path of a server's log.
func (s *Stack) Log(name string) string { return s.path(name, "log") }

// logTail returns the end of a server's log, for an error message.
func (s *Stack) logTail(name string) string {
	b, err := os.ReadFile(s.Log(name))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	const keep = 15
	return strings.Join(lines[max(0, len(lines)-keep):], "\n")
}

// spawn starts the process of a server and notes its pid.
func (s *Stack) spawn(sv *server) error {
	log, err := os.OpenFile(s.Log(sv.name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	path, args, env, err := sv.command()
	if err != nil {
		return fmt.Errorf("%s: %w", sv.name, err)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = s.path(sv.name)
	cmd.Env = slices.Concat(os.Environ(), env, s.config.Env, []string{stackMark + "=" + s.config.Dir, serverMark + "=" + sv.name})
	cmd.Stdout, cmd.Stderr = log, log
	// A session of its own: an interrupt at the terminal is not meant for it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", sv.name, err)
	}
	s.reapers.Go(func() { _ = cmd.Wait() }) // how it ended is seen in its log
	return replaceFile(s.path(sv.name, "pid"), fmt.Appendln(nil, cmd.Process.Pid), 0o644)
}

// signal sends a signal to a server.
func (s *Stack) signal(name string, sig syscall.Signal) error {
	if _, err := s.server(name); err != nil {
		return err
	}
	pid := s.Pid(name)
	if pid == 0 {
		return fmt.Errorf("%s does not run", name)
	}
	if err := syscall.Kill(pid, sig); err != nil {
		return fmt.Errorf("%s (pid %d): %v: %w", name, pid, sig, err)
	}
	return nil
}

// Kill ends a server with SIGKILL and returns when it is gone. Its children are left.
func (s *Stack) Kill(name string) error {
	if err := s.signal(name, syscall.SIGKILL); err != nil {
		return err
	}
	return s.awaitEnd(context.Background(), name, killTimeout)
}

// Pause stops a server with SIGSTOP: it keeps its connections and answers nothing.
func (s *Stack) Pause(name string) error { return s.signal(name, syscall.SIGSTOP) }

// Continue lets a paused server go on.
func (s *Stack) Continue(name string) error { return s.signal(name, syscall.SIGCONT) }

// Stop ends a server with SIGTERM, and with SIGKILL if it does not end in time or ctx
// does; then its children. It is no error if it does not run.
func (s *Stack) Stop(ctx context.Context, name string) error {
	if _, err := s.server(name); err != nil {
		return err
	}
	// It may end, or have ended, by itself: only its absence counts.
	_ = s.signal(name, syscall.SIGTERM)
	_ = s.signal(name, syscall.SIGCONT)
	if err := s.awaitEnd(ctx, name, stopTimeout); err != nil {
		_ = s.signal(name, syscall.SIGKILL)
		if err := s.awaitEnd(context.Background(), name, killTimeout); err != nil {
			return err
		}
	}
	if err := s.killMarked(name); err != nil {
		return err
	}
	err := os.Remove(s.path(name, "pid"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func (s *Stack) awaitEnd(ctx context.Context, name string, timeout time.Duration) error {
	pid := s.notedPid(name)
	if pid == 0 {
		return nil
	}
	err := await(ctx, timeout, func() (bool, error) { return !marked(pid, s.config.Dir, name) && ended(pid), nil })
	if err != nil {
		return fmt.Errorf("%s (pid %d) does not end: %w", name, pid, err)
	}
	return nil
}

// killMarked ends all processes of a server, and what those start meanwhile.
func (s *Stack) killMarked(name string) error {
	return await(context.Background(), killTimeout, func() (bool, error) {
		pids := markedPids(s.config.Dir, name)
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended just now
		}
		return len(pids) == 0, nil
	})
}

// ticksPerSecond is the unit of the times in /proc/PID/stat (USER_HZ, proc(5)).
const ticksPerSecond = 100

// CPU returns the user and system time that a server has used so far, with that of
// its children: those that run, and those that it has waited for.
func (s *Stack) CPU(name string) time.Duration {
	var ticks int64
	for _, pid := range append(s.Children(name), s.Pid(name)) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // it has just ended
		}
		// The program's name, in brackets, may hold blanks. Fields 14 to 17 are utime,
		// stime, cutime and cstime.
		_, rest, _ := bytes.Cut(b[max(0, bytes.LastIndexByte(b, ')')):], []byte(" "))
		fields := strings.Fields(string(rest))
		for i := 11; i <= 14 && i < len(fields); i++ {
			n, _ := strconv.ParseInt(fields[i], 10, 64)
			ticks += n
		}
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond
}
