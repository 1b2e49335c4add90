// Package export is what the command table does: it keeps an output's results as tables for
// analysts (see transforms/files/table), and names the files of which they are made.
package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/files/table"
)

// Names are the names of the tables.
func Names() []string { return table.Names() }

// Update says which output to keep as tables, and how.
type Update struct {
	Output   string        // folder: a local path or scheme://…
	To       string        // the folder of the tables, likewise
	Again    time.Duration // until the next time; 0: once
	Expire   time.Duration // how long what was replaced stays
	KeepDays int           // how many days are kept; 0: all
	// FileBytes is about how large files become.
	FileBytes int64
	Program   string // what the running program was built from
}

const (
	minFileBytes = 1 << 20
	maxFileBytes = 4 << 30
	maxKeepDays  = 36500
)

// Check returns everything that is wrong with the update.
func (u *Update) Check() error {
	var bad []error
	if strings.TrimSpace(u.Output) == "" {
		bad = append(bad, errors.New("--output is missing"))
	}
	if strings.TrimSpace(u.To) == "" {
		bad = append(bad, errors.New("--tables is missing"))
	} else if inside(u.To, u.Output) {
		bad = append(bad, fmt.Errorf("--tables=%s: inside of the output, whose readers would take the tables for results", u.To))
	}
	if u.Again != 0 && u.Again < time.Second {
		bad = append(bad, fmt.Errorf("--again-after=%v: neither 0 nor at least 1s", u.Again))
	}
	if u.Expire < 0 {
		bad = append(bad, fmt.Errorf("--expire=%v: less than 0", u.Expire))
	}
	if u.KeepDays < 0 || u.KeepDays > maxKeepDays {
		bad = append(bad, fmt.Errorf("--keep-days=%d: not 0 to %d", u.KeepDays, maxKeepDays))
	}
	if u.FileBytes < minFileBytes || u.FileBytes > maxFileBytes {
		bad = append(bad, fmt.Errorf("--file-bytes=%d: not %d to %d", u.FileBytes, minFileBytes, int64(maxFileBytes)))
	}
	return errors.Join(bad...)
}

// inside reports whether a folder is another one, or lies in it.
func inside(folder, other string) bool {
	plain := func(root string) string {
		if abs, err := store.Absolute(root); err == nil && !strings.Contains(root, "://") {
			root = filepath.ToSlash(abs)
		}
		return strings.TrimRight(root, "/") + "/"
	}
	return strings.HasPrefix(plain(folder), plain(other))
}

// Run brings the tables up to date, once or until ctx ends, and prints what was done.
func (u *Update) Run(ctx context.Context, w io.Writer) error {
	for {
		err := u.once(ctx, w)
		if u.Again == 0 {
			return err
		}
		if ctx.Err() != nil {
			return nil // interrupted, as it must be: the tables are as after the last commit
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(u.Again):
		}
	}
}

func (u *Update) once(ctx context.Context, w io.Writer) error {
	folder, err := store.Open(ctx, u.Output)
	if err != nil {
		return err
	}
	o, err := output.OpenExisting(ctx, folder)
	if err != nil {
		return err
	}
	to, err := store.Open(ctx, u.To)
	if err != nil {
		return err
	}
	expire := u.Expire
	if expire == 0 {
		expire = time.Nanosecond // the zero value is the default
	}
	ts, err := table.Open(ctx, to, table.Config{
		FileBytes: u.FileBytes, Expire: expire, Keep: time.Duration(u.KeepDays) * 24 * time.Hour, Program: u.Program,
		Appended: func(rows int64) { slog.InfoContext(ctx, "rows were appended", "table", "frames", "rows", rows) },
	})
	if err != nil {
		return err
	}
	done, err := ts.Update(ctx, o)
	if err != nil {
		return err
	}
	return show(w, done)
}

// show prints what was done, a line for each table.
func show(w io.Writer, all []table.Done) error {
	for _, d := range all {
		line := fmt.Sprintf("%s: %d rows in %d files (version %d of %s), %d new", d.Table, d.Rows, d.Files, d.Version, strings.TrimSuffix(d.Location, "/"), d.Appended)
		if d.Merged > 0 {
			line += fmt.Sprintf(", %d small files merged", d.Merged)
		}
		if d.Dropped > 0 {
			line += fmt.Sprintf(", %d of days no longer kept dropped", d.Dropped)
		}
		for _, key := range slices.Sorted(maps.Keys(d.Missed)) {
			line += fmt.Sprintf(", %d offsets of %s missing: retention was faster", d.Missed[key], key)
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	if len(all) == 0 {
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(all[0].Upto)) {
		if _, err := fmt.Fprintf(w, "%s: all before offset %d\n", key, all[0].Upto[key]); err != nil {
			return err
		}
	}
	return nil
}
