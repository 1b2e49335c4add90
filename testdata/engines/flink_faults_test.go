//go:build engines

package engines

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// down is how long a server that was killed is away: long enough for the others to
// notice, and not to be waited for otherwise.
const down = 5 * time.Second

// everySlot makes a job need every TaskManager.
const everySlot = "--parallelism=4"

// killed kills a server and brings it back.
func killed(name string) error {
	if err := stack.Kill(name); err != nil {
		return err
	}
	time.Sleep(down)
	return stack.Start(context.Background(), name)
}

// One job after another on one output while the servers fail around them: what is
// written at last is what a job would have written that nothing had ever happened to.
func TestFlinkOutlastsItsServers(t *testing.T) {
	l := goLive(t, 10*time.Minute*time.Duration(*rounds))
	l.follow(everySlot)
	for _, f := range []struct {
		name   string
		inject func() error
	}{
		{"nothing", func() error { return nil }},
		{"Go worker killed", func() error { return syscall.Kill(workers()[0].pid, syscall.SIGKILL) }},
		{"TaskManager killed, replaced", func() error {
			name := workers()[0].of
			var orphans []int
			for _, w := range workers() {
				if w.of == name {
					orphans = append(orphans, w.pid)
				}
			}
			if err := killed(name); err != nil {
				return err
			}
			return gone(name, orphans)
		}},
		{"Kafka broker killed, back", func() error { return killed(leader(t, l.topic, 0)) }},
		{"DataNode killed, back", func() error { return killed("datanode-1") }},
		{"NameNode killed, back", func() error { return killed("namenode") }},
		{"JobManager killed, back, a new job", func() error {
			if err := killed("jobmanager"); err != nil {
				return err
			}
			if code := l.job.wait(); code == 0 || !strings.Contains(l.job.output(), "Could not find Flink job") {
				return fmt.Errorf("the client ended with exit code %d:\n%s", code, l.job.output())
			}
			l.follow(everySlot)
			return nil
		}},
	} {
		t.Run(f.name, func(*testing.T) {
			for range *rounds {
				l.suffer(f.name, f.inject)
			}
		})
	}
	l.finish()
	l.compare(l.undisturbed())
}

// gone waits until processes that a server had started are no more.
func gone(name string, pids []int) error {
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		left := slices.DeleteFunc(stack.Children(name), func(pid int) bool { return !slices.Contains(pids, pid) })
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes %v, which %s had started, outlive it", left, name)
		}
	}
}
