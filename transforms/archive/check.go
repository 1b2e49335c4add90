package archive

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/log"
)

// Fault is what is wrong with a file of an archive.
type Fault struct {
	Span    Span
	File    string // relative to the folder
	Missing bool
	What    string // is wrong
}

// Check reads a span's file to its end and returns the offsets of its records. fault is nil
// if nothing is wrong with it.
func (f *Folder) Check(ctx context.Context, s Span) (offsets chunk.Offsets, fault *Fault, err error) {
	offsets, err = f.offsets(ctx, s)
	switch {
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case errors.Is(err, fs.ErrNotExist):
		return nil, &Fault{s, f.file(s), true, "it is missing"}, nil
	case err != nil:
		return nil, &Fault{s, f.file(s), false, err.Error()}, nil
	}
	return offsets, nil, nil
}

func (f *Folder) offsets(ctx context.Context, s Span) (offsets chunk.Offsets, err error) {
	r, c, err := f.Records(ctx, s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return offsets, nil
		}
		if err != nil {
			return nil, err
		}
		offsets.Add(rec.Offset)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// Whole is what an archive should have of a partition: the chunks [First, End), by its
// journal and by what is there, and what lies before for itself and after as a beginning.
type Whole struct {
	First, End int64
	Kept       []int64 // chunks before First
	Tails      []Span  // beginnings of chunks that are not complete
}

// Whole looks for a partition's last complete chunk, without believing that what lies
// between is there.
func (f *Folder) Whole(ctx context.Context, p chunk.Partition) (w Whole, err error) {
	base, err := f.Base(ctx, p)
	if err != nil {
		return w, err
	}
	if w.Tails, err = f.partials(ctx, p); err != nil {
		return w, err
	}
	w.First = chunk.Of(base, f.layout.N)
	w.End = max(w.First, f.readMark(ctx, p))
	for _, s := range w.Tails { // what comes before a begun chunk is complete
		w.End = max(w.End, s.Index)
	}
	blocks, err := f.layout.Blocks(ctx, f.files, framesDir, p)
	if err != nil {
		return w, err
	}
	for _, b := range blocks {
		names, err := f.layout.List(ctx, f.files, framesDir, ext, p, b)
		if err != nil {
			return w, err
		}
		for _, s := range f.spans(names) {
			if !s.Complete() {
				continue
			}
			if s.Index < w.First {
				w.Kept = append(w.Kept, s.Index)
			}
			w.End = max(w.End, s.Index+1)
		}
	}
	return w, nil
}

// Refill archives a span again, of which the file is missing, from the log that it came
// from: the same bytes.
func (f *Folder) Refill(ctx context.Context, l log.Log, s Span) error {
	base, err := f.Base(ctx, s.Partition)
	if err != nil {
		return err
	}
	_, err = copyPiece(ctx, l, f, Piece{Partition: s.Partition, N: s.N, From: max(base, s.Start), To: s.End})
	return err
}
