package similar

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/similarity"
)

const hashAnalysis = "perceptual_hash"

// segmentChunks is how many chunks a segment is of: at 2048 offsets some 3.7 MB. Tests make
// do with fewer.
var segmentChunks int64 = 64

// indexed compares the hashes of all frames by segments, and reads the features of those
// chunks whose segment is not complete.
func (s *search) indexed(ctx context.Context, in *scan.Scan, wanted likeness) error {
	out := in.Output()
	var files []output.Entry // of one segment
	flush := func() error {
		if len(files) == 0 {
			return nil
		}
		err := s.segment(ctx, in, files, wanted)
		files = files[:0]
		return err
	}
	for e, err := range in.Files(ctx, scan.Query{}) {
		if err != nil {
			return err
		}
		if len(files) > 0 && (files[0].Span.Partition != e.Span.Partition || number(out, files[0]) != number(out, e)) {
			if err := flush(); err != nil {
				return err
			}
		}
		files = append(files, e)
	}
	return flush()
}

// number is the segment that a file belongs to.
func number(out *output.Output, e output.Entry) int64 {
	return chunk.Of(e.Span.Start, out.N()) / segmentChunks
}

// segment compares the hashes of the files of a segment.
func (s *search) segment(ctx context.Context, in *scan.Scan, files []output.Entry, wanted likeness) error {
	asked := slices.ContainsFunc(files, s.asked)
	if !asked {
		return nil
	}
	out := in.Output()
	if !full(out, files) {
		for _, f := range files {
			if !s.asked(f) {
				continue
			}
			if err := s.read(ctx, out, f.Name, func(r *result.Frame) { s.add(r, f.Name) }); err != nil {
				return err
			}
		}
		return nil
	}
	seg, err := s.load(ctx, out, files)
	if err != nil {
		return err
	}
	var i int64
	for _, f := range seg.files {
		for range f.rows {
			h := seg.row(i)
			i++
			if err := s.hashed(&h, seg.cameras[h.camera], files[0].Span.Partition, f.name, wanted); err != nil {
				return err
			}
		}
	}
	return nil
}

// asked reports whether a file may have frames that the query asks for.
func (s *search) asked(f output.Entry) bool {
	st := &f.Statistics
	return st.Rows > 0 && s.Period.Overlaps(time.UnixMicro(st.First), time.UnixMicro(st.Last)) && st.HasCamera(s.Cameras)
}

// full reports whether the files are all of a segment's, and none will be another.
func full(out *output.Output, files []output.Entry) bool {
	next := number(out, files[0]) * segmentChunks * out.N()
	for _, f := range files {
		if f.Partial || f.As != "" || f.Span.Start != next {
			return false
		}
		next = f.Span.End + 1
	}
	return next == (number(out, files[0])+1)*segmentChunks*out.N()
}

// hashed takes a frame of which the hash is known.
func (s *search) hashed(h *hashRow, id string, p chunk.Partition, file string, wanted likeness) error {
	if !s.asks(id, time.UnixMicro(h.at)) {
		return nil
	}
	alike, err := wanted.of(h.hash)
	if err != nil {
		return err
	}
	s.compared++
	s.take(hit{alike, result.Frame{Topic: p.Topic, Partition: p.ID, Offset: h.offset, Camera: id, Captured: h.at, Status: result.OK}, file})
	return nil
}

// load is a segment as it was kept, or as it is made now.
func (s *search) load(ctx context.Context, out *output.Output, files []output.Entry) (*segment, error) {
	kept := output.NotesFile(files[0].Span.Partition, "hashes", files[0].Span.Start)
	folder := out.Folder()
	if b, err := folder.Read(ctx, kept); err == nil {
		if seg, err := unmarshal(b); err == nil && slices.EqualFunc(seg.files, files, func(f source, e output.Entry) bool {
			return f.name == e.Name && f.size == e.Size && f.lineage == e.Lineage
		}) {
			return seg, nil
		}
	}
	seg := &segment{}
	cameras := map[string]uint32{}
	for _, e := range files {
		f := source{name: e.Name, size: e.Size, lineage: e.Lineage}
		err := s.read(ctx, out, e.Name, func(r *result.Frame) {
			if r.Status != result.OK {
				return
			}
			for _, x := range r.Features {
				if x.Analysis != hashAnalysis || x.Kind != similarity.KindHash || len(x.Data) != 8 {
					continue
				}
				n, ok := cameras[r.Camera]
				if !ok {
					n = uint32(len(cameras))
					cameras[r.Camera], seg.cameras = n, append(seg.cameras, r.Camera)
				}
				seg.rows = appendRow(seg.rows, r.Offset, r.At().UnixMicro(), n, x.Data)
				f.rows++
				return
			}
		})
		if err != nil {
			return nil, err
		}
		seg.files = append(seg.files, f)
	}
	_ = folder.WriteAtomic(ctx, kept, seg.marshal()) // it only saves work; who may only read keeps nothing
	return seg, nil
}

// read calls fn with the rows of a file that have features.
func (s *search) read(ctx context.Context, out *output.Output, file string, fn func(*result.Frame)) error {
	err := out.Read(ctx, file, result.Selection{Columns: result.OfFeatures | result.OfStatus, Filled: result.OfFeatures}, func(rows []result.Frame) error {
		for i := range rows {
			fn(&rows[i])
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s went away while it was looked for, search again: %w", file, err)
	}
	return err
}
