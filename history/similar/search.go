package similar

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/similarity"
)

// hit is a frame and how alike it is to what is looked for, 0 to 1.
type hit struct {
	likeness float64
	row      result.Frame
	file     string // that has all of the row
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
	out, err := scan.Open(ctx, q.Output)
	if err != nil {
		return err
	}
	s := search{Query: *q, likeness: map[string]likeness{}, open: map[camera]stretch{}}
	if s.wanted, err = find(ctx, q.To, out.Output()); err != nil {
		return err
	}
	if err := s.all(ctx, out); err != nil {
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
	hits := s.hits()
	if err := whole(ctx, out.Output(), hits); err != nil {
		return err
	}
	return write(w, q.Format, hits)
}

// all compares every frame that is asked for. The first feature that can be compared says by
// which analysis; hashes have an index.
func (s *search) all(ctx context.Context, in *scan.Scan) error {
	for b, err := range in.Batches(ctx, scan.Query{
		Period: s.Period, Cameras: s.Cameras, Columns: result.OfFeatures | result.OfStatus, Filled: result.OfFeatures,
	}) {
		if err != nil {
			return err
		}
		for i := range b.Rows {
			s.add(&b.Rows[i], b.Name)
		}
		if l := s.likeness[similarity.KindHash]; s.By == hashAnalysis && s.compared > 0 && l.err == nil && !s.unindexed {
			s.begin()
			return s.indexed(ctx, in, l)
		}
	}
	return nil
}

// begin forgets what was found, but for what features are compared.
func (s *search) begin() {
	s.open, s.best, s.compared, s.skipped, s.reason = map[camera]stretch{}, nil, 0, 0, nil
}

// whole reads all of the rows that are listed. Those of a file that has gone meanwhile, since
// its chunk has grown, stay as they are.
func whole(ctx context.Context, out *output.Output, hits []hit) error {
	files := map[string]map[int64]*result.Frame{}
	for i := range hits {
		h := &hits[i]
		if files[h.file] == nil {
			files[h.file] = map[int64]*result.Frame{}
		}
		files[h.file][h.row.Offset] = &h.row
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		rows, err := out.Rows(ctx, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for i := range rows {
			if r := files[name][rows[i].Offset]; r != nil {
				*r = rows[i]
			}
		}
	}
	return nil
}

// asks reports whether the query asks for frames of a camera and time.
func (s *search) asks(camera string, at time.Time) bool {
	return (len(s.Cameras) == 0 || slices.Contains(s.Cameras, camera)) && (s.Period.Open() || s.Period.Contains(at))
}

// add compares a row.
func (s *search) add(r *result.Frame, file string) {
	if r.Status != result.OK || !s.asks(r.Camera, r.At()) {
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
			s.take(hit{alike, *r, file})
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
	number := h.row.At().UnixMicro() / s.Apart.Microseconds()
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
