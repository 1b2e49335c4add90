package table

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/framebeam/framebeam/transforms/files/iceberg"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// Config says how tables are brought up to date. The zero value of every field but Program
// is a default.
type Config struct {
	// FileBytes is about how large files become (128 MiB).
	FileBytes int64
	// Buffer is about how many bytes of rows are held, and so appended by a commit (256 MiB).
	Buffer int64
	// Expire is how long snapshots stay that were replaced, for readers that have begun (24 h).
	Expire time.Duration
	// Keep drops days that ended longer ago; 0: none.
	Keep time.Duration
	// Program is what the running program was built from: other programs may write other
	// bytes for the same rows.
	Program string
	// Now is the clock, for times of snapshots, Expire and Keep (time.Now).
	Now func() time.Time
	// Appended is told of each commit that appended rows of the table of frames.
	Appended func(rows int64)
}

const (
	defaultFileBytes = 128 << 20
	defaultBuffer    = 256 << 20
	defaultExpire    = 24 * time.Hour
)

func (c Config) withDefaults() Config {
	if c.FileBytes == 0 {
		c.FileBytes = defaultFileBytes
	}
	if c.Buffer == 0 {
		c.Buffer = defaultBuffer
	}
	if c.Expire == 0 {
		c.Expire = defaultExpire
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Appended == nil {
		c.Appended = func(int64) {}
	}
	return c
}

// Done is what an update did to a table.
type Done struct {
	Table    string
	Location string
	Version  int
	Appended int64 // rows
	Merged   int   // files that became larger ones
	Dropped  int64 // rows of days that are no longer kept
	Rows     int64 // of the table now
	Files    int
	// Upto says by topic+partition up to which offset, exclusive, the table has all rows.
	Upto map[string]int64
	// Missed says by topic+partition how many offsets retention took before they were in the table.
	Missed map[string]int64
}

// Tables are an output's tables in a folder.
type Tables struct {
	cfg    Config
	tables []*state
}

// state is a table as the update knows it.
type state struct {
	kind
	definition iceberg.Definition
	table      *iceberg.Table
	version    *iceberg.Version
	progress   progress
	done       Done
}

// Open opens the tables in a folder, which need not be there.
func Open(ctx context.Context, folder *store.Folder, cfg Config) (*Tables, error) {
	ts := &Tables{cfg: cfg.withDefaults()}
	for _, k := range kinds {
		s := &state{kind: k, definition: k.definition()}
		var err error
		if s.table, err = iceberg.Open(folder.Sub(k.name()), s.definition); err != nil {
			return nil, err
		}
		if s.version, err = s.table.Load(ctx); err != nil {
			return nil, err
		}
		if s.progress, err = progressOf(s.version); err != nil {
			return nil, fmt.Errorf("table %s: %w", s.table.Folder().Root(), err)
		}
		s.done = Done{Table: k.name(), Location: s.table.Path(""), Missed: map[string]int64{}}
		ts.tables = append(ts.tables, s)
	}
	return ts, nil
}

// Update brings the tables up to date with the complete chunks of an output that is there.
func (ts *Tables) Update(ctx context.Context, o *output.Output) ([]Done, error) {
	for _, s := range ts.tables {
		if err := s.progress.check(o); err != nil {
			return nil, fmt.Errorf("table %s: %w", s.table.Folder().Root(), err)
		}
	}
	if err := ts.append(ctx, o); err != nil {
		return nil, err
	}
	return ts.maintain(ctx)
}

// maintain does what an update does beside appending.
func (ts *Tables) maintain(ctx context.Context) (all []Done, err error) {
	for _, s := range ts.tables {
		if ts.cfg.Keep > 0 {
			if err := ts.drop(ctx, s, ts.cfg.Now().Add(-ts.cfg.Keep)); err != nil {
				return nil, err
			}
		}
		if err := ts.merge(ctx, s); err != nil {
			return nil, err
		}
		if s.version.Expires(ts.cfg.expire()) {
			if err := ts.publish(ctx, s, s.table.Begin(s.version, "expire"), iceberg.Change{}); err != nil {
				return nil, err
			}
		}
		if err := s.table.Collect(ctx, s.version); err != nil {
			return nil, err
		}
		all = append(all, s.report())
	}
	return all, nil
}

// report is what was done to a table.
func (s *state) report() Done {
	d := s.done
	d.Version, d.Upto = s.version.Number, map[string]int64{}
	for key, r := range s.progress {
		d.Upto[key] = r.To
	}
	summary := s.version.Summary()
	d.Rows, _ = strconv.ParseInt(summary["total-records"], 10, 64)
	d.Files, _ = strconv.Atoi(summary["total-data-files"])
	return d
}

// expire is when what expires was replaced.
func (c *Config) expire() time.Time { return c.Now().Add(-c.Expire) }

// publish commits a change with the table's progress.
func (ts *Tables) publish(ctx context.Context, s *state, c *iceberg.Commit, change iceberg.Change) (err error) {
	if len(change.Added)+len(change.Removed) > 0 && change.Summary == nil {
		if change.Summary, err = s.progress.summary(); err != nil {
			return err
		}
	}
	change.Expire = ts.cfg.expire()
	v, err := c.Publish(ctx, change, ts.cfg.Now())
	if err != nil {
		return err
	}
	s.version = v
	return nil
}

// Progress says by topic+partition up to which offset, exclusive, all rows are in all tables.
func (ts *Tables) Progress() map[string]int64 {
	upto := map[string]int64{}
	for i, s := range ts.tables {
		for key, r := range s.progress {
			if i == 0 {
				upto[key] = r.To
			}
		}
		for key := range upto {
			upto[key] = min(upto[key], s.progress[key].To)
		}
	}
	return upto
}
