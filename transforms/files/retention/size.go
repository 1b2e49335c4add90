package retention

import (
	"context"
	"fmt"

	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
)

// bySize moves horizons on, over the oldest chunk of all every time, until no more is kept
// than may be.
func (p *Plan) bySize(ctx context.Context) error {
	p.over = nil
	for k := range kinds {
		if limit := p.run.Rules.Sizes[k]; limit > 0 {
			if err := p.shrink(ctx, k.String(), limit, func(s *shelf) bool { return s.kind == k }); err != nil {
				return err
			}
		}
	}
	if limit := p.run.Rules.Size; limit > 0 {
		return p.shrink(ctx, "everything", limit, func(*shelf) bool { return true })
	}
	return nil
}

func (p *Plan) shrink(ctx context.Context, what string, limit int64, of func(*shelf) bool) error {
	total := func() (n int64) {
		for _, s := range p.shelves {
			if of(s) {
				n += s.kept.Bytes + s.rest.Bytes
			}
		}
		return n
	}
	for total() > limit {
		s, f, err := p.oldest(ctx, of)
		if err != nil {
			return err
		}
		if s == nil {
			p.over = append(p.over, fmt.Sprintf("%s stays %s, over the limit of %s: the rest may not go", what, bytesText(total()), bytesText(limit)))
			return nil
		}
		s.drop(f, p)
		if s.kind != Results {
			continue
		}
		for _, b := range p.parts[s.Partition].below {
			for {
				g, ok, err := b.front(ctx)
				if err != nil {
					return err
				}
				if !ok || g.End >= min(s.horizon, b.limit) {
					break
				}
				b.drop(g, p)
			}
		}
	}
	for _, s := range p.shelves {
		if f, ok, err := s.front(ctx); err != nil {
			return err
		} else if ok && s.stays == "" && f.End >= s.limit {
			s.stays = s.why
		}
	}
	return nil
}

// drop moves the horizon over the file at the front.
func (s *shelf) drop(f chunkfolder.Stored, p *Plan) {
	s.raiseTo(f.End + 1)
	s.stays = ""
	s.rest.Files--
	s.rest.Bytes -= f.Size
	if s.holds(f, p.parts[s.Partition].pinned) {
		s.kept.add(f)
	} else {
		s.goes.add(f)
	}
}

// oldest is the shelf whose front is the oldest of those that may go; of equally old ones
// the first kind. nil: there is none.
func (p *Plan) oldest(ctx context.Context, of func(*shelf) bool) (found *shelf, file chunkfolder.Stored, err error) {
	var best look
	for _, s := range p.shelves {
		if !of(s) {
			continue
		}
		f, ok, err := s.front(ctx)
		if err != nil {
			return nil, file, err
		}
		if !ok || f.End >= s.limit {
			continue
		}
		l, err := p.look(ctx, s, f)
		if err != nil {
			return nil, file, err
		}
		if found == nil || l.newest < best.newest || l.newest == best.newest && s.kind < found.kind {
			found, file, best = s, f, l
		}
	}
	return found, file, nil
}
