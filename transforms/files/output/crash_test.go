package output

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/framebeam/framebeam/testdata/command"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

func TestMain(m *testing.M) {
	command.Become("job", func() {
		if err := job(context.Background(), os.Args[1], os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	})
	command.Become("seed", func() {
		if err := seedFolder(context.Background(), os.Args[1], os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	})
	os.Exit(m.Run())
}

// job writes chunks 0 to 5 out of order, going on where the output ends.
func job(ctx context.Context, root, config string) error {
	f, err := store.Open(ctx, root)
	if err != nil {
		return err
	}
	o, err := Open(ctx, f, OpenConfig{N: testN, ConfigDigest: config})
	if err != nil {
		return err
	}
	if err := o.Sweep(ctx); err != nil {
		return err
	}
	if _, err := o.Begin(ctx, chunk.Partition{Topic: "frames"}, 0); err != nil {
		return err
	}
	p, err := o.Resume(ctx, chunk.Partition{Topic: "frames"})
	if err != nil {
		return err
	}
	w, err := OpenWriter(ctx, o.Spec())
	if err != nil {
		return err
	}
	for _, k := range []int64{1, 0, 3, 2, 4, 5} {
		if k < p.Chunk {
			continue
		}
		done, err := w.Done(ctx, testID(k))
		if err != nil {
			return err
		}
		if done {
			continue
		}
		end := testEnd(testID(k), 0)
		if k == 5 { // it is shown while it grows
			if err := grow(ctx, w, end, config); err != nil {
				return err
			}
		}
		if _, err := w.Commit(ctx, end, testRows(end, config), testStates(end), testPictures{}); err != nil {
			return err
		}
	}
	return o.Verify(ctx, chunk.Partition{Topic: "frames"}, p.From, 6*testN)
}

// grow publishes what comes of a chunk, one row after another.
func grow(ctx context.Context, w *Writer, whole chunk.End, config string) error {
	for upTo := whole.Index*testN + 1; upTo < (whole.Index+1)*testN; upTo++ {
		end := chunk.End{ID: whole.ID, N: testN, Partial: true, Interim: true, UpTo: upTo, Offsets: whole.Offsets.Below(upTo)}
		all := testRows(end, config)
		if _, err := w.CommitInterim(ctx, end, all[len(all)-1:], func() ([]result.Frame, error) { return all, nil }); err != nil {
			return err
		}
	}
	return nil
}

// start runs a job in a process of its own.
func start(t *testing.T, root, config, crash string) error {
	t.Helper()
	out, err := command.New(t, "job", crash, root, config).CombinedOutput()
	if err != nil && len(out) > 0 {
		return fmt.Errorf("%w: %s", err, out)
	}
	return err
}

// killed fails unless the job that gave err was killed by its crash point.
func killed(t *testing.T, err error) {
	t.Helper()
	if !command.Killed(err) {
		t.Fatalf("the job was not killed: %v", err)
	}
}

func TestAJobKilledAnywhereLeavesTheSameFilesAfterItsRestart(t *testing.T) {
	want := testFolder(t)
	if err := start(t, want.Root(), "A", ""); err != nil {
		t.Fatal(err)
	}
	// times is how often the job passes the point: each time is tried.
	for point, times := range map[string]int{
		"journal-generation": 3, "sink-claim": 6, "sink-temp-closed": 15,
		"sink-between-files": 6, "sink-renamed": 6, "sink-out-of-order": 2,
		"sink-interim-begun": 3, "sink-interim-closed": 3, "sink-interim-renamed": 3,
	} {
		t.Run(point, func(t *testing.T) {
			for n := range times {
				got := testFolder(t)
				killed(t, start(t, got.Root(), "A", fmt.Sprintf("%s:%d", point, n+1)))
				if err := start(t, got.Root(), "A", ""); err != nil {
					t.Fatalf("time %d: restart: %v", n+1, err)
				}
				same(t, want, got)
			}
			if err := start(t, testFolder(t).Root(), "A", fmt.Sprintf("%s:%d", point, times+1)); err != nil {
				t.Errorf("the point is passed more than %d times: %v", times, err)
			}
		})
	}
}

func TestAJobKilledWhileItReplacesAnotherConfigurationsFiles(t *testing.T) {
	// A was killed when chunks 0, 1 and 3 were complete.
	prepared := func() *store.Folder {
		f := testFolder(t)
		killed(t, start(t, f.Root(), "A", "sink-renamed:3"))
		return f
	}
	want := prepared()
	if err := start(t, want.Root(), "B", ""); err != nil {
		t.Fatal(err)
	}
	for point, times := range map[string]int{
		"journal-generation": 2, "sink-claim": 4, "sink-temp-closed": 10, "sink-between-files": 4, "sink-renamed": 4,
	} {
		t.Run(point, func(t *testing.T) {
			for n := range times {
				got := prepared()
				killed(t, start(t, got.Root(), "B", fmt.Sprintf("%s:%d", point, n+1)))
				if err := start(t, got.Root(), "B", ""); err != nil {
					t.Fatalf("time %d: restart: %v", n+1, err)
				}
				same(t, want, got)
			}
			if err := start(t, prepared().Root(), "B", fmt.Sprintf("%s:%d", point, times+1)); err != nil {
				t.Errorf("the point is passed more than %d times: %v", times, err)
			}
		})
	}
}
