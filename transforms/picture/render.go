package picture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/output"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/store"
)

const (
	imagesDir = "images/"
	// partialDir holds the pictures of chunks that are not complete. Its name
	// begins with "_" as that of the partial results does.
	partialDir = imagesDir + "_partial/"
)

// Rendered says what [Render] did.
type Rendered struct {
	Packs    int // files written
	Pictures int // in them
	Missing  int // frames that the log no longer has
	Kept     int // files left as they were, since a new one would lack frames
}

// Render makes the pictures of an output: for every results file the pack
// images/<its name>.zip, and for those of incomplete chunks
// images/_partial/<its name>.zip. Packs that are there are replaced, unless the
// log has lost frames since. Results without a picture get no file.
func Render(ctx context.Context, out *output.Output, spec PackSpec, parse frame.ParseOptions) (sum Rendered, err error) {
	p, err := OpenPacker(ctx, spec, parse)
	if err != nil {
		return Rendered{}, fmt.Errorf("render pictures: %w", err)
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if err := sweepPartial(ctx, out.Folder()); err != nil {
		return Rendered{}, fmt.Errorf("render pictures: %w", err)
	}
	err = out.Each(ctx, func(name string, rows []result.Frame, partial bool) error {
		if err := p.render(ctx, out.Folder(), packFile(name, partial), rows, &sum); err != nil {
			return fmt.Errorf("render pictures of %s: %w", name, err)
		}
		return nil
	})
	return sum, err
}

func packFile(results string, partial bool) string {
	base := path.Base(results)
	dir := imagesDir
	if partial {
		dir = partialDir
	}
	return dir + strings.TrimSuffix(base, path.Ext(base)) + ".zip"
}

func (p *Packer) render(ctx context.Context, folder *store.Folder, file string, rows []result.Frame, sum *Rendered) error {
	var entries, missing int
	return folder.Put(ctx, file, func(w io.Writer) (err error) {
		entries, missing, err = p.pack(ctx, w, rows)
		return err
	}, func(s *store.Staged, ctx context.Context) error {
		sum.Missing += missing
		if entries == 0 {
			return s.Discard(ctx)
		}
		if missing > 0 {
			err := s.PublishNew(ctx)
			if errors.Is(err, fs.ErrExist) {
				sum.Kept++
				return s.Discard(ctx)
			}
			if err == nil {
				sum.Packs, sum.Pictures = sum.Packs+1, sum.Pictures+entries-1
			}
			return err
		}
		sum.Packs, sum.Pictures = sum.Packs+1, sum.Pictures+entries
		return s.Replace(ctx)
	})
}

// sweepPartial removes the packs of incomplete chunks: their names change as
// the chunks grow.
func sweepPartial(ctx context.Context, folder *store.Folder) error {
	names, err := folder.List(ctx, partialDir+"*.zip")
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := folder.Remove(ctx, n); err != nil {
			return err
		}
	}
	return nil
}
