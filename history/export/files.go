package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/framebeam/framebeam/transforms/files/iceberg"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/files/table"
	"github.com/framebeam/framebeam/transforms/frame"
)

// Files asks for the files of tables as they are now.
type Files struct {
	To      string   // the folder of the tables
	Table   string   // "": all of them, in SQL
	Cameras []string // only these; none: all
	Days    string   // 2024-05-01, or 2024-05-01..2024-05-07 with both; "": all
	SQL     bool     // views for DuckDB
}

// Check returns everything that is wrong with the question.
func (q *Files) Check() error {
	var bad []error
	if strings.TrimSpace(q.To) == "" {
		bad = append(bad, errors.New("--tables is missing"))
	}
	if q.Table == "" && !q.SQL {
		bad = append(bad, errors.New("--rows is missing"))
	} else if q.Table != "" && !slices.Contains(Names(), q.Table) {
		bad = append(bad, fmt.Errorf("--rows=%s: not %s", q.Table, strings.Join(Names(), " or ")))
	}
	for _, camera := range q.Cameras {
		if !frame.ValidCamera(camera) {
			bad = append(bad, fmt.Errorf("--camera=%s: not a camera id", camera))
		}
	}
	if _, _, err := q.days(); err != nil {
		bad = append(bad, err)
	}
	return errors.Join(bad...)
}

func (q *Files) days() (from, to iceberg.Day, err error) {
	if q.Days == "" {
		return iceberg.NoDay, iceberg.NoDay, nil
	}
	first, last, ok := strings.Cut(q.Days, "..")
	if !ok {
		last = first
	}
	days := []*iceberg.Day{&from, &to}
	for i, text := range []string{first, last} {
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return 0, 0, fmt.Errorf("--days=%s: not 2024-05-01 or 2024-05-01..2024-05-07", q.Days)
		}
		*days[i] = iceberg.Day(at.Unix() / (24 * 60 * 60))
	}
	if from > to {
		return 0, 0, fmt.Errorf("--days=%s: ends before it begins", q.Days)
	}
	return from, to, nil
}

// Write prints the files, a line each, or views of them.
func (q *Files) Write(ctx context.Context, w io.Writer) error {
	folder, err := store.Open(ctx, q.To)
	if err != nil {
		return err
	}
	from, to, err := q.days()
	if err != nil {
		return err
	}
	for _, name := range Names() {
		if q.Table != "" && q.Table != name {
			continue
		}
		files, err := table.List(ctx, folder, table.Query{Table: name, Cameras: q.Cameras, From: from, To: to})
		if err != nil {
			return err
		}
		if q.SQL {
			_, err = io.WriteString(w, view(name, files))
		} else {
			_, err = io.WriteString(w, strings.Join(append(files, ""), "\n"))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// view is one of files for DuckDB. A table without files has none.
func view(name string, files []string) string {
	if len(files) == 0 {
		return fmt.Sprintf("-- %s has no rows\n", name)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "create or replace temporary view %s as select * from read_parquet([\n", name)
	for i, f := range files {
		end := ","
		if i == len(files)-1 {
			end = "]);"
		}
		fmt.Fprintf(&b, "  '%s'%s\n", strings.ReplaceAll(f, "'", "''"), end)
	}
	return b.String()
}
