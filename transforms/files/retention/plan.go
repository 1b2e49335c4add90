package retention

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/output"
)

// DefaultBehind is how many complete chunks stay at least of each partition, with all that
// a job needs that goes on with any of them: an engine that restores a checkpoint begins
// again before the end of the output.
const DefaultBehind = 16

// Run is what is to be looked at, and by which rules.
type Run struct {
	Output  *output.Output  // nil: none
	Archive *archive.Folder // nil: none
	Rules   Rules
	Now     time.Time
	// Unanalysed gives up frames of the archive too that Output has not analysed. Without
	// an Output nobody knows which these are.
	Unanalysed bool
	// Missing gives up what is missing at a partition's beginning: files that somebody
	// removed by hand.
	Missing bool
	// Unpin gives up what earlier runs pinned, unless it is pinned now.
	Unpin bool
	// Behind is how many complete chunks of each partition stay at least. 0:
	// DefaultBehind; below 0: only what a job needs that goes on at the end.
	Behind int64
	// Totals counts what stays too, which lists every folder.
	Totals bool
}

// Plan is what goes and what stays.
type Plan struct {
	run     *Run
	shelves []*shelf
	parts   map[chunk.Partition]*part
	seen    map[string]look // by file, of those that may go
	over    []string        // which limits of size cannot be kept
}

// part is a partition while it is planned.
type part struct {
	results        *shelf
	lookup         *output.Lookup
	below          []*shelf // that may not outlive the results
	archive        *shelf
	pinned         chunk.Offsets
	had            [2]chunk.Offsets // as they were read: of the output and the archive
	scanned        map[string]bool  // results files that were searched for pinned events
	analysedBefore int64            // offset
}

// Plan looks what goes and what stays, and changes nothing.
func (r *Run) Plan(ctx context.Context) (*Plan, error) {
	p := &Plan{run: r, parts: map[chunk.Partition]*part{}, seen: map[string]look{}}
	if err := p.openOutput(ctx); err != nil {
		return nil, fmt.Errorf("retention: %w", err)
	}
	if err := p.openArchive(ctx); err != nil {
		return nil, fmt.Errorf("retention: %w", err)
	}
	for {
		if err := p.horizons(ctx); err != nil {
			return nil, fmt.Errorf("retention: %w", err)
		}
		more, err := p.pin(ctx)
		if err != nil {
			return nil, fmt.Errorf("retention: %w", err)
		}
		if !more {
			return p, nil
		}
	}
}

func (r *Run) behind() int64 {
	if r.Behind == 0 {
		return DefaultBehind
	}
	return max(0, r.Behind)
}

func (p *Plan) part(id chunk.Partition) *part {
	if p.parts[id] == nil {
		p.parts[id] = &part{scanned: map[string]bool{}, analysedBefore: chunk.None}
	}
	return p.parts[id]
}

const forJobs = "a job that goes on needs it"

func (p *Plan) openOutput(ctx context.Context) error {
	o := p.run.Output
	if o == nil {
		return nil
	}
	ids, err := o.Partitions(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		shelves, err := o.Shelves(ctx, id)
		if err != nil {
			return err
		}
		part := p.part(id)
		if part.lookup, err = o.Lookup(id); err != nil {
			return err
		}
		part.results = &shelf{Shelf: shelves.Results, kind: Results}
		all := []*shelf{{Shelf: shelves.Images, kind: Images}, {Shelf: shelves.States, kind: States}, part.results}
		for _, camera := range slices.Sorted(maps.Keys(shelves.Cameras)) {
			all = append(all, &shelf{Shelf: shelves.Cameras[camera], kind: Images, camera: camera})
		}
		for _, s := range all {
			if s != part.results {
				part.below = append(part.below, s)
			}
			if err := p.open(ctx, s); err != nil {
				return err
			}
		}
		if part.results.base == chunk.None {
			continue // no job has begun it
		}
		needed, err := o.Needed(ctx, id, p.run.behind())
		if err != nil {
			return err
		}
		part.analysedBefore = max(part.results.base, needed.From*o.N())
		for _, s := range all {
			s.limit, s.why = needed.From*o.N(), forJobs
			if s.kind == States && needed.States != nil {
				s.needed = map[int64]bool{}
				for k := range needed.States {
					s.needed[k*o.N()] = true
				}
			}
			if err := s.gap(ctx, p.run.Missing); err != nil {
				return err
			}
		}
		if part.had[0], err = o.Pinned(ctx, id); err != nil {
			return err
		}
		p.shelves = append(p.shelves, all...)
	}
	return nil
}

func (p *Plan) openArchive(ctx context.Context) error {
	a := p.run.Archive
	if a == nil {
		return nil
	}
	ids, err := a.Begun(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		part := p.part(id)
		s := &shelf{Shelf: a.Shelf(id), kind: Archive}
		if err := p.open(ctx, s); err != nil {
			return err
		}
		k, err := a.Needed(ctx, id)
		if err != nil {
			return err
		}
		s.limit, s.why = k*a.N(), forJobs
		if p.run.Output != nil && !p.run.Unanalysed && part.analysedBefore < s.limit {
			s.limit, s.why = max(s.base, part.analysedBefore), "the output has not analysed it, or may have to again"
		}
		if err := s.gap(ctx, p.run.Missing); err != nil {
			return err
		}
		if part.had[1], err = a.Pinned(ctx, id); err != nil {
			return err
		}
		part.archive = s
		p.shelves = append(p.shelves, s)
	}
	for _, part := range p.parts {
		if !p.run.Unpin {
			part.pinned = union(part.had[0], part.had[1])
		}
	}
	return nil
}

func (p *Plan) open(ctx context.Context, s *shelf) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	s.rewind()
	return nil
}

// gap looks whether the first chunk is missing although later ones are there.
func (s *shelf) gap(ctx context.Context, giveUp bool) error {
	if s.Raised == "" {
		return nil
	}
	f, ok, err := s.front(ctx)
	if err != nil {
		return err
	}
	if s.rewind(); ok && f.Start > s.base {
		if giveUp {
			s.base, s.limit = f.Start, max(s.limit, f.Start)
			s.rewind()
			return nil
		}
		s.missing, s.limit = true, s.base
		s.why = fmt.Sprintf("offsets %d to %d are missing: framebeam repair makes them again, and framebeam retention --give-up-missing gives them up", s.base, f.Start-1)
	}
	return nil
}

// horizons finds how much of every shelf is too old, or too much.
func (p *Plan) horizons(ctx context.Context) error {
	for _, s := range p.shelves {
		s.rewind()
		if err := p.byAge(ctx, s); err != nil {
			return err
		}
	}
	p.together()
	if err := p.count(ctx); err != nil || !p.run.Rules.bySize() {
		return err
	}
	return p.bySize(ctx)
}

// byAge moves a shelf's horizon over all that is too old.
func (p *Plan) byAge(ctx context.Context, s *shelf) error {
	for {
		f, ok, err := s.front(ctx)
		if err != nil || !ok {
			return err
		}
		if f.End >= s.limit {
			s.stays = s.why
			return nil
		}
		l, err := p.look(ctx, s, f)
		if err != nil {
			return err
		}
		keep, because := p.keep(s, l)
		if !old(l.newest, keep, p.run.Now) {
			s.stays = staysText(l, keep, because)
			return nil
		}
		s.raiseTo(f.End + 1)
	}
}

// together moves the horizons of what may not outlive the results.
func (p *Plan) together() {
	for _, part := range p.parts {
		for _, s := range part.below {
			s.raiseTo(part.results.horizon)
		}
	}
}

func (p *Plan) count(ctx context.Context) error {
	all := p.run.Totals || p.run.Rules.bySize()
	for _, s := range p.shelves {
		if err := s.count(ctx, p.parts[s.Partition].pinned, all); err != nil {
			return err
		}
	}
	return nil
}
