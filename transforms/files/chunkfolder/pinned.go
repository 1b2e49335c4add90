package chunkfolder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// pinnedEntry is which offsets of a partition are kept whatever becomes of those beside them.
type pinnedEntry struct {
	Format    int        `json:"format"`
	Topic     string     `json:"topic"`
	Partition int32      `json:"partition"`
	Offsets   [][2]int64 `json:"offsets"` // from, to (exclusive)
}

// ReadPinned reads from a file which offsets of a partition are kept for themselves.
func ReadPinned(ctx context.Context, f *store.Folder, file string, p chunk.Partition) (chunk.Offsets, error) {
	var e pinnedEntry
	err := f.ReadJSON(ctx, file, Format, &e)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if is := (chunk.Partition{Topic: e.Topic, ID: e.Partition}); is != p {
		return nil, fmt.Errorf("read %s: it is of %v", f.Path(file), is)
	}
	var pinned chunk.Offsets
	last := int64(chunk.None)
	for _, r := range e.Offsets {
		if r[0] < 0 || r[0] <= last || r[1] <= r[0] {
			return nil, fmt.Errorf("read %s: offsets %d to %d after %d", f.Path(file), r[0], r[1], last)
		}
		pinned = append(pinned, chunk.Range{From: r[0], To: r[1]})
		last = r[1]
	}
	return pinned, nil
}

// WritePinned replaces it.
func (j Journal) WritePinned(ctx context.Context, f *store.Folder, file string, p chunk.Partition, pinned chunk.Offsets) error {
	e := pinnedEntry{Format: Format, Topic: p.Topic, Partition: p.ID, Offsets: [][2]int64{}}
	for _, r := range pinned {
		e.Offsets = append(e.Offsets, [2]int64{r.From, r.To})
	}
	return j.write(ctx, f, file, e)
}
