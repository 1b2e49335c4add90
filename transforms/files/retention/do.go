package retention

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/crashpoint"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/picture"
)

// Do does what was planned. It may end anywhere and be done again, and two may do it at
// once.
func (p *Plan) Do(ctx context.Context) error {
	for _, s := range p.shelves {
		if err := p.begin(ctx, s); err != nil {
			return fmt.Errorf("retention: %w", err)
		}
	}
	for _, s := range p.shelves {
		if err := p.empty(ctx, s); err != nil {
			return fmt.Errorf("retention: %w", err)
		}
	}
	for _, s := range p.shelves {
		if err := p.thin(ctx, s); err != nil {
			return fmt.Errorf("retention: %w", err)
		}
	}
	return nil
}

// begin writes down, durably, what is pinned and where the shelf begins now.
func (p *Plan) begin(ctx context.Context, s *shelf) error {
	part := p.parts[s.Partition]
	if s.kind == Results && !part.pinned.Equal(part.had[0]) {
		crashpoint.At("retention-pin")
		if err := p.run.Output.Pin(ctx, s.Partition, part.pinned); err != nil {
			return err
		}
	}
	if s.kind == Archive && !part.pinned.Equal(part.had[1]) {
		crashpoint.At("retention-pin")
		if err := p.run.Archive.Pin(ctx, s.Partition, part.pinned); err != nil {
			return err
		}
	}
	if had, err := s.Base(ctx); err != nil || s.horizon <= had {
		return err
	}
	return s.Raise(ctx, s.horizon)
}

// pinned is what is pinned now: another run may have pinned more since this one planned.
func (p *Plan) pinned(ctx context.Context, s *shelf) (chunk.Offsets, error) {
	pinned := p.parts[s.Partition].pinned
	if p.run.Unpin {
		return pinned, nil
	}
	var now chunk.Offsets
	var err error
	if s.kind == Archive {
		now, err = p.run.Archive.Pinned(ctx, s.Partition)
	} else {
		now, err = p.run.Output.Pinned(ctx, s.Partition)
	}
	return union(pinned, now), err
}

// empty removes what lies before the shelf's beginning, the oldest first.
func (p *Plan) empty(ctx context.Context, s *shelf) error {
	pinned, err := p.pinned(ctx, s)
	if err != nil {
		return err
	}
	for _, b := range s.blocks {
		if b*s.Layout.Block*s.Layout.N >= s.horizon {
			return nil
		}
		files, err := s.List(ctx, b)
		if err != nil {
			return err
		}
		left := len(files)
		for _, f := range files {
			if f.End >= s.horizon || s.holds(f, pinned) {
				continue
			}
			if err := s.Remove(ctx, f); err != nil {
				return err
			}
			left--
		}
		if left == 0 && (b+1)*s.Layout.Block*s.Layout.N <= s.horizon {
			s.RemoveBlock(ctx, b)
		}
	}
	return nil
}

// thin writes packs of pictures anew without those of cameras whose are too old already.
func (p *Plan) thin(ctx context.Context, s *shelf) error {
	if s.kind != Images || s.camera != "" || !p.run.Rules.byCamera(Images) && !p.run.Rules.byCamera(Results) {
		return nil
	}
	pinned, err := p.pinned(ctx, s)
	if err != nil {
		return err
	}
	for _, b := range s.blocks { // of a run that died
		if err := chunkfolder.SweepTemporary(ctx, s.Files, s.Dir+s.Layout.BlockFolder(s.Partition, b)); err != nil {
			return err
		}
	}
	err = s.each(ctx, true, func(f chunkfolder.Stored) error {
		if f.End < s.horizon || touches(pinned, f.Start, f.End+1) {
			return nil
		}
		if f.End >= s.limit {
			return errYoung
		}
		l, err := p.look(ctx, s, f)
		if err != nil {
			return err
		}
		if !old(l.newest, p.run.Rules.shortest(Images), p.run.Now) {
			return errYoung
		}
		drop := map[string]bool{}
		for _, camera := range l.cameras {
			if old(l.newest, p.run.Rules.camera(Images, camera), p.run.Now) {
				drop[picture.CameraFolder(camera)] = true
			}
		}
		return thinPack(ctx, s.Files, f.File, drop)
	})
	if errors.Is(err, errYoung) {
		return nil
	}
	return err
}

// errYoung ends thinning: what comes is too young for all rules.
var errYoung = errors.New("too young")

// thinPack writes a pack anew without what is to go, if there is any of it.
func thinPack(ctx context.Context, files *store.Folder, file string, drop map[string]bool) error {
	if len(drop) == 0 {
		return nil
	}
	has := false
	err := files.ReadAt(ctx, file, func(r io.ReaderAt, size int64) error {
		folders, err := picture.Cameras(r, size)
		for _, f := range folders {
			has = has || drop[f]
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) || err == nil && !has {
		return nil
	}
	if err != nil {
		return err
	}
	n := 0
	crashpoint.At("retention-thin")
	return files.Put(ctx, file, func(w io.Writer) error {
		return files.ReadAt(ctx, file, func(r io.ReaderAt, size int64) (err error) {
			n, err = picture.Without(w, r, size, func(folder string) bool { return drop[folder] })
			return err
		})
	}, func(staged *store.Staged, ctx context.Context) error {
		crashpoint.At("retention-thin")
		if n == 0 {
			return errors.Join(staged.Discard(ctx), files.Remove(ctx, file))
		}
		return staged.Replace(ctx)
	})
}
