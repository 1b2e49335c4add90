package iceberg

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/testdata/property"
)

func TestFilesAreReadBackAsTheyWereAdded(t *testing.T) {
	table := testTable(t, t.TempDir())
	var b bytes.Buffer
	w := parquet.NewGenericWriter[testRow](&b, testDefinition.Schema, parquet.MaxRowsPerRowGroup(2))
	camera, day, nan, two := "gate", int32(19844), math.NaN(), 2.0
	rows := []testRow{
		{&camera, &day, 5, &two, []string{"a", "b"}},
		{&camera, &day, 7, nil, nil},
		{&camera, &day, 9, &nan, nil},
	}
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	v := load(t, table)
	c := table.Begin(v)
	f, err := FileOf(c.NextFile(), Partition{camera, Day(day)}, testDefinition.Schema, w.File().Metadata(), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	unknown := File{Path: c.NextFile(), Partition: Partition{Day: NoDay}, Rows: 1, Bytes: 3}
	if _, err = c.Publish(t.Context(), Change{Added: []File{f, unknown}, Summary: map[string]string{"key": "text"}}, testTime); err != nil {
		t.Fatal(err)
	}
	if v = load(t, table); v.Number != 1 || v.Summary()["key"] != "text" || v.Summary()["total-records"] != "4" {
		t.Errorf("version %d says %v", v.Number, v.Summary())
	}
	var got []File
	if err := table.Files(t.Context(), v, func(f File) error {
		got = append(got, f)
		return nil
	}); err != nil || len(got) != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	if got[0].Path != f.Path || got[0].Partition != f.Partition || got[0].Rows != 3 || got[0].Bytes != f.Bytes || got[0].sequence != 1 {
		t.Errorf("read %+v", got[0])
	}
	if got[1].Partition != unknown.Partition {
		t.Errorf("read %+v", got[1])
	}
	le := func(n int64) []byte { return []byte{byte(n), 0, 0, 0, 0, 0, 0, 0} }
	if d := cmp.Diff(map[int][]byte{1: []byte("gate"), 2: {0x84, 0x4d, 0, 0}, 3: le(5)}, got[0].lower); d != "" {
		t.Errorf("lower bounds (no NaN may be one):\n%s", d)
	}
	if d := cmp.Diff(map[int]int64{1: 3, 2: 3, 3: 3, 4: 3}, got[0].values); d != "" || got[0].nulls[4] != 1 {
		t.Errorf("values, of which %d are NULL:\n%s", got[0].nulls[4], d)
	}
	if len(got[0].splits) != 2 || got[0].splits[0] != 4 || got[0].splits[1] <= 4 {
		t.Errorf("row groups begin at %v", got[0].splits)
	}
}

func TestBoundsOfTextsAreShortAndHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.SampledFrom([]rune{0x10ffff, 0xd7ff, 'a'}))).Draw(t, "text")
		low, high := shortLower([]byte(text)), shortUpper([]byte(text))
		if bytes.Compare(low, []byte(text)) > 0 || high != nil && bytes.Compare(high, []byte(text)) < 0 {
			t.Errorf("%q is not between %q and %q", text, low, high)
		}
		for _, b := range [][]byte{low, high} {
			if n := len([]rune(string(b))); n > boundLength {
				t.Errorf("%q has %d characters", b, n)
			}
		}
	})
}

func TestOfTwoCommitsOnOneVersionOneWins(t *testing.T) {
	root := t.TempDir()
	table := testTable(t, root)
	v := commit(t, table, load(t, table), Change{}, testTime, "gate")
	winner, loser := table.Begin(v, "winner"), table.Begin(v, "loser")
	var files []File
	for _, c := range []*Commit{winner, loser} {
		f, err := write(t.Context(), c, Partition{"yard", 1}, 1)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	v2, err := winner.Publish(t.Context(), Change{Added: files[:1]}, testTime)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := loser.Publish(t.Context(), Change{Added: files[1:]}, testTime); !errors.Is(err, ErrConflict) {
		t.Errorf("the second commit: %v", err)
	}
	if got := paths(t, table, load(t, table)); !slices.Contains(got, files[0].Path) || slices.Contains(got, files[1].Path) || len(got) != 2 {
		t.Errorf("the table has %v", got)
	}
	if err := table.Collect(t.Context(), v2); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(needed(t, table, v2), onDisk(t, root)); d != "" {
		t.Errorf("(-needed +there)\n%s", d)
	}
}

func TestACommitThatWasHeldUpDoesNotTakeANumberThatIsFreeAgain(t *testing.T) {
	root := t.TempDir()
	table := testTable(t, root)
	v1 := commit(t, table, load(t, table), Change{}, testTime, "gate")
	late := table.Begin(v1, "late")
	v := v1
	for i := range 2 * keptVersions {
		v = commit(t, table, v, Change{}, testTime, fmt.Sprint("camera", i))
		if err := table.Collect(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(root + "/metadata/v2.metadata.json"); err == nil {
		t.Fatal("version 2 is still there")
	}
	want := paths(t, table, v)
	if _, err := late.Publish(t.Context(), Change{Summary: map[string]string{"late": ""}}, testTime); !errors.Is(err, ErrConflict) {
		t.Errorf("the late commit: %v", err)
	}
	if got := load(t, table); got.Number != v.Number || !slices.Equal(paths(t, table, got), want) {
		t.Errorf("version %d has %v", got.Number, paths(t, table, got))
	}
	hint, err := os.ReadFile(root + "/" + hintFile)
	if err != nil || string(hint) != fmt.Sprint(v.Number) {
		t.Errorf("the hint says %s, %v", hint, err)
	}
}

func TestSnapshotsExpireWhenTheyWereReplacedLongAgo(t *testing.T) {
	root := t.TempDir()
	table := testTable(t, root)
	at := func(hour int) time.Time { return testTime.Add(time.Duration(hour) * time.Hour) }
	first := commit(t, table, load(t, table), Change{}, at(0), "gate")
	replaced := paths(t, table, first)
	// The first snapshot is old, but was the newest until just now.
	v := commit(t, table, first, Change{Removed: []File{{Path: replaced[0]}}, Expire: at(47)}, at(48), "merged")
	if err := table.Collect(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	if got := paths(t, table, first); !slices.Equal(got, replaced) {
		t.Errorf("who reads the first snapshot finds %v", got)
	}
	needed(t, table, first)
	if v.Expires(at(48)) || !v.Expires(at(49)) {
		t.Error("it expires at another time")
	}
	v = commit(t, table, v, Change{Expire: at(60)}, at(70))
	if err := table.Collect(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(root + "/" + replaced[0]); err == nil {
		t.Error("the file that was replaced is still there")
	}
	if d := cmp.Diff(needed(t, table, v), onDisk(t, root)); d != "" {
		t.Errorf("(-needed +there)\n%s", d)
	}
}

func TestManySmallCommitsHaveFewManifests(t *testing.T) {
	table := testTable(t, t.TempDir())
	v := load(t, table)
	for i := range 2*smallManifests + 1 {
		v = commit(t, table, v, Change{}, testTime, fmt.Sprint("camera", i))
		manifests, err := table.manifests(t.Context(), v.meta.current())
		if err != nil || len(manifests) > smallManifests {
			t.Fatalf("%d manifests, %v", len(manifests), err)
		}
		if got := paths(t, table, v); len(slices.Compact(got)) != i+1 {
			t.Fatalf("after %d commits of a file each there are %v", i+1, got)
		}
	}
}

func TestColumnsAreAddedToATableThatIsThere(t *testing.T) {
	root := t.TempDir()
	old := testTable(t, root)
	commit(t, old, load(t, old), Change{}, testTime, "gate")
	type more struct {
		testRow
		New *string `parquet:"new,optional,id(9)"`
	}
	table, err := Open(old.folder, Definition{parquet.SchemaOf(more{}), []string{"captured"}})
	if err != nil {
		t.Fatal(err)
	}
	v := commit(t, table, load(t, table), Change{}, testTime, "yard")
	if v.meta.CurrentSchema != 1 || len(v.meta.Schemas) != 2 || v.meta.LastColumn != 9 {
		t.Errorf("schema %d of %d, last column %d", v.meta.CurrentSchema, len(v.meta.Schemas), v.meta.LastColumn)
	}
	if got := paths(t, table, load(t, table)); len(got) != 2 {
		t.Errorf("it has %v", got)
	}
	if v = commit(t, table, v, Change{}, testTime, "dock"); len(v.meta.Schemas) != 2 {
		t.Errorf("%d schemas", len(v.meta.Schemas))
	}
}

func TestTablesOfOthersAreRefused(t *testing.T) {
	root := t.TempDir()
	table := testTable(t, root)
	commit(t, table, load(t, table), Change{}, testTime, "gate")
	file := root + "/metadata/v1.metadata.json"
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"another version of the format": {`"format-version": 2`, `"format-version": 3`, "format version 3 is not known"},
		"a table that was moved":        {root, root + "x", "cannot be moved"},
		"another partitioning":          {`"transform": "identity",`, `"transform": "bucket[8]",`, "is not partitioned"},
		"a torn file":                   {"{", "[", "invalid character"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(strings.Replace(string(good), c.old, c.new, 1)), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := table.Load(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestMetadataHaveTheFieldsOfTheSpecification(t *testing.T) {
	root := t.TempDir()
	table := testTable(t, root)
	commit(t, table, commit(t, table, load(t, table), Change{}, testTime, "gate"), Change{}, testTime, "yard")
	b, err := os.ReadFile(root + "/metadata/v2.metadata.json")
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	schema, err := json.Marshal(m["schemas"])
	if err != nil {
		t.Fatal(err)
	}
	if want := `[{"fields":[{"id":1,"name":"camera","required":false,"type":"string"},{"id":2,"name":"day","required":false,"type":"date"},` +
		`{"id":3,"name":"captured","required":false,"type":"timestamptz"},{"id":4,"name":"score","required":false,"type":"double"},` +
		`{"id":5,"name":"labels","required":true,"type":{"element":"string","element-id":6,"element-required":true,"type":"list"}}],` +
		`"schema-id":0,"type":"struct"}]`; string(schema) != want {
		t.Errorf("the schema is\n%s, want\n%s", schema, want)
	}
	if m["last-sequence-number"] != 2.0 || m["last-column-id"] != 6.0 || m["last-partition-id"] != 1001.0 || m["location"] != "file://"+root {
		t.Errorf("%s", b)
	}
}

// A table that is changed and swept in any order, by runs of which some fail, has the files
// that it should, and its folder no others.
func TestATableIsWhatItsCommitsMakeOfIt(t *testing.T) {
	outer := t
	property.Few(t, 25, func(t *rapid.T) {
		root := outer.TempDir()
		table := testTable(outer, root)
		v := load(outer, table)
		var want []string
		now := testTime
		steps := rapid.IntRange(1, 8).Draw(t, "steps")
		for i := range steps {
			now = now.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "minutes")) * time.Minute)
			c := table.Begin(v, fmt.Sprint(i))
			change := Change{Summary: map[string]string{"step": fmt.Sprint(i)}}
			for range rapid.IntRange(0, 2).Draw(t, "files") {
				f, err := write(outer.Context(), c, Partition{fmt.Sprint("camera", i%3), Day(i)}, 1)
				if err != nil {
					t.Fatal(err)
				}
				change.Added = append(change.Added, f)
			}
			left := want
			for n := rapid.IntRange(0, min(3, len(want))).Draw(t, "removed"); n > 0; n-- {
				j := rapid.IntRange(0, len(left)-1).Draw(t, "which")
				change.Removed = append(change.Removed, File{Path: left[j]})
				left = slices.Delete(slices.Clone(left), j, j+1)
			}
			if rapid.Bool().Draw(t, "expire") {
				change.Expire = now.Add(-time.Hour)
			}
			if rapid.IntRange(0, 4).Draw(t, "lost") == 0 {
				if _, err := table.Begin(v, "other").Publish(outer.Context(), Change{Summary: map[string]string{"other": ""}}, now); err != nil {
					t.Fatal(err)
				}
				if _, err := c.Publish(outer.Context(), change, now); !errors.Is(err, ErrConflict) {
					t.Fatalf("the commit that lost: %v", err)
				}
				v = load(outer, table)
			} else {
				next, err := c.Publish(outer.Context(), change, now)
				if err != nil {
					t.Fatal(err)
				}
				v, want = next, left
				for _, f := range change.Added {
					want = append(want, f.Path)
				}
				slices.Sort(want)
			}
			if rapid.Bool().Draw(t, "collect") || i == steps-1 {
				if err := table.Collect(outer.Context(), v); err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(needed(outer, table, v), onDisk(outer, root)); d != "" {
					t.Fatalf("(-needed +there)\n%s", d)
				}
			}
			if got := paths(outer, table, load(outer, table)); !slices.Equal(got, want) {
				t.Fatalf("the table has %v, want %v", got, want)
			}
		}
	})
}
