package retention

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/framebeam/framebeam/testdata/command"
	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/result"
)

// TestMain makes of this program one that gives up what the rules of a test say.
func TestMain(m *testing.M) {
	command.Become("retention", func() {
		r, err := Open(context.Background(), os.Args[1], os.Args[2])
		if err == nil {
			r.Rules, r.Now, r.Behind = someRules(), day(20), -1
			var p *Plan
			if p, err = r.Plan(context.Background()); err == nil {
				err = p.Do(context.Background())
			}
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	})
	os.Exit(m.Run())
}

var pinnedID = strings.Repeat("0b", 16)

// someRules give up something of every kind, but a pinned event, and thin packs.
func someRules() Rules {
	r := All(9*days, 0)
	r.Keep[States] = 5 * days
	r.Cameras = []CameraRule{{Match: "b"}}
	r.Cameras[0].Keep[Images] = ptr(6 * days)
	r.Pins.IDs = map[string]bool{pinnedID: true}
	return r
}

func someWorld() *world {
	w := daily(30)
	w.events[3*testN+1] = pinnedID
	w.cameras[9*testN] = "c"
	return w
}

// consistent fails unless what there is goes on as the whole, and reads well.
func consistent(t *testing.T, w *world, out string, chunks int64) {
	t.Helper()
	o := run(t, out, "", Rules{}, day(0)).Output
	pos, err := o.Resume(t.Context(), frames)
	if err != nil || pos.Chunk != chunks || pos.LastDigest != uint64(chunks-1) {
		t.Fatalf("it goes on at %+v, %v", pos, err)
	}
	s, err := output.OpenStates(t.Context(), o.Spec())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range pos.Cameras {
		if _, _, ok, err := s.Load(t.Context(), frames, c.Last/testN, c.Camera); err != nil || !ok {
			t.Fatalf("the state of %s: %v, %v", c.Camera, ok, err)
		}
	}
	readOnce(t, w, o, func(missing int64) bool { return missing < pos.Base })
}

// readOnce fails unless every row is there once, but for those that may be missing.
func readOnce(t *testing.T, w *world, o *output.Output, mayMiss func(offset int64) bool) {
	t.Helper()
	last := int64(-1)
	err := o.Each(context.Background(), func(_ string, rows []result.Frame, _ bool) error {
		for _, r := range rows {
			for o := last + 1; o < r.Offset; o++ {
				if !mayMiss(o) {
					return fmt.Errorf("offset %d is missing", o)
				}
			}
			if r.Offset <= last || r.Camera != w.cameras[r.Offset] {
				return fmt.Errorf("offset %d after %d", r.Offset, last)
			}
			last = r.Offset
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestKilledAnywhereItLeavesWhatIsConsistentAndTheNextRunFinishes(t *testing.T) {
	w := someWorld()
	out, arch := folder(t), folder(t)
	w.output(t, out, 20)
	w.archive(t, arch, 13)
	retain := func(out, arch, crash string) (killed bool) {
		t.Helper()
		c := command.New(t, "retention", crash, out, arch)
		said, err := c.CombinedOutput()
		if err != nil && !command.Killed(err) {
			t.Fatalf("%s: %v\n%s", crash, err, said)
		}
		return err != nil
	}
	copied := func() (string, string) {
		o, a := folder(t), folder(t)
		for from, to := range map[string]string{out: o, arch: a} {
			if err := os.CopyFS(to, os.DirFS(from)); err != nil {
				t.Fatal(err)
			}
		}
		return o, a
	}
	calmOut, calmArch := copied()
	retain(calmOut, calmArch, "")
	consistent(t, w, calmOut, 20)
	want := tree(t, calmOut)
	if len(want) == len(tree(t, out)) {
		t.Fatal("nothing goes")
	}
	for _, point := range []string{"retention-pin", "retention-raise", "retention-raised", "retention-removed", "retention-thin"} {
		reached := 0
		for _, n := range []int{1, 5} {
			o, a := copied()
			crash := fmt.Sprintf("%s:%d", point, n)
			if !retain(o, a, crash) {
				break
			}
			reached++
			consistent(t, w, o, 20)
			if l, err := archive.Open(t.Context(), a); err != nil {
				t.Error(err)
			} else if _, err := l.Extent(t.Context(), frames); err != nil {
				t.Errorf("%s: %v", crash, err)
			}
			again := run(t, o, a, someRules(), day(20))
			if err := plan(t, again).Do(t.Context()); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(tree(t, o)))); d != "" {
				t.Errorf("%s, and run again: %s", crash, d)
			}
			if d := cmp.Diff(tree(t, calmArch), tree(t, a)); d != "" {
				t.Errorf("%s, and run again: the archive: %s", crash, d)
			}
			if d := cmp.Diff(want, tree(t, o)); d != "" {
				t.Errorf("%s, and run again: %d differences", crash, len(d))
			}
			w.commit(t, o, 20, 22)
			consistent(t, w, o, 22)
		}
		if reached == 0 {
			t.Errorf("%s is never reached", point)
		}
	}
}

func TestAJobWritesAndReadersReadWhileOldFilesGo(t *testing.T) {
	w := someWorld()
	w.events = nil
	out, arch := folder(t), folder(t)
	w.output(t, out, 6)
	w.archive(t, arch, 20)
	var written atomic.Int64
	written.Store(6)
	g, ctx := errgroup.WithContext(t.Context())
	g.Go(func() error {
		for k := int64(6); k < 30 && ctx.Err() == nil; k++ {
			w.commit(t, out, k, k+1)
			written.Store(k + 1)
		}
		return nil
	})
	g.Go(func() error {
		for written.Load() < 30 && ctx.Err() == nil {
			r := run(t, out, arch, All(3*days, 0), day(int(written.Load())))
			p, err := r.Plan(ctx)
			if err == nil {
				err = p.Do(ctx)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	g.Go(func() error {
		for written.Load() < 30 && ctx.Err() == nil {
			o := run(t, out, "", Rules{}, day(0)).Output
			first, err := o.Resume(ctx, frames)
			if err != nil {
				return err
			}
			readOnce(t, w, o, func(offset int64) bool {
				pos, err := o.Resume(ctx, frames)
				return err == nil && offset < pos.Base
			})
			if first.Chunk < 6 {
				return fmt.Errorf("it goes on at chunk %d", first.Chunk)
			}
			f, err := archive.Open(ctx, arch)
			if err == nil {
				l := archive.NewLog(f)
				_, err = l.OffsetAt(ctx, frames, day(int(first.Chunk)-3))
				l.Close()
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	consistent(t, w, out, 30)
}

func TestAKeeperTellsWhatGoesWrongAndTriesAgain(t *testing.T) {
	w := daily(30)
	out := folder(t)
	w.output(t, out, 30)
	bad := out + "/_framebeam/frames+0/pinned.json"
	put(t, bad, "{")
	k := Keeper{Output: out, Rules: All(time.Hour, 0), Every: time.Millisecond}
	said := make(chan string, 1)
	k.Say = func(format string, args ...any) {
		select {
		case said <- fmt.Sprintf(format, args...):
		default:
		}
	}
	failure := fmt.Errorf("the work fails")
	err := k.Beside(t.Context(), func(context.Context) error {
		if n := len(chunks(t, out, "results", testN)); n != 30 {
			t.Errorf("there are %d", n)
		}
		if err := os.Remove(bad); err != nil {
			t.Error(err)
		}
		if s := <-said; !strings.Contains(s, "old files") {
			t.Error(s)
		}
		return failure
	})
	if !errors.Is(err, failure) {
		t.Error(err)
	}
	if n := len(chunks(t, out, "results", testN)); n != DefaultBehind+1 {
		t.Errorf("%d stay", n)
	}
}
