package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/crashpoint"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/log"
)

// Piece is one file to write: the offsets [From, To) of one chunk. To is the
// chunk's end, or less for its begun part; From is its beginning, or more in the
// archive's first chunk.
type Piece struct {
	Partition chunk.Partition
	N         int64 // offsets per chunk
	From, To  int64
	Identity  string // of the topic, see Task
}

// span is the span of the piece's file, which is named by its chunk's beginning
// even where the archive begins later.
func (p Piece) span() Span {
	s := ChunkSpan(chunk.ID{Partition: p.Partition, Index: chunk.Of(p.From, p.N)}, p.N)
	s.End = p.To
	return s
}

// Copied says that the file of a piece is there.
type Copied struct {
	Piece   Piece
	Records int64
	New     bool // false: it was there already
}

// ErrDiffers is wrapped when a file is there that has other bytes than the log
// gives now: the log or the file was changed.
var ErrDiffers = errors.New("archive file differs from the log")

// fetchBytes is how much is read at once, and so about what a copy holds in memory.
const fetchBytes = 4 << 20

// patience is how long a read waits for records that the log says it has.
const patience = 5 * time.Second

// maxEmpty is how many reads in a row may give nothing although the log says
// that it has more.
const maxEmpty = 12

// copyPiece writes the piece's file unless it, or more of its chunk, is there.
func copyPiece(ctx context.Context, l log.Log, f *Folder, p Piece) (Copied, error) {
	s := p.span()
	if c, ok, err := existing(ctx, f, p); ok || err != nil {
		return c, err
	}
	// It was archived, and retention has given it up since.
	if given, err := f.givenUp(ctx, ChunkSpan(s.ID, s.N)); err != nil || given {
		return Copied{Piece: p}, err
	}
	var sum Summary
	var digest [sha256.Size]byte
	write := func(w io.Writer) error {
		h := sha256.New()
		var err error
		sum, err = copyRecords(ctx, l, f, p, NewWriter(io.MultiWriter(w, h), s))
		h.Sum(digest[:0])
		return err
	}
	fresh := true
	publish := func(staged *store.Staged, ctx context.Context) error {
		crashpoint.At("archive-temp-closed")
		err := staged.PublishNew(ctx)
		if errors.Is(err, fs.ErrExist) {
			// Somebody else was faster.
			fresh = false
			return errors.Join(f.sameBytes(ctx, s, digest), staged.Discard(ctx))
		}
		if err == nil {
			crashpoint.At("archive-renamed")
		}
		return err
	}
	if err := f.files.Put(ctx, f.file(s), write, publish); err != nil {
		return Copied{}, fmt.Errorf("archive offsets [%d, %d) of %v: %w", p.From, p.To, p.Partition, err)
	}
	if err := f.supersede(ctx, s); err != nil {
		return Copied{}, err
	}
	if s.Complete() && (s.Index+1)%markEvery == 0 {
		e, err := f.Extent(ctx, s.Partition)
		if err == nil {
			err = f.writeMark(ctx, s.Partition, e)
		}
		if err != nil {
			return Copied{}, err
		}
	}
	return Copied{Piece: p, Records: sum.Records, New: fresh}, nil
}

// markEvery is after how many chunks of a partition its mark is advanced.
const markEvery = 256

// existing looks for the piece's file, or one with more of its chunk.
func existing(ctx context.Context, f *Folder, p Piece) (Copied, bool, error) {
	for try := 1; ; try++ {
		there, err := f.covered(ctx, p.span())
		if err != nil || there == (Span{}) {
			return Copied{}, false, err
		}
		sum, err := f.Summary(ctx, there)
		if errors.Is(err, fs.ErrNotExist) && !there.Complete() && try < 3 {
			continue // a partial file goes when more of its chunk is there
		}
		return Copied{Piece: p, Records: sum.Records}, err == nil, err
	}
}

// copyRecords writes the piece's records to w.
func copyRecords(ctx context.Context, l log.Log, f *Folder, p Piece, w *Writer) (Summary, error) {
	last := log.NoLast
	for pos, empty := p.From, 0; pos < p.To; {
		recs, next, epoch, err := log.ReadAfter(ctx, l, last, p.Partition, pos, p.To, fetchBytes, patience)
		if errors.Is(err, log.ErrDataLoss) && pos == p.From {
			// The begun part of the chunk may be all that is left of it.
			kept, kerr := copyKept(ctx, l, f, p, w)
			if kerr != nil {
				return Summary{}, errors.Join(err, kerr)
			}
			if kept > pos {
				pos = kept
				continue
			}
		}
		if err != nil {
			return Summary{}, err
		}
		for i := range recs {
			if err := w.Append(&recs[i]); err != nil {
				return Summary{}, err
			}
			last = log.Last{Offset: w.sum.Last, Digest: w.sum.LastDigest, Epoch: epoch}
		}
		if next > pos {
			pos, empty = next, 0
			continue
		}
		if empty++; empty == maxEmpty {
			return Summary{}, fmt.Errorf("read %v offset %d: the log gives nothing before %d", p.Partition, pos, p.To)
		}
	}
	if err := sameTopic(ctx, l, p.Partition, p.Identity, p.From); err != nil {
		return Summary{}, err
	}
	return w.Close()
}

// copyKept writes the records of the archive's own partial file of the chunk,
// if the log can go on from its end, and returns that end; 0 if not.
func copyKept(ctx context.Context, l log.Log, f *Folder, p Piece, w *Writer) (int64, error) {
	partials, err := f.partials(ctx, p.Partition)
	if err != nil {
		return 0, err
	}
	var kept Span
	for _, s := range partials {
		if s.Start == p.span().Start && s.End < p.To && s.End > kept.End {
			kept = s
		}
	}
	first, _, err := l.Bounds(ctx, p.Partition)
	if err != nil || kept.End < first {
		return 0, err
	}
	r, c, err := f.Records(ctx, kept)
	if err != nil {
		return 0, err
	}
	defer c.Close() // nothing was written to it
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return kept.End, nil
		}
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", f.Path(kept), err)
		}
		if err := w.Append(&rec); err != nil {
			return 0, err
		}
	}
}

// covered returns the file that holds the span's offsets, its own or one with
// more of the chunk; the zero Span if there is none.
func (f *Folder) covered(ctx context.Context, s Span) (Span, error) {
	whole := ChunkSpan(s.ID, s.N)
	ok, err := f.files.Exists(ctx, f.file(whole))
	if err != nil || ok {
		return whole, err
	}
	if s.Complete() {
		return Span{}, nil
	}
	partials, err := f.partials(ctx, s.Partition)
	if err != nil {
		return Span{}, err
	}
	for _, p := range partials {
		if p.Start == s.Start && p.End >= s.End {
			return p, nil
		}
	}
	return Span{}, nil
}

// sameBytes compares the span's file with the digest of what was to be written.
func (f *Folder) sameBytes(ctx context.Context, s Span, digest [sha256.Size]byte) (err error) {
	rc, err := f.files.OpenRead(ctx, f.file(s))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(h, rc); err != nil {
		return fmt.Errorf("read %s: %w", f.Path(s), err)
	}
	if [sha256.Size]byte(h.Sum(nil)) != digest {
		return fmt.Errorf("%s: %w", f.Path(s), ErrDiffers)
	}
	return nil
}

// supersede removes the partial files of which the span's file has more.
func (f *Folder) supersede(ctx context.Context, s Span) error {
	partials, err := f.partials(ctx, s.Partition)
	if err != nil {
		return err
	}
	for _, p := range partials {
		if p.Start == s.Start && p.End < s.End {
			if err := f.files.Remove(ctx, f.file(p)); err != nil {
				return err
			}
		}
	}
	return nil
}
