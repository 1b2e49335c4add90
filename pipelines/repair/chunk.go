package repair

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/framebeam/framebeam/pipelines/remake"
	"github.com/framebeam/framebeam/pipelines/verify"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/crashpoint"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// chunk makes the files of a chunk of the output again that something is wrong with.
func (r *Run) chunk(ctx context.Context, found []verify.Finding) error {
	wrong := map[string]*verify.Finding{} // by kind
	for i := range found {
		f := &found[i]
		if f.Kind == "partial" { // the next job makes it again
			if err := aside(ctx, r.Output.Folder(), f.File); err != nil {
				return err
			}
			continue
		}
		if had := wrong[f.Kind]; had == nil || had.Missing {
			wrong[f.Kind] = f
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	id := found[0].ID()
	spec, err := r.source(ctx, id)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "framebeam-repair-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	source := remake.Source{Output: r.Output, Log: spec, Back: back}
	if wrong["images"] != nil || wrong["results"] != nil {
		source.Pictures = r.Pictures
	}
	made, err := source.Chunk(ctx, dir, id.Partition, id.Index)
	if err != nil {
		return err
	}
	crashpoint.At("repair-made")
	return r.put(ctx, id, made, wrong)
}

// put puts what was made in the place of what is wrong. Results are the commit of a chunk:
// wrong ones go first, and new ones come last.
func (r *Run) put(ctx context.Context, id chunk.ID, made *output.Output, wrong map[string]*verify.Finding) error {
	had, new := r.Output.Names(id), made.Names(id)
	files := []struct{ kind, file, from string }{{"states", had.States, new.States}, {"images", had.Images, new.Images}, {"results", had.Results, new.Results}}
	content := map[string][]byte{}
	for _, f := range files {
		b, err := made.Folder().Read(ctx, f.from)
		if errors.Is(err, fs.ErrNotExist) && f.kind == "images" {
			continue
		}
		if err != nil {
			return err
		}
		content[f.kind] = b
		if wrong[f.kind] != nil || f.kind == "images" {
			continue
		}
		is, err := r.Output.Folder().Read(ctx, f.file)
		if errors.Is(err, fs.ErrNotExist) && f.kind == "states" {
			continue // given up
		}
		if err != nil {
			return err
		}
		if !bytes.Equal(is, b) {
			return fmt.Errorf("%s reads well, and analysing its frames again gives other bytes: its configuration, or what it stands on, is not what it was", f.file)
		}
	}
	for i := range files {
		if f := files[len(files)-1-i]; wrong[f.kind] != nil && !wrong[f.kind].Missing {
			if err := aside(ctx, r.Output.Folder(), f.file); err != nil {
				return err
			}
			crashpoint.At("repair-aside")
		}
	}
	for _, f := range files {
		b := content[f.kind]
		if b == nil || wrong[f.kind] == nil && (f.kind != "images" || wrong["results"] == nil) {
			continue
		}
		err := r.Output.Folder().Put(ctx, f.file, store.WriteAll(b), func(s *store.Staged, ctx context.Context) error { return s.PublishNew(ctx) })
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		crashpoint.At("repair-put")
	}
	return nil
}
