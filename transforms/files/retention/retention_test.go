package retention

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/files/output"
)

const days = 24 * time.Hour

// daily is a log with one chunk a day of cameras a and b, but for some.
func daily(n int) *world {
	w := &world{events: map[int64]string{}}
	for o := range n * testN {
		w.cameras = append(w.cameras, []string{"a", "b"}[o%2])
		w.days = append(w.days, o/testN)
	}
	return w
}

func from(k, to int64) (ks []int64) {
	for ; k < to; k++ {
		ks = append(ks, k)
	}
	return ks
}

func TestWhatIsOldGoesAndWhatIsNeededStays(t *testing.T) {
	id := strings.Repeat("0a", 16)
	ages := func(archive, images, states, results time.Duration) Rules {
		return Rules{Keep: [kinds]time.Duration{archive, images, states, results}}
	}
	week := 7 * days
	for name, c := range map[string]struct {
		rules                            Rules
		now                              int // days
		change                           func(*world)
		archive, images, states, results []int64
	}{
		"nothing by no rules":             {Rules{}, 1000, nil, from(0, 8), from(0, 12), from(0, 12), from(0, 12)},
		"nothing is too old":              {All(week, 0), 6, nil, from(0, 8), from(0, 12), from(0, 12), from(0, 12)},
		"all but a week's":                {All(week, 0), 11, nil, from(2, 8), from(4, 12), from(4, 12), from(4, 12)},
		"all but what is needed":          {All(week, 0), 1000, nil, from(7, 8), from(11, 12), from(11, 12), from(11, 12)},
		"pictures alone":                  {ages(Forever, week, Forever, Forever), 11, nil, from(0, 8), from(4, 12), from(0, 12), from(0, 12)},
		"states alone":                    {ages(Forever, Forever, week, Forever), 11, nil, from(0, 8), from(0, 12), from(4, 12), from(0, 12)},
		"results take the rest with them": {ages(Forever, Forever, Forever, week), 11, nil, from(0, 8), from(4, 12), from(4, 12), from(4, 12)},
		"the state of a camera that was seen long ago": {All(week, 0), 1000, func(w *world) { w.cameras[8*testN] = "c" },
			from(7, 8), from(11, 12), append([]int64{8}, from(11, 12)...), from(11, 12)},
		"what a camera wants longer, and what comes after": {
			Rules{Keep: [kinds]time.Duration{week, week, week, week}, Cameras: []CameraRule{{"c*", [kinds]*time.Duration{ptr(30 * days), nil, nil, ptr(30 * days)}}}},
			11, func(w *world) { w.cameras[2*testN] = "c1" }, from(1, 8), from(4, 12), from(4, 12), from(2, 12),
		},
		"a pinned event, its frames and pictures": {
			Rules{Keep: [kinds]time.Duration{week, week, week, week}, Pins: Pins{IDs: map[string]bool{id: true}}}, 1000,
			func(w *world) { w.events[5*testN] = id }, append(from(2, 4), 7), append(from(3, 6)[0:1:1], 5, 11), from(11, 12), []int64{3, 5, 11},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := daily(12)
			if c.change != nil {
				c.change(w)
			}
			out, arch := folder(t), folder(t)
			w.output(t, out, 12)
			w.archive(t, arch, 8)
			put(t, out+"/results/notes.txt", "mine")
			put(t, out+"/results/frames+0/"+fmt.Sprintf("%019d", 0)+"/notes.parquet", "mine")
			before := tree(t, out)
			p := plan(t, run(t, out, arch, c.rules, day(c.now)))
			if d := cmp.Diff(before, tree(t, out)); d != "" {
				t.Fatal("planning changes something", d)
			}
			if err := p.Do(t.Context()); err != nil {
				t.Fatal(err)
			}
			for kind, want := range map[string][]int64{"images": c.images, "states": c.states, "results": c.results} {
				if got := chunks(t, out, kind, testN); !slices.Equal(got, want) {
					t.Errorf("%s are %v, want %v", kind, got, want)
				}
			}
			if got := chunks(t, arch, "frames", archiveN); !slices.Equal(got, c.archive) {
				t.Errorf("the archive is %v, want %v", got, c.archive)
			}
			for _, mine := range []string{"/results/notes.txt", "/results/frames+0/" + fmt.Sprintf("%019d", 0) + "/notes.parquet"} {
				if _, err := os.Stat(out + mine); err != nil {
					t.Error(err)
				}
			}
			again := plan(t, run(t, out, arch, c.rules, day(c.now)))
			if files, _ := again.Goes(); files != 0 {
				t.Errorf("then %d files go: %+v", files, again.Lines())
			}
		})
	}
}

func TestFilesThatAreNotOursAreCountedOnce(t *testing.T) {
	w := daily(12)
	out := folder(t)
	w.output(t, out, 12)
	put(t, out+"/images/frames+0/"+fmt.Sprintf("%019d", 0)+"/notes.txt", "mine")
	week := 7 * days
	rules := Rules{Keep: [kinds]time.Duration{week, week, week, week}, Cameras: []CameraRule{{"a", [kinds]*time.Duration{nil, ptr(30 * days), nil, ptr(30 * days)}}}}
	p := plan(t, run(t, out, "", rules, day(11)))
	before := tree(t, out)
	if err := p.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if cmp.Equal(before, tree(t, out)) {
		t.Fatal("no pack was thinned")
	}
	for _, l := range p.Lines() {
		want := 0
		if l.Kind == Images.String() {
			want = 1
		}
		if l.Others != want {
			t.Errorf("%d files of %s are not ours, want %d", l.Others, l.Kind, want)
		}
	}
}

func ptr[T any](v T) *T { return &v }

// Whatever the rules: a job goes on as if nothing had gone, what is told to stay stays, and
// what goes is a beginning of what there was.
func TestAJobGoesOnAsIfNothingHadGone(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.Int64Range(1, 16).Draw(rt, "chunks")
		w := &world{events: map[int64]string{}}
		date := 0
		for o := range (n + 2) * testN {
			w.cameras = append(w.cameras, rapid.SampledFrom([]string{"a", "a", "a", "b", "c"}).Draw(rt, "camera"))
			if o%testN == 0 {
				date += rapid.IntRange(0, 3).Draw(rt, "days")
			}
			w.days = append(w.days, date-rapid.IntRange(0, 1).Draw(rt, "late"))
			if rapid.IntRange(0, 9).Draw(rt, "event") == 0 {
				w.events[o] = fmt.Sprintf("%032x", o)
			}
		}
		out, twin, arch := folder(t), folder(t), folder(t)
		w.output(t, out, n)
		if err := os.CopyFS(twin, os.DirFS(out)); err != nil {
			rt.Fatal(err)
		}
		archived := rapid.Int64Range(0, n*testN/archiveN).Draw(rt, "archived")
		w.archive(t, arch, archived)
		rules := Rules{Pins: Pins{IDs: map[string]bool{}}}
		age := func(name string) time.Duration { return time.Duration(rapid.IntRange(0, 40).Draw(rt, name)) * days }
		for k := range kinds {
			rules.Keep[k] = age(k.String())
			if rapid.IntRange(0, 3).Draw(rt, "by camera") == 0 {
				c := CameraRule{Match: "c"}
				c.Keep[k] = ptr(age("of c"))
				rules.Cameras = append(rules.Cameras, c)
			}
		}
		if rapid.Bool().Draw(rt, "by size") {
			rules.Size = rapid.Int64Range(1, 40000).Draw(rt, "size")
		}
		for o := range n * testN {
			if id := w.events[o]; id != "" && rapid.IntRange(0, 3).Draw(rt, "pinned") == 0 {
				rules.Pins.IDs[id] = true
			}
		}
		r := run(t, out, arch, rules, day(date+rapid.IntRange(0, 30).Draw(rt, "now")))
		p := plan(t, r)
		if err := p.Do(context.Background()); err != nil {
			rt.Fatal(err)
		}
		results, states := chunks(t, out, "results", testN), chunks(t, out, "states", testN)
		frames := chunks(t, arch, "frames", archiveN)

		has := func(what string, ks []int64, k int64) {
			if !slices.Contains(ks, k) {
				rt.Fatalf("%s of chunk %d are gone: %v", what, k, ks)
			}
		}
		has("results", results, n-1)
		has("states", states, n-1)
		for _, c := range w.end(n - 1).Cameras {
			has("states", states, c.Last/testN)
		}
		for o, id := range w.events {
			if o < n*testN && rules.Pins.IDs[id] {
				has("results", results, o/testN)
				if o/archiveN < archived {
					has("frames", frames, o/archiveN)
				}
			}
		}
		for k := range archived { // what is not analysed, or may be again
			if (k+1)*archiveN > (n-1)*testN {
				has("frames", frames, k)
			}
		}
		for k := range n { // what is young enough, and all that comes after
			newest := slices.Max(w.days[k*testN : (k+1)*testN])
			if keep := rules.Keep[Results]; rules.Size == 0 && (keep == Forever || day(newest).Add(keep).Compare(r.Now) >= 0) {
				byCamera := slices.ContainsFunc(rules.Cameras, func(c CameraRule) bool { return c.Keep[Results] != nil })
				for later := k; later < n && !byCamera; later++ {
					has("results", results, later)
				}
			}
		}

		resumed := func(root string) (output.Position, map[string]string) {
			o := run(t, root, "", Rules{}, day(0)).Output
			pos, err := o.Resume(context.Background(), chunkPartition)
			if err != nil {
				rt.Fatal(err)
			}
			s, err := output.OpenStates(context.Background(), output.Spec{Root: root, N: testN, Generation: 1})
			if err != nil {
				rt.Fatal(err)
			}
			memory := map[string]string{}
			for _, c := range pos.Cameras {
				b, _, ok, err := s.Load(context.Background(), chunkPartition, c.Last/testN, c.Camera)
				if err != nil || !ok {
					rt.Fatalf("the state of %s: %v, %v", c.Camera, ok, err)
				}
				memory[c.Camera] = string(b)
			}
			pos.Base = 0
			return pos, memory
		}
		pos, memory := resumed(out)
		wantPos, wantMemory := resumed(twin)
		if d := cmp.Diff(wantPos, pos) + cmp.Diff(wantMemory, memory); d != "" {
			rt.Fatal(d)
		}
		w.commit(t, out, n, n+2)
		w.commit(t, twin, n, n+2)
		got, want := tree(t, out), tree(t, twin)
		for name, b := range got {
			if want[name] != b && !strings.HasPrefix(name, "images/") { // packs are thinned by camera
				rt.Fatalf("%s has changed", name)
			}
			delete(want, name)
		}
		for name := range want {
			if strings.Contains(name, fmt.Sprintf("+%019d+", n*testN)) || strings.Contains(name, fmt.Sprintf("+%019d+", (n+1)*testN)) {
				rt.Fatalf("%s is not there", name)
			}
		}
		if next, err := run(t, out, "", Rules{}, day(0)).Output.Resume(context.Background(), chunkPartition); err != nil || next.Chunk != n+2 {
			rt.Fatalf("then it goes on at %d, %v", next.Chunk, err)
		}
	})
}

var chunkPartition = frames
