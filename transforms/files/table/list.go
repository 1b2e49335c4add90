package table

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/framebeam/framebeam/transforms/files/iceberg"
	"github.com/framebeam/framebeam/transforms/files/store"
)

var errNoTable = errors.New("there is no table")

// Query chooses files of a table.
type Query struct {
	Table   string
	Cameras []string // none: all
	// From and To are days, inclusive; iceberg.NoDay: open.
	From, To iceberg.Day
}

// List names, by their whole paths, the files of a table as it is now that may have rows of
// the cameras and days: together each row of theirs once. They stay until the snapshot expires.
func List(ctx context.Context, folder *store.Folder, q Query) (paths []string, err error) {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name() == q.Table })
	if i < 0 {
		return nil, fmt.Errorf("%q is no table", q.Table)
	}
	t, err := iceberg.Open(folder.Sub(q.Table), kinds[i].definition())
	if err != nil {
		return nil, err
	}
	v, err := t.Load(ctx)
	if err != nil {
		return nil, err
	}
	if v.Number == 0 {
		return nil, fmt.Errorf("%s: %w", t.Folder().Root(), errNoTable)
	}
	err = t.Files(ctx, v, func(f iceberg.File) error {
		if len(q.Cameras) > 0 && !slices.Contains(q.Cameras, f.Camera) ||
			q.From != iceberg.NoDay && f.Day < q.From || q.To != iceberg.NoDay && f.Day > q.To {
			return nil
		}
		paths = append(paths, t.Folder().Path(f.Path))
		return nil
	})
	slices.Sort(paths)
	return paths, err
}
