// Package servers runs real Kafka, HDFS, Flink and Spark as plain processes on
// 127.0.0.1, for trying Framebeam out and for tests that inject faults.
//
// A stack is a folder. [Up] starts in it what does not run yet and returns when all of
// it is ready, so it can be called again after any kind of end; [Open] finds one that
// another process started. What the servers need is fetched once per user.
package servers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// readyTimeout is how long a server may take to become ready. On an idle machine it is
// seconds; several JVMs that start on two busy cores wait for each other.
const readyTimeout = 3 * time.Minute

// Stack is a set of servers in a folder. Its methods are safe for concurrent use, as far
// as they concern different servers.
type Stack struct {
	config    Config
	ports     ports
	servers   []*server
	artifacts artifacts
	watchdog  *watchdog
	reapers   sync.WaitGroup
}

// server is one process of a stack.
type server struct {
	name    string
	service string
	ports   []port
	// prepare writes configuration and formats storage. It must not harm what was
	// prepared before.
	prepare func(ctx context.Context) error
	command func() (path string, args, env []string, err error)
	// ready returns nil when the server answers, and else why it does not.
	ready func(ctx context.Context) error
}

// Up starts the servers of c that do not run yet and returns when they are ready. What
// it started it stops again if one fails.
func Up(ctx context.Context, c Config) (*Stack, error) {
	services := c.Services
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, err
	}
	old, err := readConfig(dir)
	switch {
	case err == nil:
		if c, err = c.onto(old); err != nil {
			return nil, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if c, err = c.complete(); err != nil {
		return nil, err
	}
	if len(services) == 0 {
		services = c.Services
	}
	for _, service := range old.Services {
		if !slices.Contains(c.Services, service) {
			c.Services = append(slices.Clone(c.Services), service)
		}
	}

	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return nil, err
	}
	unlock, err := lockDir(ctx, c.Dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	s := newStack(c)
	var todo []*server
	for _, sv := range s.servers {
		if slices.Contains(services, sv.service) && s.Pid(sv.name) == 0 {
			todo = append(todo, sv)
		}
	}
	if err := takenPorts(todo); err != nil {
		return nil, err
	}
	if err := c.write(); err != nil {
		return nil, err
	}
	if !c.Detach {
		if s.watchdog, err = watch(c.Dir); err != nil {
			return nil, err
		}
	}
	if err := s.start(ctx, todo); err != nil {
		return nil, errors.Join(err, s.stop(context.WithoutCancel(ctx), todo), s.endWatch())
	}
	// What ran already may still be on its way up.
	rest := slices.DeleteFunc(slices.Clone(s.servers), func(sv *server) bool {
		return !slices.Contains(services, sv.service) || slices.Contains(todo, sv)
	})
	if err := each(rest, func(sv *server) error { return s.awaitReady(ctx, sv) }); err != nil {
		return nil, errors.Join(err, s.stop(context.WithoutCancel(ctx), todo), s.endWatch())
	}
	return s, nil
}

// Open finds the stack that was started in dir.
func Open(dir string) (*Stack, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	c, err := readConfig(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no stack was started in %s: %w", dir, err)
	}
	if err != nil {
		return nil, err
	}
	return newStack(c), nil
}

func newStack(c Config) *Stack {
	s := &Stack{config: c, ports: c.ports(), artifacts: artifacts{dir: c.SharedJars, progress: c.Progress}}
	for _, service := range []struct {
		name    string
		servers func() []*server
	}{
		{Kafka, s.kafkaServers},
		{HDFS, s.hdfsServers},
		{Flink, s.flinkServers},
		{Spark, s.sparkServers},
	} {
		if !slices.Contains(c.Services, service.name) {
			continue
		}
		for _, sv := range service.servers() {
			sv.service = service.name
			s.servers = append(s.servers, sv)
		}
	}
	return s
}

// Names returns the names of the servers, as Kill and the others take them.
func (s *Stack) Names() []string {
	names := make([]string, len(s.servers))
	for i, sv := range s.servers {
		names[i] = sv.name
	}
	return names
}

// Ports returns the ports on which a server listens, each with its use.
func (s *Stack) Ports(name string) []string {
	sv, err := s.server(name)
	if err != nil {
		return nil
	}
	uses := make([]string, len(sv.ports))
	for i, p := range sv.ports {
		uses[i] = fmt.Sprintf("%s %d", p.use, p.number)
	}
	return uses
}

// Dir returns the folder of the stack.
func (s *Stack) Dir() string { return s.config.Dir }

// BasePort returns the first port of the stack's block, 0 for the well-known ports.
func (s *Stack) BasePort() int { return s.config.BasePort }

// Start starts a server that does not run, with the data it had, and returns when it is
// ready. A NameNode is ready when it has left safe mode, so start DataNodes that do not
// run before it.
func (s *Stack) Start(ctx context.Context, name string) error {
	sv, err := s.server(name)
	if err != nil {
		return err
	}
	if s.Pid(name) != 0 {
		return s.awaitReady(ctx, sv)
	}
	todo := []*server{sv}
	if err := takenPorts(todo); err != nil {
		return err
	}
	return s.start(ctx, todo)
}

// Down stops all servers, or those of the given services, and their children. The data
// stay.
func (s *Stack) Down(ctx context.Context, services ...string) error {
	unlock, err := lockDir(ctx, s.config.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	if len(services) > 0 {
		return s.stop(ctx, slices.DeleteFunc(slices.Clone(s.servers), func(sv *server) bool {
			return !slices.Contains(services, sv.service)
		}))
	}
	err = errors.Join(s.stop(ctx, s.servers), s.killMarked(""), s.endWatch())
	s.reapers.Wait()
	return err
}

// start prepares and starts servers, all at once, and waits until they are ready.
func (s *Stack) start(ctx context.Context, todo []*server) error {
	if err := s.artifacts.fetchFor(ctx, todo); err != nil {
		return err
	}
	err := each(todo, func(sv *server) error {
		if err := os.MkdirAll(s.path(sv.name), 0o755); err != nil {
			return err
		}
		if err := sv.prepare(ctx); err != nil {
			return fmt.Errorf("%s: %w", sv.name, err)
		}
		return s.spawn(sv)
	})
	if err != nil {
		return err
	}
	return s.awaitAll(ctx, todo)
}

// errOtherFailed ends the wait for servers when one of them has failed.
var errOtherFailed = errors.New("another server failed")

func (s *Stack) awaitAll(ctx context.Context, todo []*server) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	return each(todo, func(sv *server) error {
		err := s.awaitReady(ctx, sv)
		if errors.Is(err, errOtherFailed) {
			return nil // the other one says why
		}
		if err != nil {
			cancel(errOtherFailed)
			return err
		}
		s.artifacts.say("%s", strings.Join(append([]string{sv.name + " is ready"}, s.Ports(sv.name)...), ", "))
		return nil
	})
}

func (s *Stack) stop(ctx context.Context, todo []*server) error {
	return each(todo, func(sv *server) error { return s.Stop(ctx, sv.name) })
}

func (s *Stack) endWatch() error {
	if s.watchdog == nil {
		return nil
	}
	err := s.watchdog.bite()
	s.watchdog = nil
	return err
}

func (s *Stack) awaitReady(ctx context.Context, sv *server) error {
	var last error
	err := await(ctx, readyTimeout, func() (bool, error) {
		// A process that has just been started has no environment, and so no marks, for a
		// moment; it is looked at again because the moment may end between the two looks.
		if s.Pid(sv.name) == 0 && ended(s.notedPid(sv.name)) && s.Pid(sv.name) == 0 {
			return false, errors.New("it ended")
		}
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		last = sv.ready(attempt)
		return last == nil, nil
	})
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s does not become ready: %w", sv.name, errors.Join(err, last,
		fmt.Errorf("its log %s ends:\n%s", s.Log(sv.name), s.logTail(sv.name))))
}

func (s *Stack) server(name string) (*server, error) {
	for _, sv := range s.servers {
		if sv.name == name {
			return sv, nil
		}
	}
	return nil, fmt.Errorf("no server %q in %s: there are %s", name, s.config.Dir, strings.Join(s.Names(), ", "))
}

// path returns a path in the stack's folder.
func (s *Stack) path(elem ...string) string {
	return filepath.Join(append([]string{s.config.Dir}, elem...)...)
}

// each calls f for all servers at once and joins the errors.
func each(servers []*server, f func(*server) error) error {
	errs := make([]error, len(servers))
	var all sync.WaitGroup
	for i, sv := range servers {
		all.Go(func() { errs[i] = f(sv) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// lockDir keeps two processes from starting or stopping the same stack at once.
func lockDir(ctx context.Context, dir string) (unlock func(), err error) {
	var lock *os.File
	err = await(ctx, readyTimeout, func() (bool, error) {
		lock, err = tryLock(filepath.Join(dir, "lock"))
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return nil, fmt.Errorf("another process is starting or stopping the stack in %s: %w", dir, err)
	}
	return func() { _ = lock.Close() }, nil
}
