package picture

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

const (
	imagesDir  = "images/"
	resultsDir = "results/"
	// partialDir is the folder for those of chunks that are not complete, as it
	// is for the partial results.
	partialDir = "_partial/"
)

// RenderConfig says which pictures of an output are rendered, and of what. It
// travels to the workers.
type RenderConfig struct {
	Output string // folder: a local path or scheme://…
	Pack   PackSpec
	Parse  frame.ParseOptions // what the results were made with
	// Cameras, if there are any, have their pictures packed each for itself; the
	// packs of all cameras are then left alone.
	Cameras []string
}

// Validate returns every violation, joined.
func (c RenderConfig) Validate() error {
	errs := []error{c.Pack.Validate(), c.Parse.Validate()}
	for _, camera := range c.Cameras {
		if !frame.ValidCamera(camera) {
			errs = append(errs, fmt.Errorf("camera %q: not 1 to %d of A-Z a-z 0-9 . _ - (and not . or ..)", camera, frame.MaxCamera))
		}
	}
	return errors.Join(errs...)
}

// shows reports whether the camera's pictures are asked for.
func (c *RenderConfig) shows(camera string) bool {
	return len(c.Cameras) == 0 || slices.Contains(c.Cameras, camera)
}

// dirs are the folders of the packs that are asked for.
func (c *RenderConfig) dirs() []string {
	if len(c.Cameras) == 0 {
		return []string{imagesDir}
	}
	dirs := make([]string, len(c.Cameras))
	for i, camera := range c.Cameras {
		dirs[i] = imagesDir + "camera=" + camera + "/"
	}
	return dirs
}

// Rendered says what a [Renderer] did.
type Rendered struct {
	Packs    int // files written
	Partial  int // of them of chunks that are not complete
	Pictures int // in them
	Missing  int // frames that the log no longer has
	Kept     int // files left as they were, since a new one would lack frames
}

// Renderer makes the packs of results files that are there already. It is used
// by one goroutine.
type Renderer struct {
	cfg    RenderConfig
	out    *output.Output
	packer *Packer
}

// OpenRenderer opens the output and the log; close it.
func OpenRenderer(ctx context.Context, cfg RenderConfig) (*Renderer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	folder, err := store.Open(ctx, cfg.Output)
	if err != nil {
		return nil, err
	}
	out, err := output.OpenExisting(ctx, folder)
	if err != nil {
		return nil, err
	}
	p, err := OpenPacker(ctx, cfg.Pack, cfg.Parse)
	if err != nil {
		return nil, err
	}
	return &Renderer{cfg, out, p}, nil
}

// Close closes the log.
func (r *Renderer) Close() error { return r.packer.Close() }

// Render makes the pictures of one results file: images/… for results/…, and
// _partial/images/… for _partial/results/… if its chunk is not complete; of
// cameras that are asked for by name, images/camera=<id>/… . Pictures are only added: a
// pack that is there is replaced by one that has its frames too, and stays as it is if the
// log has lost frames since. Where there is nothing to show there is no pack.
func (r *Renderer) Render(ctx context.Context, file output.File) (Rendered, error) {
	var sum Rendered
	rows, err := r.out.Rows(ctx, file.Name)
	if file.Partial && errors.Is(err, fs.ErrNotExist) {
		return sum, nil // its chunk has grown since the files were listed
	}
	if err != nil {
		return sum, fmt.Errorf("render pictures: %w", err)
	}
	for i, dir := range r.cfg.dirs() {
		chosen := rows
		if len(r.cfg.Cameras) > 0 {
			chosen = of(r.cfg.Cameras[i], rows)
		}
		if err := r.render(ctx, packFile(dir, file), chosen, &sum); err != nil {
			return sum, fmt.Errorf("render pictures of %s: %w", file.Name, err)
		}
	}
	return sum, nil
}

// of are a camera's rows.
func of(camera string, rows []result.Frame) []result.Frame {
	var own []result.Frame
	for i := range rows {
		if rows[i].Camera == camera {
			own = append(own, rows[i])
		}
	}
	return own
}

// Pack is the name of the pack with the pictures of a results file.
func Pack(results output.File) string { return packFile(imagesDir, results) }

func packFile(dir string, results output.File) string {
	name := cmp.Or(results.As, results.Name)
	if results.Partial {
		name, dir = strings.TrimPrefix(name, partialDir), partialDir+dir
	}
	name = strings.TrimPrefix(name, resultsDir)
	return dir + strings.TrimSuffix(name, path.Ext(name)) + ".zip"
}

func (r *Renderer) render(ctx context.Context, file string, rows []result.Frame, sum *Rendered) error {
	folder := r.out.Folder()
	chosen := choose(rows, r.packer.which)
	shown, err := shownIn(ctx, folder, file)
	if err != nil {
		return err
	}
	chosen = append(chosen, others(rows, chosen, shown)...)
	slices.SortFunc(chosen, byOffset)
	var entries, missing int
	return folder.Put(ctx, file, func(w io.Writer) (err error) {
		entries, missing, err = r.packer.packChosen(ctx, w, scenes(rows, chosen, r.packer.shapes))
		return err
	}, func(s *store.Staged, ctx context.Context) error {
		sum.Missing += missing
		if entries == 0 {
			return s.Discard(ctx)
		}
		made := entries
		publish := s.Replace
		if missing > 0 {
			made, publish = entries-1, s.PublishNew // one entry says what is missing
		}
		err := publish(ctx)
		if errors.Is(err, fs.ErrExist) {
			sum.Kept++
			return s.Discard(ctx)
		}
		if err == nil {
			sum.Packs, sum.Pictures = sum.Packs+1, sum.Pictures+made
			if strings.HasPrefix(file, partialDir) {
				sum.Partial++
			}
		}
		return err
	})
}

// shownIn are the names of the pictures in a pack, none if there is none.
func shownIn(ctx context.Context, folder *store.Folder, file string) (names []string, err error) {
	f, err := folder.OpenRead(ctx, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read from
	if names, err = entryNames(f); err != nil {
		return nil, fmt.Errorf("%s is there and cannot be read, remove it: %w", folder.Path(file), err)
	}
	return names, nil
}

// others are the frames that are shown by these names and are not among those chosen.
func others(rows []result.Frame, chosen []*result.Frame, shown []string) (more []*result.Frame) {
	missing := map[int64]string{}
	for _, name := range shown {
		if offset, ok := offsetOf(name); ok {
			missing[offset] = name
		}
	}
	for _, row := range chosen {
		delete(missing, row.Offset)
	}
	for i := range rows {
		if _, ok := missing[rows[i].Offset]; ok {
			more = append(more, &rows[i])
			delete(missing, rows[i].Offset)
		}
	}
	if len(rows) == 0 {
		return more
	}
	// Snapshots, of chunks before.
	for offset, name := range missing {
		camera, _, _ := strings.Cut(name, "/")
		more = append(more, &result.Frame{
			Topic: rows[0].Topic, Partition: rows[0].Partition, Offset: offset, Camera: camera, Sequence: ofAnotherChunk, Status: result.OK,
		})
	}
	return more
}

// SweepPartial removes the packs of incomplete chunks that are not of these
// results files, as rendered with a configuration: their names change as the
// chunks grow.
func SweepPartial(ctx context.Context, folder *store.Folder, cfg RenderConfig, rendered []output.File) error {
	for _, dir := range cfg.dirs() {
		keep := map[string]bool{}
		for _, f := range rendered {
			keep[packFile(dir, f)] = true
		}
		parts, err := folder.Folders(ctx, partialDir+dir)
		if err != nil {
			return fmt.Errorf("sweep pictures: %w", err)
		}
		for _, part := range parts {
			if err := sweepPartial(ctx, folder, partialDir+dir+part+"/", keep); err != nil {
				return fmt.Errorf("sweep pictures: %w", err)
			}
		}
	}
	return nil
}

func sweepPartial(ctx context.Context, folder *store.Folder, dir string, keep map[string]bool) error {
	names, err := folder.List(ctx, dir+"*.zip")
	if err != nil {
		return err
	}
	for _, n := range names {
		if keep[n] {
			continue
		}
		if err := folder.Remove(ctx, n); err != nil {
			return err
		}
	}
	return nil
}
