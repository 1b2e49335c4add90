package table

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/testdata/property"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/iceberg"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
)

func TestEveryRowIsInTheTablesOnce(t *testing.T) {
	o, _ := newOutput(t, 2)
	root := t.TempDir()
	o.add(t, 0, 4)
	o.add(t, 1, 7)
	done := update(t, o.Output, root, Config{})
	holds(t, root, 4, 7)
	if d := cmp.Diff(map[string]int64{"frames+0": 4 * testN, "frames+1": 7 * testN}, done[0].Upto); d != "" || done[0].Rows != 11*testN || done[0].Appended != 11*testN {
		t.Errorf("it says %+v", done[0])
	}
	again := update(t, o.Output, root, Config{})
	if again[0].Version != done[0].Version || again[0].Appended != 0 {
		t.Errorf("with nothing new it says %+v", again[0])
	}
	o.add(t, 0, 1)
	update(t, o.Output, root, Config{})
	holds(t, root, 5, 7)
}

func TestChunksAfterAGapWait(t *testing.T) {
	o, _ := newOutput(t, 1)
	root := t.TempDir()
	for _, k := range []int64{0, 1, 3} {
		if err := o.write(t.Context(), 0, k); err != nil {
			t.Fatal(err)
		}
	}
	update(t, o.Output, root, Config{})
	holds(t, root, 2)
	if err := o.write(t.Context(), 0, 2); err != nil {
		t.Fatal(err)
	}
	update(t, o.Output, root, Config{})
	holds(t, root, 4)
}

// An output that grows, updates of any size, and updates that lose: the tables always have
// each row once, and who has begun to read finds what was there.
func TestTablesFollowAnOutputThatGrows(t *testing.T) {
	outer := t
	property.Few(t, 12, func(t *rapid.T) {
		o, _ := newOutput(outer, 2)
		root := outer.TempDir()
		now := newClock()
		for range rapid.IntRange(1, 5).Draw(t, "updates") {
			o.add(outer, 0, rapid.IntRange(0, 3).Draw(t, "chunks"))
			o.add(outer, 1, rapid.IntRange(0, 3).Draw(t, "chunks"))
			now.now = now.now.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "hours")) * time.Hour)
			cfg := Config{
				Buffer: rapid.SampledFrom([]int64{1, 40_000, 0}).Draw(t, "buffer"), FileBytes: rapid.SampledFrom([]int64{30_000, 0}).Draw(t, "file"), Now: now.Now,
			}
			update(outer, o.Output, root, cfg)
			holds(outer, root, o.next[0], o.next[1])
		}
	})
}

func TestSmallFilesBecomeOneWhenTheirDayIsOver(t *testing.T) {
	o, _ := newOutput(t, 1)
	root := t.TempDir()
	now := newClock()
	for range 8 { // over 4 hours, from an hour before midnight on
		o.add(t, 0, 1)
		now.now = now.now.Add(time.Minute)
		update(t, o.Output, root, Config{Now: now.Now})
	}
	holds(t, root, 8)
	folder, err := store.Open(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	first := iceberg.Day(testBegin.Unix() / 86400)
	for _, c := range []struct {
		name     string
		day      iceberg.Day
		min, max int
	}{{"a day that is over", first, 1, 1}, {"a day that is not", first + 1, 4, 8}} {
		files, err := List(t.Context(), folder, Query{Table: "frames", Cameras: []string{"camera1"}, From: c.day, To: c.day})
		if err != nil || len(files) < c.min || len(files) > c.max {
			t.Errorf("%s has %d files, %v", c.name, len(files), err)
		}
	}
	// Eight of a size become one on a day that is not over, too.
	for range 4 {
		o.add(t, 0, 1)
		update(t, o.Output, root, Config{Now: now.Now})
	}
	files, err := List(t.Context(), folder, Query{Table: "frames", Cameras: []string{"camera1"}, From: first + 1, To: first + 1})
	if err != nil || len(files) > mergeFactor {
		t.Errorf("%d files, %v", len(files), err)
	}
	holds(t, root, 12)

	before := filesIn(t, root, func(name string) bool { return strings.HasSuffix(name, ".parquet") })
	now.now = now.now.Add(25 * time.Hour)
	update(t, o.Output, root, Config{Now: now.Now})
	after := filesIn(t, root, func(name string) bool { return strings.HasSuffix(name, ".parquet") })
	if len(after) >= len(before) {
		t.Errorf("%d files are left of %d when the snapshots have expired", len(after), len(before))
	}
	holds(t, root, 12)
}

func TestTheSameOutputGivesTheSameFiles(t *testing.T) {
	data := func(name string) bool { return strings.Contains(name, "/data/") }
	o, _ := newOutput(t, 2)
	o.add(t, 0, 6)
	o.add(t, 1, 6)
	var all []map[string]string
	for range 2 {
		root := t.TempDir()
		update(t, o.Output, root, Config{Buffer: 40_000})
		all = append(all, filesIn(t, root, data))
	}
	if d := cmp.Diff(slices.Sorted(maps.Keys(all[0])), slices.Sorted(maps.Keys(all[1]))); d != "" {
		t.Errorf("the files are others:\n%s", d)
	}
	for name, content := range all[0] {
		if all[1][name] != content {
			t.Errorf("%s has other bytes", name)
		}
	}
}

func TestOfTwoUpdatesAtOnceOneWins(t *testing.T) {
	o, _ := newOutput(t, 1)
	root := t.TempDir()
	o.add(t, 0, 2)
	update(t, o.Output, root, Config{})
	slow := opened(t, root)
	o.add(t, 0, 2)
	update(t, o.Output, root, Config{})
	o.add(t, 0, 1)
	if _, err := slow.Update(t.Context(), o.Output); !errors.Is(err, iceberg.ErrConflict) {
		t.Errorf("the slower one: %v", err)
	}
	holds(t, root, 4)
	update(t, o.Output, root, Config{})
	holds(t, root, 5)
}

func TestATableOfWhatIsOtherwiseNowIsRefused(t *testing.T) {
	o, folder := newOutput(t, 1)
	root := t.TempDir()
	o.add(t, 0, 3)
	update(t, o.Output, root, Config{})
	// Another configuration goes on where the output ends: the table does too.
	later, err := openOutput(t.Context(), folder.Root(), "B", 1)
	if err != nil {
		t.Fatal(err)
	}
	later.next[0] = 3
	later.add(t, 0, 2)
	update(t, later.Output, root, Config{})
	holds(t, root, 5)
	// Made anew with another one from the beginning, it is another output.
	if err := os.RemoveAll(folder.Root()); err != nil {
		t.Fatal(err)
	}
	anew, err := openOutput(t.Context(), folder.Root(), "C", 1)
	if err != nil {
		t.Fatal(err)
	}
	anew.add(t, 0, 6)
	if _, err := tryUpdate(t.Context(), anew.Output, root, Config{}); err == nil || !strings.Contains(err.Error(), "begin another table") {
		t.Errorf("the error is %v", err)
	}
	holds(t, root, 5)
}

// Between the first look at an output and a commit it may be made anew: rows of the new one
// are not appended to those of the old one.
func TestAnOutputThatIsMadeAnewDuringAnUpdateIsRefused(t *testing.T) {
	o, folder := newOutput(t, 1)
	root := t.TempDir()
	o.add(t, 0, 3)
	update(t, o.Output, root, Config{})
	ts := opened(t, root)
	if err := os.RemoveAll(folder.Root()); err != nil {
		t.Fatal(err)
	}
	anew, err := openOutput(t.Context(), folder.Root(), "C", 1)
	if err != nil {
		t.Fatal(err)
	}
	anew.add(t, 0, 6)
	if err := ts.append(t.Context(), anew.Output); err == nil || !strings.Contains(err.Error(), "begin another table") {
		t.Errorf("the error is %v", err)
	}
	holds(t, root, 3)
}

func TestWhatRetentionTookBeforeItWasInTheTablesIsSaid(t *testing.T) {
	o, folder := newOutput(t, 1)
	root := t.TempDir()
	o.add(t, 0, 2)
	update(t, o.Output, root, Config{})
	o.add(t, 0, 3)
	retained := fmt.Sprintf(`{"format":2,"topic":"frames","partition":0,"start":%d}`, 4*testN)
	if err := folder.CreateExclusive(t.Context(), fmt.Sprintf("_framebeam/frames+0/retained+%019d.json", 4*testN), []byte(retained)); err != nil {
		t.Fatal(err)
	}
	done := update(t, o.Output, root, Config{})
	if done[0].Missed["frames+0"] != 2*testN || done[0].Rows != 3*testN || done[0].Upto["frames+0"] != 5*testN {
		t.Errorf("it says %+v", done[0])
	}
}

func TestDaysAreDropped(t *testing.T) {
	o, _ := newOutput(t, 1)
	root := t.TempDir()
	o.add(t, 0, 8)
	update(t, o.Output, root, Config{})
	ts := opened(t, root)
	midnight := testBegin.Add(time.Hour)
	done, err := ts.Drop(t.Context(), midnight.Add(5*time.Hour)) // the day that has begun is kept
	if err != nil {
		t.Fatal(err)
	}
	var want int64
	for off := range int64(8 * testN) {
		if f := testRow(0, off); f.Captured == 0 || f.Captured >= midnight.UnixMicro() {
			want++ // dead letters lie in one file, which has some of the later day
		}
	}
	if done[0].Rows != want || done[0].Dropped != 8*testN-want {
		t.Errorf("%d rows are left, want %d: %+v", done[0].Rows, want, done[0])
	}
	// What was dropped does not come back.
	o.add(t, 0, 1)
	if done := update(t, o.Output, root, Config{}); done[0].Rows != want+testN {
		t.Errorf("then there are %+v", done[0])
	}
}

func TestWhatAllTablesHaveIsKnown(t *testing.T) {
	o, _ := newOutput(t, 1)
	root := t.TempDir()
	o.add(t, 0, 2)
	update(t, o.Output, root, Config{})
	ts := opened(t, root)
	if d := cmp.Diff(map[string]int64{"frames+0": 2 * testN}, ts.Progress()); d != "" {
		t.Error(d)
	}
	ts.tables[1].progress = progress{}
	if d := cmp.Diff(map[string]int64{"frames+0": 0}, ts.Progress()); d != "" {
		t.Error(d)
	}
}

func TestLineagesOfAnEmptyStretch(t *testing.T) {
	o, _ := newOutput(t, 1)
	if got := o.Lineages(chunk.Partition{Topic: "frames"}, 0, 0); got != nil {
		t.Errorf("got %v", got)
	}
	var want []output.Lineage
	if got := o.Lineages(chunk.Partition{Topic: "frames"}, 3, 3); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}
