package chunkfolder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/crashpoint"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// A partition's beginning is raised by an entry of its own, prefix+offset.json, and of
// several the highest counts: so two who raise it at once cannot lower it, and a reader
// sees the one or the other. Whoever deletes files must raise the beginning first.

// raisedAttempts bounds how often a reader looks again because the entry that it saw was
// replaced by a higher one.
const raisedAttempts = 8

func raisedFile(prefix string, start int64) string {
	return fmt.Sprintf("%s%0*d.json", prefix, OffsetDigits, start)
}

// ReadRaised returns the highest offset to which a beginning was raised; chunk.None if it
// never was. prefix is the path of the entries up to their offset.
func ReadRaised(ctx context.Context, f *store.Folder, prefix string, p chunk.Partition) (int64, error) {
	for try := 1; ; try++ {
		files, err := f.List(ctx, prefix+"*.json")
		if err != nil || len(files) == 0 {
			return chunk.None, err
		}
		file := files[len(files)-1]
		start, err := ReadBase(ctx, f, file, p)
		switch {
		case err != nil:
			return 0, err
		case start == chunk.None && try < raisedAttempts:
			continue // a higher one has just taken its place
		case start == chunk.None:
			return 0, fmt.Errorf("read %s: %w", f.Path(file), fs.ErrNotExist)
		case file != raisedFile(prefix, start):
			return 0, fmt.Errorf("read %s: it says %v start %d", f.Path(file), p, start)
		}
		return start, nil
	}
}

// Raise raises a beginning to start, unless it is as high, and removes the entries of
// lower ones. It may be repeated.
func (j Journal) Raise(ctx context.Context, f *store.Folder, prefix string, p chunk.Partition, start int64) error {
	had, err := ReadRaised(ctx, f, prefix, p)
	if err != nil {
		return err
	}
	if had < start { // chunk.None is below all
		b, err := j.Marshal(Base{Format, p.Topic, p.ID, start})
		if err != nil {
			return err
		}
		crashpoint.At("retention-raise")
		if err := f.CreateExclusive(ctx, raisedFile(prefix, start), b); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		crashpoint.At("retention-raised")
	}
	files, err := f.List(ctx, prefix+"*.json")
	if err != nil {
		return err
	}
	for _, file := range slices.Backward(files[:max(0, len(files)-1)]) {
		if err := f.Remove(ctx, file); err != nil {
			return err
		}
	}
	return nil
}
