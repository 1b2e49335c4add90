package iceberg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/framebeam/framebeam/transforms/files/store"
)

type testRow struct {
	Camera   *string  `parquet:"camera,optional,id(1)"`
	Day      *int32   `parquet:"day,optional,date,id(2)"`
	Captured int64    `parquet:"captured,optional,timestamp(microsecond),id(3)"`
	Score    *float64 `parquet:"score,optional,id(4)"`
	Labels   []string `parquet:"labels,list,id(5)" parquet-element:",id(6)"`
}

var testDefinition = Definition{Schema: parquet.SchemaOf(testRow{}), Sorted: []string{"captured"}}

var testTime = time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)

func testTable(t testing.TB, root string) *Table {
	t.Helper()
	folder, err := store.Open(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	table, err := Open(folder, testDefinition)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func load(t *testing.T, table *Table) *Version {
	t.Helper()
	v, err := table.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// write writes a data file whose content does not matter.
func write(ctx context.Context, c *Commit, p Partition, rows int64) (File, error) {
	f := File{Path: c.NextFile(), Partition: p, Rows: rows, Bytes: 4}
	return f, c.t.folder.WriteAtomic(ctx, f.Path, []byte("data"))
}

// commit commits files of these cameras and removes those of the given paths.
func commit(t *testing.T, table *Table, v *Version, change Change, now time.Time, cameras ...string) *Version {
	t.Helper()
	c := table.Begin(v, fmt.Sprint(cameras), fmt.Sprint(len(change.Removed)))
	for _, camera := range cameras {
		f, err := write(t.Context(), c, Partition{camera, 19844}, 10)
		if err != nil {
			t.Fatal(err)
		}
		change.Added = append(change.Added, f)
	}
	next, err := c.Publish(t.Context(), change, now)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// paths are the data files of a version.
func paths(t *testing.T, table *Table, v *Version) (all []string) {
	t.Helper()
	if err := table.Files(t.Context(), v, func(f File) error {
		all = append(all, f.Path)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// onDisk are all files of a table, but versions and the hint.
func onDisk(t *testing.T, root string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(root, p)
		if err == nil && !d.IsDir() && !strings.HasPrefix(name, "metadata/v") {
			all = append(all, name)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return all
}

// needed are the files that the snapshots of a version have, which must all be there.
func needed(t *testing.T, table *Table, v *Version) (all []string) {
	t.Helper()
	r, err := table.reachable(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	for _, names := range []map[string]bool{r.lists, r.manifests, r.data} {
		for name := range names {
			if there, err := table.folder.Exists(t.Context(), name); err != nil || !there {
				t.Errorf("version %d needs %s, which is gone: %v", v.Number, name, err)
			}
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}
