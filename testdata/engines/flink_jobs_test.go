//go:build engines

package engines

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

// signalAll sends a signal to workers.
func signalAll(all []worker, sig syscall.Signal) error {
	for _, w := range all {
		if err := syscall.Kill(w.pid, sig); err != nil {
			return fmt.Errorf("worker of %s: %w", w.of, err)
		}
	}
	return nil
}

// written waits until a chunk is committed that the log had not filled at the ends.
func (l *live) written(ends []int64) error {
	for deadline := time.Now().Add(patience); !l.beyond(ends); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("nothing is committed beyond %v", ends)
		}
	}
	return nil
}

// savepointOf is the path that an interrupted job says.
func savepointOf(j *job) (string, error) {
	if code := j.interrupt(); code != 0 {
		return "", fmt.Errorf("exit code %d:\n%s", code, j.output())
	}
	m := regexp.MustCompile(`--savepoint=([^"\s]+)`).FindStringSubmatch(j.output())
	if m == nil {
		return "", fmt.Errorf("no savepoint is named:\n%s", j.output())
	}
	return m[1], nil
}

// Jobs with one configuration on one output, side by side and one after another,
// whatever each of them remembers.
func TestFlinkJobsShareAnOutput(t *testing.T) {
	l := goLive(t, 10*time.Minute*time.Duration(*rounds))
	saving := "--savepoint-dir=file://" + t.TempDir()
	l.follow(saving)
	for _, f := range []struct {
		name   string
		inject func() error
	}{
		{"a job stands still, its successor runs, it goes on", func() error {
			first, its, ends := l.job, workers(), l.published()
			if err := signalAll(its, syscall.SIGSTOP); err != nil {
				return err
			}
			l.follow(saving)
			if err := l.written(ends); err != nil {
				return err
			}
			ends = l.published()
			if err := signalAll(its, syscall.SIGCONT); err != nil {
				return err
			}
			if err := l.written(ends); err != nil {
				return err
			}
			select {
			case <-first.done:
				return fmt.Errorf("the first job ended:\n%s", first.output())
			default:
			}
			if code := first.interrupt(); code != 0 {
				return fmt.Errorf("the first job: exit code %d:\n%s", code, first.output())
			}
			return nil
		}},
		{"savepoint restored after the output has moved on", func() error {
			path, err := savepointOf(l.job)
			if err != nil {
				return err
			}
			l.grows(2 * chunkOffsets)
			run(t, "analyze", append([][]string{direct(t)}, l.args("--until=now")...)...)
			l.follow(saving, "--savepoint="+path)
			return nil
		}},
		{"savepoint made, a job without it", func() error {
			if _, err := savepointOf(l.job); err != nil {
				return err
			}
			l.follow(saving)
			return nil
		}},
		{"job server killed, back, a second job", func() error {
			const server = "flink-job-server"
			orphaned := runningJobs(t)
			if err := stack.Kill(server); err != nil {
				return err
			}
			if code := l.job.wait(); code == 0 || !strings.Contains(l.job.output(), "lost the job server, the job may go on") {
				return fmt.Errorf("exit code %d:\n%s", code, l.job.output())
			}
			if err := stack.Start(context.Background(), server); err != nil {
				return err
			}
			l.follow(saving)
			ends := l.published()
			if err := l.written(ends); err != nil {
				return err
			}
			for _, id := range orphaned {
				if err := flinkDo(http.MethodPatch, "/jobs/"+id+"?mode=cancel", nil); err != nil {
					return err
				}
			}
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

// The configuration changes while jobs run that do not know of it: they end, and the
// output is what jobs would have written that had been run one after another.
func TestFlinkJobsAreSupersededByAnotherConfiguration(t *testing.T) {
	l := goLive(t, 8*time.Minute)
	saving := "--savepoint-dir=file://" + t.TempDir()
	other := filepath.Join(t.TempDir(), "other.yaml")
	if err := os.WriteFile(other, []byte("motion: {threshold: 35}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	otherwise := "--config=" + other
	// Without --config a job would take what the output has.
	defaults := filepath.Join(t.TempDir(), "defaults.yaml")
	if err := os.WriteFile(defaults, []byte("motion: true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	back := "--config=" + defaults
	l.follow(saving, back)

	refused := func(j *job, why string) error {
		if code := j.wait(); code != 1 || !strings.Contains(j.output(), why) {
			return fmt.Errorf("exit code %d, want 1 and %q:\n%s", code, why, j.output())
		}
		return nil
	}
	t.Run("a savepoint does not resume under another configuration", func(t *testing.T) {
		l.suffer("savepoint restored with another configuration", func() error {
			path, err := savepointOf(l.job)
			if err != nil {
				return err
			}
			if err := refused(l.follow(otherwise, "--savepoint="+path), "a savepoint resumes only in its own generation"); err != nil {
				return err
			}
			l.follow(saving, otherwise)
			return nil
		})
	})
	t.Run("a job that stood still is superseded", func(t *testing.T) {
		l.suffer("configuration changed under a job", func() error {
			first, its, ends := l.job, workers(), l.published()
			if err := signalAll(its, syscall.SIGSTOP); err != nil {
				return err
			}
			l.follow(saving, back)
			if err := l.written(ends); err != nil {
				return err
			}
			if err := signalAll(its, syscall.SIGCONT); err != nil {
				return err
			}
			return refused(first, "superseded")
		})
	})
	l.finish()

	// The oracle: each configuration up to where the next began.
	want := filepath.Join(t.TempDir(), "undisturbed")
	gens := generations(t, l.out)
	if len(gens) != 3 {
		t.Fatalf("%d generations, want 3", len(gens))
	}
	for i, g := range gens {
		if i > 0 {
			cutAt(t, want, g)
		}
		args := []string{"--output=" + want, "--until=now"}
		args = append(args, []string{back, otherwise, back}[i])
		run(t, "analyze", append([][]string{direct(t)}, l.args(args...)...)...)
	}
	l.compare(want)
}

// generations are those that an output has had.
func generations(t *testing.T, root string) []output.Generation {
	t.Helper()
	folder, err := store.Open(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	out, err := output.OpenExisting(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	return out.Generations()
}

// cutAt removes from a local output the chunks from those in which the next generation
// began, as if a job had been ended there. Where that one began inside a chunk, what
// the job had shown of it stays.
func cutAt(t *testing.T, root string, next output.Generation) {
	t.Helper()
	folder, err := store.Open(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	out, err := output.OpenExisting(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	for key, k := range next.Began {
		var shown []result.Frame
		for _, kind := range []string{"results", "states"} {
			files, err := filepath.Glob(filepath.Join(root, kind, key, "*", "*+*"))
			if err != nil || len(files) == 0 {
				t.Fatalf("%s of %s: %d files, %v", kind, key, len(files), err)
			}
			for _, file := range files {
				name, err := chunkfolder.ParseName(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)))
				if err != nil {
					t.Fatal(err)
				}
				if name.Start < k*chunkOffsets {
					continue
				}
				if kind == "results" && name.Start == k*chunkOffsets {
					shown = rowsBelow(t, file, next.Effective[key])
				}
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := os.Remove(filepath.Join(root, "_framebeam", key, "verified.json")); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if len(shown) > 0 {
			show(t, out.Spec(), shown, next.Effective[key])
		}
	}
}

// rowsBelow are the rows of a results file before an offset.
func rowsBelow(t *testing.T, file string, offset int64) []result.Frame {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rows, _, err := result.ReadParquet(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return slices.DeleteFunc(rows, func(r result.Frame) bool { return r.Offset >= offset })
}

// show publishes rows as the beginning of a chunk, up to an offset.
func show(t *testing.T, spec output.Spec, rows []result.Frame, upTo int64) {
	t.Helper()
	w, err := output.OpenWriter(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	first := &rows[0]
	end := chunk.End{
		ID: chunk.ID{Partition: chunk.Partition{Topic: first.Topic, ID: first.Partition}, Index: chunk.Of(first.Offset, spec.N)}, N: spec.N,
		Partial: true, UpTo: upTo,
	}
	for i := range rows {
		end.Offsets.Add(rows[i].Offset)
	}
	if _, err := w.CommitPartial(t.Context(), end, rows, nil); err != nil {
		t.Fatal(err)
	}
}
