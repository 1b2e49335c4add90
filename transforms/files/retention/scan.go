package retention

import (
	"context"
	"errors"
	"io/fs"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/result"
)

// ahead is how many chunks after those that go are searched for pinned events too: the
// frame that shows an event best may lie before it.
const ahead = 8

// pin searches the results of what goes for pinned events, and pins their frames. more is
// set if there are some that were not pinned before.
func (p *Plan) pin(ctx context.Context) (more bool, err error) {
	if p.run.Rules.Pins.empty() {
		return false, nil
	}
	for _, s := range p.shelves {
		if s.kind != Results {
			continue
		}
		part := p.parts[s.Partition]
		to := s.horizon
		for _, b := range part.below {
			to = max(to, b.horizon)
		}
		if part.archive != nil {
			to = max(to, part.archive.horizon)
		}
		had := part.pinned.Len()
		if err := p.pinBefore(ctx, part, to+ahead*s.Layout.N); err != nil {
			return false, err
		}
		more = more || part.pinned.Len() > had
	}
	return more, nil
}

// pinBefore searches the results files that begin before an offset.
func (p *Plan) pinBefore(ctx context.Context, part *part, to int64) error {
	s := part.results
	for _, b := range s.blocks {
		if b*s.Layout.Block*s.Layout.N >= to {
			return nil
		}
		files, err := s.List(ctx, b)
		if err != nil {
			return err
		}
		for _, f := range files {
			if f.Start >= to {
				return nil
			}
			if part.scanned[f.File] || f.End < s.base && touches(part.pinned, f.Start, f.End+1) {
				continue
			}
			part.scanned[f.File] = true
			if err := p.pinIn(ctx, part, f); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *Plan) pinIn(ctx context.Context, part *part, f chunkfolder.Stored) error {
	err := p.run.Output.Read(ctx, f.File, result.Selection{Columns: result.OfEvents, Filled: result.OfEvents}, func(rows []result.Frame) error {
		p.pinRows(part, rows)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another run has just removed it
	}
	return err
}

func (p *Plan) pinRows(part *part, rows []result.Frame) {
	for i := range rows {
		for j := range rows[i].Events {
			e := &rows[i].Events[j]
			if !p.run.Rules.Pins.fits(rows[i].Camera, e) {
				continue
			}
			part.pinned = union(part.pinned, chunk.Span(rows[i].Offset, rows[i].Offset+1))
			if e.Snapshot >= 0 && e.Snapshot <= rows[i].Offset {
				part.pinned = union(part.pinned, chunk.Span(e.Snapshot, e.Snapshot+1))
			}
		}
	}
}
