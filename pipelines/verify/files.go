package verify

import (
	"context"
	"fmt"
	"slices"

	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/output"
)

// archive reads every file of the archive.
func (l *looking) archive(ctx context.Context) error {
	a := l.run.Archive
	for i := range l.archives {
		part := &l.archives[i]
		of := &archived{}
		l.archived[part.Partition] = of
		held := Held{In: "archive", Topic: part.Topic, Partition: part.Partition.ID, From: part.base, To: max(part.base, part.End*a.N()), Kept: len(part.Kept)}
		var spans []archive.Span
		for _, k := range part.Kept {
			spans = append(spans, archive.ChunkSpan(chunk.ID{Partition: part.Partition, Index: k}, a.N()))
		}
		for k := part.First; k < part.End; k++ {
			spans = append(spans, archive.ChunkSpan(chunk.ID{Partition: part.Partition, Index: k}, a.N()))
		}
		for _, s := range append(spans, part.Tails...) {
			offsets, fault, err := a.Check(ctx, s)
			if err != nil {
				return err
			}
			l.step()
			if fault != nil {
				if !s.Complete() && fault.Missing {
					continue // its chunk has grown
				}
				l.report.Findings = append(l.report.Findings, archiveFinding(fault))
				continue
			}
			l.report.Files++
			held.Frames += offsets.Len()
			of.covered = appendRanges(of.covered, chunk.Span(max(part.base, s.Start), s.End), s.Index < part.First)
			of.records = appendRanges(of.records, offsets, false)
		}
		l.report.Held = append(l.report.Held, held)
	}
	return nil
}

func archiveFinding(f *archive.Fault) Finding {
	return Finding{
		In: "archive", Kind: "frames", Topic: f.Span.Topic, Partition: f.Span.Partition.ID, Chunk: f.Span.Index,
		From: f.Span.Start, To: f.Span.End - 1, File: f.File, Missing: f.Missing, What: f.What,
	}
}

// appendRanges adds offsets that come after all that there are, or overlap with them.
func appendRanges(to, add chunk.Offsets, skip bool) chunk.Offsets {
	if skip {
		return to
	}
	for _, r := range add {
		if n := len(to); n > 0 && r.From <= to[n-1].To {
			to[n-1].To = max(to[n-1].To, r.To)
			continue
		}
		to = append(to, r)
	}
	return to
}

// output reads every file of the output, and compares its offsets with the archive's.
func (l *looking) output(ctx context.Context) error {
	for i := range l.outputs {
		part := &l.outputs[i]
		held := Held{
			In: "output", Topic: part.Topic, Partition: part.Partition.ID, From: part.base, To: max(part.base, part.End*l.run.Output.N()), Kept: len(part.Kept),
		}
		lookup, err := l.run.Output.Lookup(part.Partition)
		if err != nil {
			return err
		}
		ks := slices.Clone(part.Kept)
		for k := part.First; k < part.End; k++ {
			ks = append(ks, k)
		}
		for _, k := range ks {
			c, err := lookup.Check(ctx, k)
			if err != nil {
				return err
			}
			l.step()
			l.report.Files += int64(c.Files)
			held.Frames += c.Offsets.Len()
			l.add(c.Faults)
			if len(c.Faults) > 0 {
				continue
			}
			part.well = append(part.well, k)
			if what := l.differs(part, k, c.Offsets); what != "" {
				id := chunk.ID{Partition: part.Partition, Index: k}
				l.add([]output.Fault{{Kind: "results", ID: id, File: l.run.Output.Names(id).Results, What: what}})
			}
		}
		c, err := l.run.Output.CheckPartials(ctx, part.Partition)
		if err != nil {
			return err
		}
		l.step()
		l.report.Files += int64(c.Files)
		l.add(c.Faults)
		l.report.Held = append(l.report.Held, held)
	}
	return nil
}

func (l *looking) add(faults []output.Fault) {
	n := l.run.Output.N()
	for _, f := range faults {
		l.report.Findings = append(l.report.Findings, Finding{
			In: "output", Kind: f.Kind, Topic: f.ID.Topic, Partition: f.ID.Partition.ID, Chunk: f.ID.Index,
			From: f.ID.Index * n, To: (f.ID.Index+1)*n - 1, File: f.File, Missing: f.Missing, What: f.What,
		})
	}
}

// differs says how a chunk's offsets differ from those that the archive has, where that has
// all of it.
func (l *looking) differs(part *outputPart, k int64, offsets chunk.Offsets) string {
	of := l.archived[part.Partition]
	n := l.run.Output.N()
	from, to := max(part.base, k*n), (k+1)*n
	if of == nil || from >= to || !of.covered.Covers(chunk.Span(from, to)) {
		return ""
	}
	if had := within(of.records, from, to); !had.Equal(within(offsets, from, to)) {
		return fmt.Sprintf("it has offsets %v, and the archive %v", offsets, had)
	}
	return ""
}

// within are the offsets in [from, to).
func within(offsets chunk.Offsets, from, to int64) (in chunk.Offsets) {
	i, _ := slices.BinarySearchFunc(offsets, from, func(r chunk.Range, from int64) int {
		if r.To <= from {
			return -1
		}
		return 1
	})
	for ; i < len(offsets) && offsets[i].From < to; i++ {
		in = append(in, chunk.Range{From: max(from, offsets[i].From), To: min(to, offsets[i].To)})
	}
	return in
}

// again looks once more at what is wrong: a job may have just put it there, and retention
// given it up.
func (l *looking) again(ctx context.Context) error {
	var still []Finding
	for _, f := range l.report.Findings {
		is, err := l.still(ctx, &f)
		if err != nil {
			return err
		}
		if is {
			still = append(still, f)
		}
	}
	l.report.Findings = still
	return nil
}

func (l *looking) still(ctx context.Context, f *Finding) (bool, error) {
	id := f.ID()
	if f.In == "archive" {
		base, err := l.run.Archive.Base(ctx, id.Partition)
		if err != nil || f.To < base && f.Missing {
			return false, err
		}
		s := archive.Span{ID: id, N: l.run.Archive.N(), Start: f.From, End: f.To + 1}
		_, fault, err := l.run.Archive.Check(ctx, s)
		return fault != nil, err
	}
	base, err := l.run.Output.Base(ctx, id.Partition)
	if err != nil || f.To < base && f.Missing {
		return false, err
	}
	if f.Kind == "partial" || !f.Missing {
		return true, nil
	}
	lookup, err := l.run.Output.Lookup(id.Partition)
	if err != nil {
		return false, err
	}
	c, err := lookup.Check(ctx, f.Chunk)
	return slices.ContainsFunc(c.Faults, func(g output.Fault) bool { return g.File == f.File }), err
}
