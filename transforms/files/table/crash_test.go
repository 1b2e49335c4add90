package table

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/testdata/command"
	"github.com/framebeam/framebeam/transforms/files/iceberg"
	"github.com/framebeam/framebeam/transforms/files/store"
)

func TestMain(m *testing.M) {
	command.Become("update", func() {
		if err := killable(context.Background(), os.Args[1], os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	})
	os.Exit(m.Run())
}

// crashConfig is of the update that is killed: small commits, on a day when all snapshots
// that were there before have expired.
func crashConfig() Config {
	now := newClock()
	now.now = now.now.Add(100 * time.Hour)
	return Config{Now: now.Now, Buffer: 30_000, Expire: time.Hour}
}

func killable(ctx context.Context, out, root string) error {
	o, err := openOutput(ctx, out, "A", 1)
	if err != nil {
		return err
	}
	_, err = tryUpdate(ctx, o.Output, root, crashConfig())
	return err
}

func TestAnUpdateKilledAnywhereLeavesTheTablesAsTheyWereOrAsTheyShouldBe(t *testing.T) {
	o, folder := newOutput(t, 1)
	o.add(t, 0, 5)
	longer, _ := newOutput(t, 1) // the same, with a chunk more
	longer.add(t, 0, 6)
	var shorter []*testOutput // and with fewer
	for n := range 3 {
		fewer, _ := newOutput(t, 1)
		fewer.add(t, 0, n+1)
		shorter = append(shorter, fewer)
	}
	prepared := func() string {
		root := t.TempDir()
		now := newClock()
		for _, o := range shorter {
			update(t, o.Output, root, Config{Now: now.Now})
			now.now = now.now.Add(time.Hour)
		}
		return root
	}
	for _, point := range []string{
		"table-data", "table-manifest", "table-before-commit", "table-committed", "table-remove-data", "table-remove-manifest", "table-remove-folder",
	} {
		t.Run(point, func(t *testing.T) {
			for n := 1; ; n *= 2 { // later times are much alike
				root := prepared()
				if point == "table-remove-folder" { // of a run that died before its commit
					if err := command.New(t, "update", "table-data:2", folder.Root(), root).Run(); !command.Killed(err) {
						t.Fatal(err)
					}
				}
				out, err := command.New(t, "update", fmt.Sprintf("%s:%d", point, n), folder.Root(), root).CombinedOutput()
				if !command.Killed(err) {
					if err != nil || n == 1 && point != "table-remove-folder" {
						t.Fatalf("it was not killed: %v\n%s", err, out)
					}
					holds(t, root, 5)
					return
				}
				// Each table has the rows of the first chunks, each once.
				for name, rows := range rowsNow(t, root) {
					if rows != rowsOf(name, 3) && rows != rowsOf(name, 4) && rows != rowsOf(name, 5) {
						t.Errorf("time %d: %s has %d rows", n, name, rows)
					}
				}
				update(t, o.Output, root, crashConfig())
				holds(t, root, 5)
				// What lies about is swept when the next commit has been made, and what
				// has expired with it: then there is what the newest snapshots have.
				cfg := crashConfig()
				later := cfg.Now().Add(2 * time.Hour)
				cfg.Now = func() time.Time { return later }
				update(t, longer.Output, root, cfg)
				holds(t, root, 6)
				later = later.Add(2 * time.Hour)
				update(t, longer.Output, root, cfg)
				there := filesIn(t, root, func(name string) bool {
					return strings.HasSuffix(name, ".parquet") || strings.Contains(name, "_temporary")
				})
				tables, err := store.Open(t.Context(), root)
				if err != nil {
					t.Fatal(err)
				}
				for _, name := range Names() {
					files, err := List(t.Context(), tables, Query{Table: name, From: iceberg.NoDay, To: iceberg.NoDay})
					if err != nil {
						t.Fatal(err)
					}
					for _, f := range files {
						delete(there, strings.TrimPrefix(f, root+"/"))
					}
				}
				for name := range there {
					t.Errorf("time %d: %s is left", n, name)
				}
			}
		})
	}
}
