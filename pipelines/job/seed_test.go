package job_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/framebeam/framebeam/pipelines/job"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/picture"
	"github.com/framebeam/framebeam/transforms/plan"
	"github.com/framebeam/framebeam/transforms/result"
)

// samePart fails unless an output holds of partition 0 what the whole has in the chunks of
// [from, until), and nothing that the whole has not: byte for byte. It returns the number of chunks.
func samePart(t *testing.T, what string, whole, part string, n, from, until int64) (chunks int) {
	t.Helper()
	want, got := trial.Tree(t, whole), trial.Tree(t, part)
	for name, digest := range got {
		if !strings.HasPrefix(name, "_partial/") && want[name] != digest {
			t.Errorf("%s: %s is %s, of the whole %s", what, name, digest, want[name])
		}
	}
	for name := range want {
		at, ok := chunkfolder.ParseFile(strings.TrimSuffix(path.Base(name), path.Ext(name)), "", "")
		if !ok || at.ID != 0 || strings.HasPrefix(name, "_partial/") || at.Start < from/n*n || at.End >= until {
			continue
		}
		if strings.HasPrefix(name, "results/") {
			chunks++
		}
		if _, ok := got[name]; !ok {
			t.Errorf("%s: %s is missing", what, name)
		}
	}
	// The tail that fills no chunk.
	rows := map[int64][]byte{}
	for _, r := range trial.Rows(t, whole) {
		if r.Partition == 0 {
			rows[r.Offset] = r.Marshal()
		}
	}
	seen := 0
	for _, r := range trial.Rows(t, part) {
		if r.Partition != 0 {
			continue
		}
		seen++
		if !bytes.Equal(rows[r.Offset], r.Marshal()) {
			t.Errorf("%s: the row of offset %d is another one", what, r.Offset)
		}
	}
	if want := int(until - from/n*n); seen != want {
		t.Errorf("%s: there are %d rows, not %d", what, seen, want)
	}
	return chunks
}

// A range in the middle, from the states of an output that has the whole, is the same
// range of the whole: whatever the range, in one job or several, from a topic or an archive.
func TestARangeIsTheSameRangeOfTheWhole(t *testing.T) {
	logs := unevenLogs()[:1]
	b := trial.Start(t, logs...)
	archive := archived(t, b, 20, "now")
	whole := t.TempDir()
	all := forgetfulJob(t, b, whole, "now")
	all.Pictures = picture.WithDetections
	run(t, all)
	length := int64(len(logs[0]))
	random := rand.New(rand.NewPCG(12, 3))
	chunks := 0
	for i := range 6 {
		from := random.Int64N(length - 1)
		until := from + 1 + random.Int64N(length-from)
		if i == 0 {
			from, until = 0, length
		}
		pieces := []int64{until}
		if random.IntN(2) == 0 {
			pieces = []int64{from + random.Int64N(until-from+1), until}
		}
		what := fmt.Sprintf("offsets %d to %d up to %v", from, until-1, pieces)
		out := t.TempDir()
		for _, to := range pieces {
			j := forgetfulJob(t, b, out, "now")
			j.Pictures, j.Seed = all.Pictures, whole
			j.Start, j.Until = plan.At(from), plan.At(to)
			if i%2 == 1 {
				j.Log, j.N = archive, 0
			}
			if i%3 == 2 {
				j.SliceBytes = 100_000
			}
			run(t, j)
		}
		chunks += samePart(t, what, whole, out, 16, from, until)
	}
	if chunks < 8 {
		t.Errorf("only %d whole chunks were compared", chunks)
	}

	// Made at the same time and put into one folder, ranges are the whole.
	bounds := []int64{0, 48, 112, length}
	roots := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	var making sync.WaitGroup
	for i, root := range roots {
		j := forgetfulJob(t, b, root, "now")
		j.Pictures, j.Seed = all.Pictures, whole
		j.Start, j.Until = plan.At(bounds[i]), plan.At(bounds[i+1])
		making.Go(func() {
			if _, err := j.Run(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	making.Wait()
	for _, root := range roots[1:] {
		for name := range trial.Tree(t, root) {
			data, err := os.ReadFile(filepath.Join(root, name))
			to := filepath.Join(roots[0], name)
			if err = errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, data, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
	}
	trial.SameTree(t, "put together", trial.Tree(t, whole), trial.Tree(t, roots[0]))
	run(t, forgetfulJob(t, b, roots[0], "now"))
	trial.SameTree(t, "and gone on with", trial.Tree(t, whole), trial.Tree(t, roots[0]))
}

// What the seed made with several configurations is made again with the one that holds
// where the range begins.
func TestARangeBehindAChangeOfTheConfigurationIsTheSameToo(t *testing.T) {
	logs := unevenLogs()[:1]
	b := trial.Start(t, logs...)
	other := func(j *job.Job) {
		remake(t, j, func(c *profiles.Config) { c.Forget = 3; c.Set("motion", `{"threshold": 40}`) })
	}
	whole := t.TempDir()
	run(t, forgetfulJob(t, b, whole, "86")) // inside a chunk, of which a part is shown
	second := forgetfulJob(t, b, whole, "now")
	other(&second)
	run(t, second)
	end := int64(len(logs[0]))
	for name, c := range map[string]struct {
		from, until int64
		remembered  bool
		generations int
	}{
		"before the change, up to it":             {33, 80, false, 1},
		"from the chunk of the change on":         {85, end, true, 2},
		"from the first whole chunk after it on":  {96, end, true, 2},
		"from the chunk of the change, when told": {80, 150, false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			j := forgetfulJob(t, b, out, "now")
			if c.from >= 80 {
				other(&j)
			}
			j.Remembered = c.remembered
			j.Seed, j.Start, j.Until = whole, plan.At(c.from), plan.At(c.until)
			run(t, j)
			samePart(t, name, whole, out, 16, c.from, c.until)
			if gens := generations(t, out); len(gens) != c.generations {
				t.Errorf("there are %d generations, not %d", len(gens), c.generations)
			}
		})
	}
}

// Another configuration holds from the range's beginning on, as it does where an output
// goes on: with the states of what did not change.
func TestAnotherConfigurationFromTheMiddleOnIsThatOfAJobThatGoesOn(t *testing.T) {
	logs := unevenLogs()[:1]
	b := trial.Start(t, logs...)
	whole, wanted, out := t.TempDir(), t.TempDir(), t.TempDir()
	run(t, forgetfulJob(t, b, whole, "now"))
	run(t, forgetfulJob(t, b, wanted, "96"))
	var notes bytes.Buffer
	for _, root := range []string{wanted, out} {
		j := forgetfulJob(t, b, root, "now")
		remake(t, &j, func(c *profiles.Config) { c.Forget = 3; c.Set("motion", `{"threshold": 40}`) })
		if root == out {
			j.Seed, j.Start, j.Notes = whole, plan.At(100), &notes
		}
		run(t, j)
	}
	samePart(t, "with another configuration", wanted, out, 16, 100, int64(len(logs[0])))
	want := fmt.Sprintf(`topic frames partition 0: begins at offset 96, the first of its chunk, with the states of the seed %s
topic frames partition 0: the seed's states have nothing of lines/middle, motion, tracking, zones/left with these settings, so what they remember begins afresh at offset 96: to let them warm up, give an earlier --from, and look at what comes later
`, whole)
	if got := notes.String(); got != want {
		t.Errorf("it says\n%s\nnot\n%s", got, want)
	}
}

func TestWithoutASeedARangeIsSaidToBeginAfresh(t *testing.T) {
	b := trial.Start(t, unevenLogs()[:1]...)
	j := forgetfulJob(t, b, t.TempDir(), "60")
	var notes bytes.Buffer
	j.Start, j.Notes = plan.At(40), &notes
	run(t, j)
	if got := notes.String(); strings.Count(got, "begins at offset 40 with nothing remembered") != 1 {
		t.Errorf("it says %q", got)
	}
}

func TestASeedThatDoesNotFitIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	b := trial.Start(t, unevenLogs()[:1]...)
	short, other := t.TempDir(), t.TempDir()
	run(t, forgetfulJob(t, b, short, "70"))
	run(t, forgetfulJob(t, b, other, "20"))
	for name, c := range map[string]struct {
		change func(*job.Job)
		want   string
	}{
		"it has not come so far":      {func(j *job.Job) { j.Start = plan.At(81) }, "the seed has no states there: the chunk before offset 80 is not complete (from 0 to 64 all are)"},
		"there is none":               {func(j *job.Job) { j.Seed = filepath.Join(short, "none") }, "is no output folder"},
		"it has other chunks":         {func(j *job.Job) { j.N = 32 }, "another number of offsets per chunk"},
		"an output that is there":     {func(j *job.Job) { j.Output = other }, "is there, and not seeded from another one"},
		"the seed itself":             {func(j *job.Job) { j.Output = short }, "is there, and not seeded from another one"},
		"a start that is not reached": {func(j *job.Job) { j.Start = plan.At(10_000) }, "lies beyond the end of the log"},
	} {
		t.Run(name, func(t *testing.T) {
			j := forgetfulJob(t, b, filepath.Join(t.TempDir(), "out"), "now")
			j.Seed, j.Start = short, plan.At(40)
			c.change(&j)
			before := len(trial.Tree(t, other))
			if _, err := j.Run(context.Background()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if n := len(trial.Tree(t, other)); n != before {
				t.Errorf("%d files became %d", before, n)
			}
			if m, _ := filepath.Glob(filepath.Join(j.Output, "*")); j.Output != other && j.Output != short && len(m) > 0 {
				t.Errorf("something was written: %v", m)
			}
		})
	}
}

func TestAnOutputIsSeededFromOneOtherOnly(t *testing.T) {
	b := trial.Start(t, unevenLogs()[:1]...)
	whole, second, out := t.TempDir(), t.TempDir(), t.TempDir()
	run(t, forgetfulJob(t, b, whole, "now"))
	run(t, forgetfulJob(t, b, second, "now"))
	j := forgetfulJob(t, b, out, "60")
	j.Seed, j.Start = whole, plan.At(40)
	run(t, j)
	j.Seed = second
	if _, err := j.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "was seeded from "+whole) {
		t.Error(err)
	}
	// From a seeded output another one is seeded, at its very beginning too.
	third := t.TempDir()
	k := forgetfulJob(t, b, third, "now")
	k.Seed, k.Start = out, plan.At(3)
	run(t, k)
	samePart(t, "from a seeded output", whole, third, 16, 32, int64(len(unevenLogs()[0])))
	if j.Seed = ""; !errors.Is(func() error { _, err := j.Run(context.Background()); return err }(), nil) {
		t.Error("without --seed it does not go on")
	}
}

// The rows of the cameras that are wanted are those of the whole, of one that nobody
// analysed before too; and those of others are there, skipped, their states as they were.
func TestTheRowsOfSelectedCamerasAreThoseOfTheWhole(t *testing.T) {
	logs := unevenLogs()[:1]
	b := trial.Start(t, logs...)
	whole := t.TempDir()
	run(t, forgetfulJob(t, b, whole, "now"))
	rows := trial.Rows(t, whole)
	cameras := map[string]int{}
	for _, r := range rows {
		if r.Status == result.OK {
			cameras[r.Camera]++
		}
	}
	wanted := slices.Sorted(maps.Keys(cameras))[0]
	for name, from := range map[string]int64{"from the beginning": 0, "from the middle": 70} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			j := forgetfulJob(t, b, out, "now")
			j.Cameras = []string{wanted}
			if from > 0 {
				j.Seed, j.Start = whole, plan.At(from)
			}
			run(t, j)
			got := trial.Rows(t, out)
			want := rows[from/16*16:]
			if len(got) != len(want) {
				t.Fatalf("%d rows, not %d", len(got), len(want))
			}
			skipped := 0
			for i := range want {
				r := &got[i]
				if r.Status == result.Skipped {
					skipped++
					if r.Camera == wanted || r.Camera == "" || r.Offset != want[i].Offset || r.Config != "" || len(r.Events) > 0 {
						t.Fatalf("skipped: %+v", r)
					}
				} else if !bytes.Equal(r.Marshal(), want[i].Marshal()) {
					t.Fatalf("offset %d of camera %q is another row", r.Offset, r.Camera)
				}
			}
			if skipped < 20 {
				t.Errorf("%d rows were skipped", skipped)
			}
			// All cameras again: those that were skipped go on from what was remembered of them.
			all := forgetfulJob(t, b, out, "now")
			run(t, all)
		})
	}
}
