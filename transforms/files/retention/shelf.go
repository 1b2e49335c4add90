package retention

import (
	"context"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
)

// shelf is one shelf while it is planned: files before the horizon go, but for those that
// are kept for themselves.
type shelf struct {
	chunkfolder.Shelf
	kind   Kind
	camera string // whose rendered pictures alone these are; "": of all

	base    int64          // the beginning as it is
	limit   int64          // the first offset that must stay
	why     string         // it must
	needed  map[int64]bool // of states: starts of files before the limit that must stay; nil: all
	horizon int64          // the beginning as it is to be
	stays   string         // why what comes at the horizon stays
	missing bool           // the first chunk is

	blocks []int64 // that have a folder
	at     int     // of blocks: the one of files
	files  []chunkfolder.Stored

	// Counted once the horizon is found.
	goes, kept, rest tally // kept: before the horizon
	others           int   // files that are not ours
}

// tally is a number of files and their bytes.
type tally struct {
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
}

func (t *tally) add(f chunkfolder.Stored) {
	t.Files++
	t.Bytes += f.Size
}

// open reads where the shelf begins.
func (s *shelf) open(ctx context.Context) error {
	var err error
	if s.base, err = s.Base(ctx); err != nil {
		return err
	}
	s.blocks, err = s.Blocks(ctx)
	return err
}

// rewind begins to plan at the beginning.
func (s *shelf) rewind() {
	s.horizon, s.stays, s.at, s.files = s.base, "", -1, nil
	if s.Raised == "" {
		s.horizon = 0 // what lies before the beginning of results goes by the same rules
	}
}

// front returns the first file from the horizon on; false if there is none.
func (s *shelf) front(ctx context.Context) (chunkfolder.Stored, bool, error) {
	for {
		for len(s.files) > 0 && s.files[0].End < s.horizon {
			s.files = s.files[1:]
		}
		if len(s.files) > 0 {
			return s.files[0], true, nil
		}
		s.at++
		if s.at >= len(s.blocks) {
			s.at = len(s.blocks)
			return chunkfolder.Stored{}, false, nil
		}
		if (s.blocks[s.at]+1)*s.Layout.Block*s.Layout.N <= s.horizon {
			continue
		}
		files, err := s.List(ctx, s.blocks[s.at])
		if err != nil {
			return chunkfolder.Stored{}, false, err
		}
		s.files = files
	}
}

// raiseTo moves the horizon on, as far as may be.
func (s *shelf) raiseTo(to int64) { s.horizon = max(s.horizon, min(to, s.limit)) }

// holds reports whether a file before the horizon is kept for itself.
func (s *shelf) holds(f chunkfolder.Stored, pinned chunk.Offsets) bool {
	if s.kind == States {
		return s.needed == nil || s.needed[f.Start]
	}
	return touches(pinned, f.Start, f.End+1)
}

// count counts what goes and what stays. all: files after the horizon too, and those that
// are not ours.
func (s *shelf) count(ctx context.Context, pinned chunk.Offsets, all bool) error {
	s.goes, s.kept, s.rest, s.others = tally{}, tally{}, tally{}, 0
	err := s.each(ctx, all, func(f chunkfolder.Stored) error {
		switch {
		case f.End >= s.horizon:
			s.rest.add(f)
		case s.holds(f, pinned):
			s.kept.add(f)
		default:
			s.goes.add(f)
		}
		return nil
	})
	if err != nil || !all {
		return err
	}
	for _, b := range s.blocks {
		n, err := s.Others(ctx, b)
		if err != nil {
			return err
		}
		s.others += n
	}
	return nil
}

// each calls do for the files of the blocks that begin before the horizon, or of all.
func (s *shelf) each(ctx context.Context, all bool, do func(chunkfolder.Stored) error) error {
	for _, b := range s.blocks {
		if !all && b*s.Layout.Block*s.Layout.N >= s.horizon {
			return nil
		}
		files, err := s.List(ctx, b)
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := do(f); err != nil {
				return err
			}
		}
	}
	return nil
}
