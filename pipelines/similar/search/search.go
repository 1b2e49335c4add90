package search

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/similarity"
)

// hit is a frame and how alike it is to what is looked for, 0 to 1.
type hit struct {
	likeness float64
	row      result.Frame
}

// better orders hits, the most alike first, and of equals the first in the log.
func better(a, b hit) int {
	return cmp.Or(cmp.Compare(b.likeness, a.likeness), cmp.Compare(a.row.Topic, b.row.Topic),
		cmp.Compare(a.row.Partition, b.row.Partition), cmp.Compare(a.row.Offset, b.row.Offset))
}

// search reads results in the order of the log. It holds one row for each camera, and
// some for each that is to be listed.
type search struct {
	Query
	wanted   wanted
	likeness map[string]likeness // by what tells features that are compared alike
	open     map[camera]stretch
	best     []hit // of the stretches that ended

	compared, skipped int
	reason            error // why the first was skipped
}

// likeness to what is wanted, or why nothing can be compared with it.
type likeness struct {
	of  similarity.Likeness
	err error
}

type camera struct{ topic, id string }

// stretch is a stretch of time of a camera, and its best frame so far.
type stretch struct {
	number int64
	hit
}

// Write prints the frames that q asks for to w, and to notes what could not be compared.
func (q *Query) Write(ctx context.Context, w, notes io.Writer) error {
	folder, err := store.Open(ctx, q.Output)
	if err != nil {
		return err
	}
	out, err := output.OpenExisting(ctx, folder)
	if err != nil {
		return err
	}
	s := search{Query: *q, likeness: map[string]likeness{}, open: map[camera]stretch{}}
	if s.wanted, err = find(ctx, q.To, out); err != nil {
		return err
	}
	if err := out.Each(ctx, func(_ string, rows []result.Frame, _ bool) error {
		for i := range rows {
			s.add(&rows[i])
		}
		return nil
	}); err != nil {
		return err
	}
	switch {
	case s.compared == 0 && s.skipped == 0:
		return fmt.Errorf("%s: no frame has a feature to compare: the analyses histogram, perceptual_hash and keypoints store them", q.Output)
	case s.compared == 0:
		return fmt.Errorf("%s: no feature can be compared: %w", q.Output, s.reason)
	case s.skipped > 0:
		fmt.Fprintf(notes, "%d features could not be compared, %v\n", s.skipped, s.reason)
	}
	return write(w, q.Format, s.hits())
}

// add compares a row.
func (s *search) add(r *result.Frame) {
	if r.Status != result.OK || len(s.Cameras) > 0 && !slices.Contains(s.Cameras, r.Camera) {
		return
	}
	for _, f := range r.Features {
		if kinds[f.Analysis] != f.Kind || s.By != "" && f.Analysis != s.By {
			continue
		}
		alike, err := s.alike(f)
		if err == nil {
			s.By = f.Analysis // likenesses of different kinds say nothing to each other
			s.compared++
			s.take(hit{alike, *r})
			return
		}
		if s.skipped++; s.reason == nil {
			s.reason = fmt.Errorf("%s/%d@%d: %s: %w", r.Topic, r.Partition, r.Offset, f.Analysis, err)
		}
	}
}

// alike compares a stored feature. Histograms may have other numbers of bins after the
// configuration was changed: what is wanted is made for each.
func (s *search) alike(f result.Feature) (float64, error) {
	key := f.Kind
	if f.Kind == similarity.KindHistogram {
		key += string(f.Data[:min(len(f.Data), 4)])
	}
	l, ok := s.likeness[key]
	if !ok {
		var data []byte
		if data, l.err = s.wanted.feature(f); l.err == nil {
			l.of, l.err = similarity.To(f.Kind, data)
		}
		s.likeness[key] = l
	}
	if l.err != nil {
		return 0, l.err
	}
	return l.of(f.Data)
}

// take notes a hit; of those in one stretch of a camera the best stays.
func (s *search) take(h hit) {
	if s.Apart == 0 {
		s.keep(h)
		return
	}
	at := h.row.Captured
	if at == 0 {
		at = 1000 * h.row.Timestamp
	}
	number := at / s.Apart.Microseconds()
	of := camera{h.row.Topic, h.row.Camera}
	last, ok := s.open[of]
	switch {
	case !ok:
	case last.number != number:
		s.keep(last.hit)
	case better(last.hit, h) < 0:
		return
	}
	s.open[of] = stretch{number, h}
}

// keep keeps a hit if it may be among those that are listed.
func (s *search) keep(h hit) {
	s.best = append(s.best, h)
	if len(s.best) >= 2*s.Limit+1000 {
		s.cut()
	}
}

func (s *search) cut() {
	slices.SortFunc(s.best, better)
	clear(s.best[min(s.Limit, len(s.best)):])
	s.best = s.best[:min(s.Limit, len(s.best))]
}

// hits are the best, in their order.
func (s *search) hits() []hit {
	for _, last := range s.open {
		s.best = append(s.best, last.hit)
	}
	s.cut()
	return s.best
}

// write writes a hit per line, as show writes rows: its likeness and a space before
// the text, or in an object {"likeness": 0.9, "frame": {...}}.
func write(w io.Writer, format string, hits []hit) error {
	b := bufio.NewWriter(w)
	for _, h := range hits {
		rows := []result.Frame{h.row}
		if format == "text" {
			fmt.Fprintf(b, "%.3f ", h.likeness)
			if err := result.WriteText(b, rows); err != nil {
				return err
			}
			continue
		}
		var line bytes.Buffer
		if err := result.WriteJSONL(&line, rows); err != nil {
			return err
		}
		fmt.Fprintf(b, "{\"likeness\":%.6f,\"frame\":%s}\n", h.likeness, bytes.TrimSpace(line.Bytes()))
	}
	return b.Flush()
}
