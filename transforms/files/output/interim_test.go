package output

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

// interimTo publishes what has come of chunk k from an offset on, as a job of o finds it.
func interimTo(t testing.TB, o *Output, k, from, upTo int64) (Published, error) {
	w, err := OpenWriter(t.Context(), o.Spec())
	if err != nil {
		return Published{}, err
	}
	n := o.layout.N
	end := chunk.End{ID: testID(k), N: n, Partial: true, Interim: true, UpTo: upTo, Offsets: chunk.Span(k*n, upTo)}
	all := testRows(end, o.gens[len(o.gens)-1].ConfigDigest)
	return w.CommitInterim(t.Context(), end, all[from-k*n:], func() ([]result.Frame, error) { return all, nil })
}

// longOutput is an output with n offsets per chunk.
func longOutput(t testing.TB, f *store.Folder, n int64) *Output {
	t.Helper()
	o, err := Open(t.Context(), f, OpenConfig{N: n, ConfigDigest: "A"})
	if err != nil {
		t.Fatal(err)
	}
	testBegin(t, o, 0)
	return o
}

// chainOf are the partial files that readers see of chunk 0 of partition 0, by their offsets.
func chainOf(t testing.TB, o *Output) string {
	t.Helper()
	_, files, _, err := o.begun(t.Context(), chunk.Partition{Topic: "frames"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range files {
		n, _ := f.Span()
		all = append(all, fmt.Sprintf("%d-%d", n.Start, n.End))
	}
	return strings.Join(all, " ")
}

// partialFiles are those of partition 0, by their offsets.
func partialFiles(t testing.TB, o *Output) (all []string) {
	t.Helper()
	names, err := o.layout.Partials(t.Context(), o.folder, partialsDir, resultsExt, chunk.Partition{Topic: "frames"})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		all = append(all, fmt.Sprintf("%d-%d", n.Start, n.End))
	}
	return all
}

func TestAGrowingChunkIsShownInFewFilesAndWrittenFewTimes(t *testing.T) {
	const n = 512
	for _, step := range []int64{3, 12, 100} {
		o := longOutput(t, fakeFolder(t), n)
		written, commits, most := 0, 0, 0
		for upTo := step; upTo < n; upTo += step {
			p, err := interimTo(t, o, 0, upTo-step, upTo)
			if err != nil {
				t.Fatal(err)
			}
			written, commits, most = written+p.Rows, commits+1, max(most, len(partialFiles(t, o)))
		}
		if got := len(shownRows(t, o.folder)); int64(got) != (n-1)/step*step {
			t.Errorf("%d rows each: readers see %d", step, got)
		}
		log := bits.Len64(uint64(n / step))
		if bound := (log + 1) * n; most > 2*(log+2) || written > bound {
			t.Errorf("%d rows each: %d files at most, %d rows were written in all for %d", step, most, written, n)
		}
		t.Logf("%d rows each: %d commits, %d files at most, each row was written %.1f times (rewriting the beginning: %.1f)",
			step, commits, most, float64(written)/n, float64(commits+1)/2)
	}
}

func TestWhatHasComeGoesOnWhereTheOtherFilesEnd(t *testing.T) {
	o := longOutput(t, testFolder(t), 64)
	for _, c := range []struct {
		what       string
		from, upTo int64
		want       string
	}{
		{"the first", 0, 10, "0-9"},
		{"the next", 10, 14, "0-9 10-13"},
		{"what is much shorter", 14, 15, "0-9 10-13 14-14"},
		{"it takes in what is not twice as long", 15, 17, "0-9 10-16"},
		{"nothing new", 0, 17, "0-9 10-16"},
		{"less than there is", 0, 12, "0-9 10-16"},
		{"more than what comes after", 0, 20, "0-9 10-16 17-19"}, // the rows before are there
		{"rows that do not reach the others", 25, 30, "0-29"},
	} {
		if _, err := interimTo(t, o, 0, c.from, c.upTo); err != nil {
			t.Fatal(err)
		}
		if got := chainOf(t, o); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
	// What was taken in last is still there for who has listed it, and nothing else.
	if got := strings.Join(partialFiles(t, o), " "); got != "0-29 0-9 10-16 17-19" {
		t.Errorf("there are %s", got)
	}
	if got := len(shownRows(t, o.folder)); got != 30 {
		t.Errorf("readers see %d rows", got)
	}
}

func TestTheBeginningOfAChunkIsOneFileWhenTheLogStandsStill(t *testing.T) {
	o := longOutput(t, testFolder(t), 64)
	for _, upTo := range []int64{10, 14, 15} {
		if _, err := interimTo(t, o, 0, 0, upTo); err != nil {
			t.Fatal(err)
		}
	}
	w := testWriter(t, o)
	end := chunk.End{ID: testID(0), N: 64, Partial: true, UpTo: 15, Offsets: chunk.Span(0, 15)}
	if _, err := w.CommitPartial(t.Context(), end, testRows(end, "A"), testPictures{}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(partialFiles(t, o), " "); got != "0-14" {
		t.Errorf("there are %s", got)
	}
	pack := o.layout.partialImages(chunkfolder.Name{Partition: chunk.Partition{Topic: "frames"}, Start: 0, End: 14})
	read(t, o.folder, pack)
	if _, err := interimTo(t, o, 0, 15, 60); err != nil { // much longer
		t.Fatal(err)
	}
	read(t, o.folder, pack) // pictures stay
	whole := chunk.End{ID: testID(0), N: 64, Offsets: chunk.Span(0, 64)}
	if _, err := w.Commit(t.Context(), whole, testRows(whole, "A"), nil, nil); err != nil {
		t.Fatal(err)
	}
	if got := partialFiles(t, o); len(got) > 0 {
		t.Errorf("beside the whole chunk there are %s", got)
	}
	if there, err := o.folder.Exists(t.Context(), pack); there || err != nil {
		t.Errorf("pictures of the beginning are there (%v)", err)
	}
}

// TestAChainOfFilesIsVerifiedCheckedAndWatched asks everybody who looks at what has come of a chunk.
func TestAChainOfFilesIsVerifiedCheckedAndWatched(t *testing.T) {
	o, part := longOutput(t, fakeFolder(t), 64), chunk.Partition{Topic: "frames"}
	for _, upTo := range []int64{16, 24, 28} {
		if _, err := interimTo(t, o, 0, 0, upTo); err != nil {
			t.Fatal(err)
		}
	}
	if got := chainOf(t, o); got != "0-15 16-23 24-27" {
		t.Fatalf("the chain is %s", got)
	}
	if err := o.Verify(t.Context(), part, 0, 28); err != nil {
		t.Error(err)
	}
	if err := o.Verify(t.Context(), part, 0, 29); err == nil {
		t.Error("more is there than was published")
	}
	if c, err := o.CheckPartials(t.Context(), part); err != nil || c.Files != 3 || len(c.Faults) > 0 {
		t.Errorf("checked: %+v, %v", c, err)
	}
	watcher := o.Watcher()
	shows := func(upTo int64) {
		t.Helper()
		if g, err := watcher.Look(t.Context(), part); err != nil || g.Complete != 0 || g.Shown != upTo {
			t.Errorf("it has come as far as %+v, want %d: %v", g, upTo, err)
		}
	}
	shows(28)
	fake.reads = 0
	shows(28)
	if fake.reads > 0 {
		t.Errorf("where nothing has happened %d files are read", fake.reads)
	}

	// What is damaged is found, and taken away; a job that still runs closes the gap.
	damaged := o.layout.partial(chunkfolder.Name{Partition: part, Start: 16, End: 23})
	overwrite(t, o.folder, damaged, []byte("no results"))
	if c, err := o.CheckPartials(t.Context(), part); err != nil || len(c.Faults) != 1 || c.Faults[0].File != damaged {
		t.Errorf("checked with a damaged file: %+v, %v", c, err)
	}
	if err := o.SweepPartials(t.Context(), part); err != nil {
		t.Fatal(err)
	}
	shows(16)
	if _, err := interimTo(t, o, 0, 28, 32); err != nil {
		t.Fatal(err)
	}
	if got := chainOf(t, o); got != "0-31" {
		t.Errorf("then the chain is %s", got)
	}
	shows(32)
}

// TestTheBeginningOfAChunkIsWhatWasPublishedWhateverHappens has jobs of one configuration
// publish what they have, each from where it stood, some killed between two steps.
func TestTheBeginningOfAChunkIsWhatWasPublishedWhateverHappens(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		const n = 64
		o := longOutput(t, fakeFolder(t), n)
		shown := int64(0)
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			upTo := rapid.Int64Range(1, n-1).Draw(rt, "up to")
			w := testWriter(t, o)
			killed := errors.New("killed")
			if rapid.IntRange(0, 4).Draw(rt, "is it killed") == 0 {
				at := rapid.SampledFrom([]string{"sink-interim-begun", "sink-interim-closed", "sink-interim-renamed", "sink-between-partials"}).Draw(rt, "at")
				w.hook = func(point string) {
					if point == at {
						panic(killed)
					}
				}
			}
			end := chunk.End{ID: testID(0), N: n, Partial: true, UpTo: upTo, Offsets: chunk.Span(0, upTo)}
			all := testRows(end, "A")
			interim := rapid.IntRange(0, 5).Draw(rt, "interim") > 0
			from := min(upTo, rapid.Int64Range(0, n-1).Draw(rt, "from"))
			died := func() (died bool) {
				defer func() {
					if r := recover(); r != nil {
						if r != killed { //nolint:errorlint // the same
							panic(r)
						}
						died = true
					}
				}()
				var err error
				if interim {
					end.Interim = true
					_, err = w.CommitInterim(t.Context(), end, all[from:], func() ([]result.Frame, error) { return all, nil })
				} else {
					_, err = w.CommitPartial(t.Context(), end, all, nil)
				}
				if err != nil {
					rt.Fatal(err)
				}
				return false
			}()
			now := int64(len(shownRows(t, o.folder))) // without gaps, or it fails
			if now < shown || !died && now != max(shown, upTo) || died && now != shown && now != upTo {
				rt.Fatalf("up to %d (interim %v, killed %v): readers saw %d rows and see %d: %v", upTo, interim, died, shown, now, partialFiles(t, o))
			}
			shown = now
			if died {
				if err := errors.Join(o.Sweep(t.Context()), o.SweepPartials(t.Context(), chunk.Partition{Topic: "frames"})); err != nil {
					rt.Fatal(err)
				}
				if now := int64(len(shownRows(t, o.folder))); now != shown {
					rt.Fatalf("after sweeping readers see %d of %d rows", now, shown)
				}
			}
		}
		whole := chunk.End{ID: testID(0), N: n, Offsets: chunk.Span(0, n)}
		if _, err := testWriter(t, o).Commit(t.Context(), whole, testRows(whole, "A"), nil, nil); err != nil {
			rt.Fatal(err)
		}
		if got := partialFiles(t, o); len(got) > 0 {
			rt.Fatalf("beside the whole chunk there are %s", got)
		}
	})
}
