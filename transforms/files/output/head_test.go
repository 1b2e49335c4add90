package output

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

// partialUpTo publishes the beginning of chunk k as a job of o finds it.
func partialUpTo(t testing.TB, o *Output, k, upTo int64) error {
	w, err := OpenWriter(t.Context(), o.Spec())
	if err != nil {
		return err
	}
	end := chunk.End{ID: testID(k), N: testN, Partial: true, UpTo: upTo, Offsets: chunk.Span(k*testN, upTo)}
	_, err = w.CommitPartial(t.Context(), end, testRows(end, o.gens[len(o.gens)-1].ConfigDigest), nil)
	return err
}

// shownRows is what readers see: the contents by offset.
func shownRows(t testing.TB, f *store.Folder) string {
	t.Helper()
	o, err := OpenExisting(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	next := int64(0)
	if err := o.Each(t.Context(), func(name string, rows []result.Frame, _ bool) error {
		for i := range rows {
			if rows[i].Offset != next {
				t.Errorf("offset %d comes after %d in %s", rows[i].Offset, next-1, name)
			}
			next = rows[i].Offset + 1
			b.WriteString(rows[i].Detail)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAChangedConfigurationLeavesWhatWasShownOfAChunk(t *testing.T) {
	f := testFolder(t)
	see := func(when, want string) {
		t.Helper()
		if got := shownRows(t, f); got != want {
			t.Errorf("%s: readers see %s, want %s", when, got, want)
		}
	}
	begin := func(config string, effective int64) *Output {
		t.Helper()
		o := testOpen(t, f, config)
		see("when "+config+" begins", shownRows(t, f))
		before := shownRows(t, f)
		if err := o.SweepPartials(t.Context(), chunk.Partition{Topic: "frames"}); err != nil {
			t.Fatal(err)
		}
		see("when "+config+" has swept", before)
		if at, inside, err := o.Effective(t.Context(), chunk.Partition{Topic: "frames"}); at != effective || !inside || err != nil {
			t.Errorf("%s holds from %d (%v), want %d, %v", config, at, inside, effective, err)
		}
		if p := resume(t, o); p.From != testN {
			t.Errorf("%s reads from %d", config, p.From)
		}
		return o
	}
	publish := func(o *Output, upTo int64) {
		t.Helper()
		if err := partialUpTo(t, o, 1, upTo); err != nil {
			t.Fatal(err)
		}
	}
	a := testOpen(t, f, "A")
	testBegin(t, a, 0)
	commit(t, a, 0, "A", 0)
	publish(a, 5)
	see("A", "AAAAA")
	b := begin("B", 5)
	if g := b.Generations()[1]; g.Format != insideFormat || g.Began["frames+0"] != 1 || g.Effective["frames+0"] != 5 {
		t.Errorf("the journal says %+v", g)
	}
	publish(b, 5)
	see("B, no further", "AAAAA")
	c := begin("C", 5) // B left no trace
	publish(c, 6)
	see("C", "AAAAAC")
	again := begin("A", 6)
	publish(again, 7)
	see("A again", "AAAAACA")
	if err := partialUpTo(t, c, 1, 7); !errors.Is(err, ErrSuperseded) {
		t.Errorf("C goes on: %v", err)
	}
	d := begin("D", 7)
	for _, end := range []int64{6, 7} { // a job that comes from the chunk's beginning shows nothing shorter
		publish(d, end)
		see("D", "AAAAACA")
		if err := d.Verify(t.Context(), chunk.Partition{Topic: "frames"}, 4, end); err != nil {
			t.Error(err)
		}
	}
	commit(t, d, 0, "D", 1)
	see("D, complete", "AAAAACAD")
	if got := string(read(t, f, testLayout.images(testName(t, 0)))); got != "0 A\n1 A\n2 A\n3 A\n" {
		t.Errorf("pictures of chunk 0: %s", got)
	}
	if p := resume(t, d); p.Chunk != 2 {
		t.Errorf("D goes on at chunk %d", p.Chunk)
	}
	commit(t, d, 0, "D", 1, 2) // a late repeat
	see("D, on", "AAAAACADDDDD")
	if o := testOpen(t, f, "E"); len(o.Generations()[5].Effective) != 0 || o.Generations()[5].Format != journalFormat {
		t.Errorf("E begins at a chunk's beginning, and the journal says %+v", o.Generations()[5])
	}
}

func TestPicturesBeforeAChangeAreOfTheRowsThatStay(t *testing.T) {
	f := testFolder(t)
	a := testOpen(t, f, "A")
	testBegin(t, a, 0)
	if err := partialUpTo(t, a, 0, 2); err != nil {
		t.Fatal(err)
	}
	b := testOpen(t, f, "B") // the first chunk is begun and none is complete
	commit(t, b, 0, "B", 0)
	if got := string(read(t, f, testLayout.images(testName(t, 0)))); got != "0 A\n1 A\n2 B\n3 B\n" {
		t.Errorf("pictures: %s", got)
	}
	end := testEnd(testID(0), 1) // offset 0 is gone
	remove(t, f, testLayout.results(testName(t, 0)))
	if _, err := testWriter(t, b).Commit(t.Context(), end, testRows(end, "B"), testStates(end), nil); !errors.Is(err, ErrPromiseBroken) {
		t.Errorf("a frozen row that the log has no more: %v", err)
	}
}

func TestAnEffectiveOffsetIsInTheLineageOnlyInsideAChunk(t *testing.T) {
	ab := began(gens("A", "B"), 2, "t+0", 5)
	plain := governing(ab, "t+0", 5).lineage
	at := func(offset int64) string {
		ab[1].Effective = map[string]int64{"t+0": offset}
		return governing(ab, "t+0", 5).lineage
	}
	if at(21) == plain || at(21) == at(22) || at(0) != plain {
		t.Error("the lineage does not tell where the configuration began")
	}
}

// TestWhatWasShownStaysWhateverTheConfigurationsDo runs random histories of changed
// configurations, jobs that publish and jobs that were superseded: what readers have seen
// once, they see for ever; and a second output with the same history has the same bytes.
func TestWhatWasShownStaysWhateverTheConfigurationsDo(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f, twin := fakeFolder(t), fakeFolder(t)
		type job struct{ o, twin *Output }
		open := func(config string) job { return job{testOpen(t, f, config), testOpen(t, twin, config)} }
		jobs := []job{open("A")}
		testBegin(t, jobs[0].o, 0)
		testBegin(t, jobs[0].twin, 0)
		shown := ""
		var history []string
		for range rapid.IntRange(1, 14).Draw(rt, "steps") {
			j := jobs[len(jobs)-1]
			if rapid.IntRange(0, 5).Draw(rt, "which job") == 0 {
				j = rapid.SampledFrom(jobs).Draw(rt, "job")
			}
			name := j.o.gens[len(j.o.gens)-1].ConfigDigest
			k := resume(t, j.o).Chunk
			switch what := rapid.SampledFrom([]string{"change", "change and be killed", "partial", "interim", "interim", "complete"}).Draw(rt, "what"); what {
			case "partial":
				upTo := k*testN + rapid.Int64Range(1, testN-1).Draw(rt, "up to")
				history = append(history, fmt.Sprintf("%s publishes up to %d", name, upTo))
				for _, o := range []*Output{j.o, j.twin} {
					if err := partialUpTo(t, o, k, upTo); err != nil && !errors.Is(err, ErrSuperseded) {
						rt.Fatal(err)
					}
				}
			case "interim":
				upTo := k*testN + rapid.Int64Range(1, testN-1).Draw(rt, "up to")
				from := rapid.Int64Range(k*testN, upTo-1).Draw(rt, "from")
				history = append(history, fmt.Sprintf("%s publishes %d to %d", name, from, upTo))
				for _, o := range []*Output{j.o, j.twin} {
					if _, err := interimTo(t, o, k, from, upTo); err != nil && !errors.Is(err, ErrSuperseded) {
						rt.Fatal(err)
					}
				}
			case "complete":
				history = append(history, fmt.Sprintf("%s completes chunk %d", name, k))
				for _, o := range []*Output{j.o, j.twin} {
					end := testEnd(testID(k), 0)
					_, err := testWriter(t, o).Commit(t.Context(), end, testRows(end, name), testStates(end), nil)
					if err != nil && !errors.Is(err, ErrSuperseded) {
						rt.Fatalf("%v\n%s", err, strings.Join(history, "\n"))
					}
				}
			default:
				config := rapid.SampledFrom([]string{"A", "B", "C"}).Draw(rt, "configuration")
				history = append(history, fmt.Sprintf("%s: %s", what, config))
				jobs = append(jobs, open(config))
				if what == "change" {
					o := jobs[len(jobs)-1].o
					if err := errors.Join(o.Sweep(t.Context()), o.SweepPartials(t.Context(), chunk.Partition{Topic: "frames"})); err != nil {
						rt.Fatal(err)
					}
				}
			}
			now := shownRows(t, f)
			if !strings.HasPrefix(now, shown) {
				rt.Fatalf("readers saw %s and see %s\n%s", shown, now, strings.Join(history, "\n"))
			}
			shown = now
		}
		r, err := Compare(t.Context(), twin, f)
		if err != nil || !r.Equal() {
			rt.Fatalf("%v, %v\n%s", r, err, strings.Join(history, "\n"))
		}
		a, b := jobs[len(jobs)-1].o.gens, jobs[len(jobs)-1].twin.gens
		if d := cmp.Diff(a, b); d != "" && !slices.ContainsFunc(history, func(s string) bool { return strings.HasPrefix(s, "change") }) {
			rt.Fatal(d)
		}
	})
}

func TestALiveJobMayReplaceWhatIsLookedAt(t *testing.T) {
	for reads := 1; reads <= 3; reads++ { // of the partial file that is replaced
		for _, whole := range []bool{false, true} {
			f := fakeFolder(t)
			a := testOpen(t, f, "A")
			testBegin(t, a, 0)
			if err := partialUpTo(t, a, 0, 2); err != nil {
				t.Fatal(err)
			}
			left := reads
			fake.before = func(name string) {
				if left == 0 || !strings.Contains(name, "_partial/") {
					return
				}
				if left--; left > 0 {
					return
				}
				if whole {
					commit(t, a, 0, "A", 0)
				} else if err := partialUpTo(t, a, 0, 3); err != nil {
					t.Error(err)
				}
			}
			cfg := OpenConfig{N: testN, ConfigDigest: "B"}
			_, err := Plan(t.Context(), f, cfg)
			if err == nil {
				err = a.Verify(t.Context(), chunk.Partition{Topic: "frames"}, 0, 2)
			}
			var b *Output
			if err == nil {
				b, err = Open(t.Context(), f, cfg)
			}
			fake.before = nil
			if err != nil {
				t.Errorf("replaced at read %d, by the whole chunk %v: %v", reads, whole, err)
				continue
			}
			want := int64(3)
			if whole {
				want = testN
			}
			if at, _, err := b.Effective(t.Context(), chunk.Partition{Topic: "frames"}); at != want || err != nil {
				t.Errorf("replaced at read %d: B holds from %d, %v", reads, at, err)
			}
		}
	}
}
