package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shellStack is a stack of one server "a", which is a shell script. It is ready when
// its script has made the file "ready".
func shellStack(dir, script string) *Stack {
	s := &Stack{config: Config{Dir: dir}}
	s.servers = []*server{{
		name:    "a",
		prepare: func(context.Context) error { return nil },
		command: func() (string, []string, []string, error) {
			return "/bin/sh", []string{"-c", script}, nil, nil
		},
		ready: func(context.Context) error {
			_, err := os.Stat(s.path("a", "ready"))
			return err
		},
	}}
	return s
}

// waiting is a server with a child that would outlive it.
const waiting = "sleep 1000 & touch ready; wait"

func started(t *testing.T, script string) *Stack {
	t.Helper()
	s := shellStack(t.TempDir(), script)
	t.Cleanup(func() {
		if err := s.Down(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := s.start(t.Context(), s.servers); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAKilledServerLeavesItsChildrenAndStartsAgain(t *testing.T) {
	s := started(t, waiting)
	first := s.Pid("a")
	children := s.Children("a")
	if first == 0 || len(children) != 1 {
		t.Fatalf("pid %d, children %v", first, children)
	}
	if s.Memory("a") <= 0 {
		t.Errorf("memory %d", s.Memory("a"))
	}
	if err := s.Kill("a"); err != nil {
		t.Fatal(err)
	}
	if pid := s.Pid("a"); pid != 0 {
		t.Errorf("pid %d after the kill", pid)
	}
	if got := s.Children("a"); !slices.Equal(got, children) {
		t.Errorf("children %v, want %v", got, children)
	}
	if err := s.Kill("a"); err == nil {
		t.Error("a server that does not run was killed")
	}
	if err := s.Start(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if second := s.Pid("a"); second == 0 || second == first {
		t.Errorf("pid %d, before %d", second, first)
	}
	if err := s.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := markedPids(s.Dir(), ""); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func TestAPausedServerIsStopped(t *testing.T) {
	s := started(t, waiting)
	if err := s.Pause("a"); err != nil {
		t.Fatal(err)
	}
	err := await(t.Context(), time.Minute, func() (bool, error) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.Pid("a")))
		return strings.Contains(string(b), ") T "), err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if s.Pid("a") != 0 || len(s.Children("a")) > 0 {
		t.Errorf("pid %d, children %v", s.Pid("a"), s.Children("a"))
	}
	if err := s.Stop(t.Context(), "a"); err != nil {
		t.Errorf("stopping it twice: %v", err)
	}
}

func TestAServerThatIgnoresSIGTERMIsKilledWhenTheContextEnds(t *testing.T) {
	s := started(t, `trap "" TERM; touch ready; while :; do sleep 1000; done`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Stop(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if s.Pid("a") != 0 {
		t.Error("it still runs")
	}
}

func TestAServerThatEndsBeforeItIsReadyIsAnErrorWithItsLog(t *testing.T) {
	s := shellStack(t.TempDir(), "echo the disk is full; exit 1")
	err := s.start(t.Context(), s.servers)
	if err == nil || !strings.Contains(err.Error(), "the disk is full") || !strings.Contains(err.Error(), s.Log("a")) {
		t.Errorf("got %v", err)
	}
	s.reapers.Wait()
}

func TestAPidFileOfAnotherProcessIsNotBelieved(t *testing.T) {
	s := shellStack(t.TempDir(), waiting)
	if err := os.MkdirAll(s.path("a"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path("a", "pid"), fmt.Append(nil, os.Getpid()), 0o644); err != nil {
		t.Fatal(err)
	}
	if pid := s.Pid("a"); pid != 0 {
		t.Errorf("pid %d", pid)
	}
}

func TestAnUnknownServerIsRefusedWithTheNamesThatThereAre(t *testing.T) {
	s := shellStack(t.TempDir(), waiting)
	for _, err := range []error{s.Kill("b"), s.Pause("b"), s.Start(t.Context(), "b"), s.Stop(t.Context(), "b")} {
		if err == nil || !strings.Contains(err.Error(), "there are a") {
			t.Errorf("got %v", err)
		}
	}
}

func TestAFolderIsFormattedOnceAndAgainIfThatWasInterrupted(t *testing.T) {
	s := &Stack{config: Config{Dir: t.TempDir()}}
	times := 0
	format := func(err error) func(string) error {
		return func(data string) error {
			times++
			if _, statErr := os.Stat(data); statErr == nil {
				t.Error("what the attempt before left is still there")
			}
			return errors.Join(err, os.MkdirAll(data, 0o755))
		}
	}
	if err := s.once("a", format(errors.New("interrupted"))); err == nil {
		t.Error("no error")
	}
	for range 2 {
		if err := s.once("a", format(nil)); err != nil {
			t.Fatal(err)
		}
	}
	if times != 2 {
		t.Errorf("formatted %d times", times)
	}
}

// watchedDir names the stack of the process that startAndHang is.
const watchedDir = "FRAMEBEAM_TEST_WATCHED"

// startAndHang is a test that starts a stack and is killed.
func startAndHang(dir string) {
	s := shellStack(dir, waiting)
	var err error
	if s.watchdog, err = watch(dir); err == nil {
		err = s.start(context.Background(), s.servers)
	}
	fmt.Println(err)
	select {}
}

func TestServersEndWithATestThatIsKilled(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), watchedDir+"="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err := await(t.Context(), time.Minute, func() (bool, error) {
		_, err := os.Stat(filepath.Join(dir, "a", "ready"))
		return err == nil && len(markedPids(dir, "a")) == 2, nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	err = await(t.Context(), time.Minute, func() (bool, error) { return len(markedPids(dir, "")) == 0, nil })
	if err != nil {
		t.Errorf("%v still run: %v", markedPids(dir, ""), err)
	}
}
