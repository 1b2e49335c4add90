package table

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/framebeam/framebeam/transforms/files/iceberg"
)

// Drop drops the days that ended before a time, whole files at once, in one commit. Rows of
// which the time of capture is unknown go with the time at which they were logged.
func (ts *Tables) Drop(ctx context.Context, before time.Time) ([]Done, error) {
	for _, s := range ts.tables {
		if err := ts.drop(ctx, s, before); err != nil {
			return nil, err
		}
	}
	return ts.maintain(ctx)
}

func (ts *Tables) drop(ctx context.Context, s *state, before time.Time) error {
	cut := dayOf(before.UnixMicro()) // the day that is kept first
	var change iceberg.Change
	of := []string{"drop"}
	err := s.table.Files(ctx, s.version, func(f iceberg.File) error {
		day := f.Day
		if day == iceberg.NoDay {
			day = cut
			if b := f.Upper(loggedIDs[s.name()]); len(b) == 8 {
				day = dayOf(int64(binary.LittleEndian.Uint64(b)))
			}
		}
		if day < cut {
			change.Removed = append(change.Removed, f)
			of = append(of, f.Path)
			s.done.Dropped += f.Rows
		}
		return nil
	})
	if err != nil || len(change.Removed) == 0 {
		return err
	}
	return ts.publish(ctx, s, s.table.Begin(s.version, of...), change)
}
