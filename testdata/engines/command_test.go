//go:build engines

package engines

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/framebeam/framebeam/runner-configs/stack/servers"
)

// onFlink and onSpark are the flags that send a job to the engine. Flink has slots
// for two such jobs.
func onFlink(t *testing.T) []string {
	engine(t, servers.Flink)
	return []string{"--runner=flink", "--endpoint=" + stack.FlinkJobServer(), "--flink-rest=" + stack.FlinkREST(), "--parallelism=2"}
}

func onSpark(t *testing.T) []string {
	engine(t, servers.Spark)
	return []string{"--runner=spark", "--endpoint=" + stack.SparkJobServer(), "--engine-options=" + stack.SparkJobOptions()}
}

func direct(*testing.T) []string { return []string{"--runner=direct"} }

// fromKafka are the flags that name a topic.
func fromKafka(topic string) []string {
	return []string{"--brokers=" + strings.Join(stack.Brokers(), ","), "--topic=" + topic}
}

// newFolder is the name of a folder on HDFS that is not there yet.
func newFolder(t *testing.T, name string) string {
	return fmt.Sprintf("%s/%s/%s", stack.HDFS(), strings.ReplaceAll(t.Name(), "/", "_"), name)
}

// job is a running command.
type job struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{}
	err  error

	mu  sync.Mutex
	out bytes.Buffer
}

func (j *job) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.out.Write(b)
}

func (j *job) output() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.out.String()
}

// start starts a command of framebeam.
func start(t *testing.T, command string, args ...[]string) *job {
	t.Helper()
	j := &job{t: t, done: make(chan struct{})}
	flat := []string{command}
	for _, a := range args {
		flat = append(flat, a...)
	}
	j.cmd = exec.Command(framebeam, flat...)
	j.cmd.Stdout, j.cmd.Stderr = j, j
	if err := j.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		j.err = j.cmd.Wait()
		close(j.done)
	}()
	t.Cleanup(func() {
		j.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-j.done:
		case <-time.After(time.Minute):
			j.cmd.Process.Kill()
			<-j.done
		}
	})
	return j
}

// patience is how long anything may take: two cores run everything.
const patience = 6 * time.Minute

// wait waits for the command's end and returns its exit code.
func (j *job) wait() int {
	j.t.Helper()
	return j.waitFor(patience)
}

func (j *job) waitFor(limit time.Duration) int {
	j.t.Helper()
	select {
	case <-j.done:
	case <-time.After(limit):
		j.t.Fatalf("%v does not end:\n%s", j.cmd.Args, tail(j.output()))
	}
	return j.cmd.ProcessState.ExitCode()
}

// interrupt ends a command as a user would, who sees that it has begun: a process that is just
// being started ends by the signal itself.
func (j *job) interrupt() int {
	j.t.Helper()
	eventually(j.t, "the command says something", func() bool {
		select {
		case <-j.done:
			return true
		default:
			return j.output() != ""
		}
	})
	j.cmd.Process.Signal(os.Interrupt)
	return j.wait()
}

// kill ends it without a word.
func (j *job) kill() {
	j.cmd.Process.Kill()
	<-j.done
}

// run runs a command to its good end.
func run(t *testing.T, command string, args ...[]string) {
	t.Helper()
	j := start(t, command, args...)
	if code := j.wait(); code != 0 {
		t.Fatalf("%v: exit code %d\n%s", j.cmd.Args, code, j.output())
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("it never came about: %s", what)
		}
	}
}

// long skips a test that takes long, unless it is asked for.
func long(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("FRAMEBEAM_LONG") == "" {
		t.Skipf("%s: set FRAMEBEAM_LONG=1", why)
	}
}
