package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/frame"
)

const (
	framesDir  = "frames/"
	partialDir = "_partial/frames/"
	journalDir = "_framebeam/"
	layoutFile = journalDir + "archive.json"
	basePrefix = journalDir + "archive-base+"
	markPrefix = journalDir + "archive-verified+"
	// What retention gave up, see [chunkfolder.Journal.Raise], and what it keeps for itself.
	retainedPrefix = journalDir + "archive-retained+"
	pinnedPrefix   = journalDir + "archive-pinned+"
)

// journal is how what every folder of chunks has is written.
var journal = chunkfolder.Journal{Layout: layoutFile}

// Folder is an archive: complete chunks under frames/, the begun chunk of each
// partition under _partial/frames/, and under _framebeam/ the number of offsets
// per chunk and the first offset of each partition. It is safe for concurrent use.
type Folder struct {
	files  *store.Folder
	layout chunkfolder.Layout
}

// Create opens the archive at root, or makes one of n offsets per chunk there. 0: as
// many as it has, and chunkfolder.DefaultN where it is made.
func Create(ctx context.Context, root string, n int64) (*Folder, error) {
	files, err := store.Open(ctx, root)
	if err != nil {
		return nil, err
	}
	l, err := journal.CreateLayout(ctx, files, chunkfolder.Layout{N: cmp.Or(n, chunkfolder.DefaultN), Block: chunkfolder.BlockChunks})
	if err != nil {
		return nil, err
	}
	f := &Folder{files: files, layout: l}
	if n != 0 && f.layout.N != n {
		return nil, fmt.Errorf("archive %s has chunks of %d offsets, not %d", root, f.layout.N, n)
	}
	return f, nil
}

// CheckTopic refuses a partition whose files would have names that are too long.
func CheckTopic(p chunk.Partition) error {
	return chunkfolder.Layout{}.CheckName(p, ext)
}

// Open opens the archive at root; the error is fs.ErrNotExist if there is none.
func Open(ctx context.Context, root string) (*Folder, error) {
	files, err := store.Open(ctx, root)
	if err != nil {
		return nil, err
	}
	return open(ctx, files)
}

func open(ctx context.Context, files *store.Folder) (*Folder, error) {
	l, err := journal.ReadLayout(ctx, files)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is no archive: %w", files.Root(), err)
	}
	if err != nil {
		return nil, err
	}
	return &Folder{files: files, layout: l}, nil
}

// N is the number of offsets per chunk.
func (f *Folder) N() int64 { return f.layout.N }

func baseFile(p chunk.Partition) string {
	return basePrefix + p.Key() + ".json"
}

func markFile(p chunk.Partition) string {
	return markPrefix + p.Key() + ".json"
}

// Base returns the partition's first offset, or chunk.None if it was never begun: where
// it was begun, or to where retention has raised it.
func (f *Folder) Base(ctx context.Context, p chunk.Partition) (int64, error) {
	start, err := chunkfolder.ReadBase(ctx, f.files, baseFile(p), p)
	if err != nil || start == chunk.None {
		return start, err
	}
	raised, err := chunkfolder.ReadRaised(ctx, f.files, retainedPrefix+p.Key()+"+", p)
	return max(start, raised), err
}

// begin fixes the partition's first offset. Of several callers the first one
// decides; what was decided is returned.
func (f *Folder) begin(ctx context.Context, p chunk.Partition, start int64) (int64, error) {
	if err := frame.CheckTopic(p.Topic); err != nil {
		return 0, err
	}
	if err := journal.CreateBase(ctx, f.files, baseFile(p), p, start); err != nil {
		return 0, err
	}
	return f.Base(ctx, p)
}

// rebase moves the first offset of a partition of which nothing is archived.
func (f *Folder) rebase(ctx context.Context, p chunk.Partition, start int64) (int64, error) {
	if err := journal.ReplaceBase(ctx, f.files, baseFile(p), p, start); err != nil {
		return 0, err
	}
	return f.Base(ctx, p)
}

// Partitions lists the partitions of topic that were begun, in ascending order.
func (f *Folder) Partitions(ctx context.Context, topic string) ([]int32, error) {
	if err := frame.CheckTopic(topic); err != nil {
		return nil, err
	}
	begun, err := f.begun(ctx, topic+"+")
	if err != nil {
		return nil, err
	}
	var parts []int32
	for _, p := range begun {
		parts = append(parts, p.ID)
	}
	slices.Sort(parts)
	return parts, nil
}

// begun lists the partitions that were begun of which the keys have a prefix, in the order
// of their keys.
func (f *Folder) begun(ctx context.Context, prefix string) ([]chunk.Partition, error) {
	names, err := f.files.List(ctx, basePrefix+prefix+"*.json")
	if err != nil {
		return nil, err
	}
	var parts []chunk.Partition
	for _, name := range names {
		if p, err := chunk.ParsePartition(strings.TrimSuffix(strings.TrimPrefix(name, basePrefix), ".json")); err == nil {
			parts = append(parts, p)
		}
	}
	return parts, nil
}

// Extent is how much of a partition an archive has.
type Extent struct {
	Base   int64 // the first offset
	End    int64 // the end of the complete chunks without a gap between them; Base if there is none
	Tail   Span  // the longest partial file that goes on from End; the zero Span if there is none
	Beyond int64 // the first chunk that is there after a missing one, or chunk.None
}

// Upto is the end of all that can be read.
func (e *Extent) Upto() int64 { return max(e.End, e.Tail.End) }

// Extent lists the partition's files, those that were found complete before
// excepted; the error is fs.ErrNotExist if the partition was never begun.
func (f *Folder) Extent(ctx context.Context, p chunk.Partition) (Extent, error) {
	e, _, err := f.extent(ctx, p, 0)
	return e, err
}

// extent is Extent for a caller who knows that the chunks from the base to known,
// exclusive, are there. It also returns the first block whose files were listed.
//
// The folders of all blocks are looked for, but files only in the block that is
// the last one known, by the caller or by the mark, and in those after it: a
// complete chunk is never removed. A file that is missing before is found when
// it is read.
func (f *Folder) extent(ctx context.Context, p chunk.Partition, known int64) (Extent, int64, error) {
	if err := frame.CheckTopic(p.Topic); err != nil {
		return Extent{}, 0, err
	}
	start, err := f.Base(ctx, p)
	if err != nil {
		return Extent{}, 0, err
	}
	if start == chunk.None {
		return Extent{}, 0, fmt.Errorf("archive %s has no %v: %w", f.files.Root(), p, fs.ErrNotExist)
	}
	// The tail is listed first: a chunk that is completed in between is seen
	// complete then, and its partial file as well, which is one too many but
	// never one too few.
	partials, err := f.partials(ctx, p)
	if err != nil {
		return Extent{}, 0, err
	}
	blocks, err := f.layout.Blocks(ctx, f.files, framesDir, p)
	if err != nil {
		return Extent{}, 0, err
	}
	first := chunk.Of(start, f.layout.N)
	next := f.layout.LookFrom(first, max(known, f.readMark(ctx, p)), blocks)
	from := f.layout.BlockOf(next)
	e := Extent{Base: start, End: max(start, next*f.layout.N), Beyond: chunk.None}
	for _, b := range blocks {
		if b < from || e.Beyond != chunk.None {
			continue
		}
		names, err := f.layout.List(ctx, f.files, framesDir, ext, p, b)
		if err != nil {
			return Extent{}, 0, err
		}
		for _, s := range f.spans(names) {
			switch {
			case !s.Complete() || s.Index < next:
			case s.Index == next:
				next++
				e.End = s.End
			case e.Beyond == chunk.None:
				e.Beyond = s.Index
			}
		}
	}
	for _, s := range partials {
		switch {
		case s.Index == next && s.End > e.Upto():
			e.Tail = s
		case s.Index > next && e.Beyond == chunk.None:
			e.Beyond = s.Index
		}
	}
	return e, from, nil
}

// readMark returns up to which chunk the partition was found complete. A mark
// that cannot be read is as good as none.
func (f *Folder) readMark(ctx context.Context, p chunk.Partition) int64 {
	return chunkfolder.ReadMark(ctx, f.files, markFile(p)).Chunk
}

// writeMark marks the end of the complete chunks, as they were listed just now.
func (f *Folder) writeMark(ctx context.Context, p chunk.Partition, e Extent) error {
	next := chunk.Of(e.End, f.layout.N)
	if had := f.readMark(ctx, p); next == had || e.End == e.Base && had == 0 {
		return nil
	}
	return journal.WriteMark(ctx, f.files, markFile(p), 0, next)
}

// partials lists the begun chunks of a partition by offset.
func (f *Folder) partials(ctx context.Context, p chunk.Partition) ([]Span, error) {
	names, err := f.layout.Partials(ctx, f.files, partialDir, ext, p)
	if err != nil {
		return nil, err
	}
	return f.spans(names), nil
}

// spans are the names that are of one chunk each.
func (f *Folder) spans(names []chunkfolder.Name) (spans []Span) {
	for _, n := range names {
		if s, ok := spanOf(n, f.layout.N); ok {
			spans = append(spans, s)
		}
	}
	return spans
}

// file is the span's file, relative to the folder.
func (f *Folder) file(s Span) string {
	if s.Complete() {
		return f.layout.Path(framesDir, s.name(), ext)
	}
	return f.layout.PartialPath(partialDir, s.name(), ext)
}

// Path is the full path of the span's file.
func (f *Folder) Path(s Span) string { return f.files.Path(f.file(s)) }

// Records opens the span's file; the closer ends reading it.
func (f *Folder) Records(ctx context.Context, s Span) (*Reader, io.Closer, error) {
	rc, err := f.files.OpenRead(ctx, f.file(s))
	if err != nil {
		return nil, nil, err
	}
	r, err := NewReader(rc, s)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("read %s: %w", f.Path(s), err), rc.Close())
	}
	return r, rc, nil
}

// Summary reads what the span's file says of its records, from its end only
// where the filesystem can.
func (f *Folder) Summary(ctx context.Context, s Span) (sum Summary, err error) {
	rc, err := f.files.OpenRead(ctx, f.file(s))
	if err != nil {
		return Summary{}, err
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	size, err := f.files.Size(ctx, f.file(s))
	if err != nil {
		return Summary{}, err
	}
	tail := make([]byte, min(size, tailSize))
	if at, ok := rc.(io.ReaderAt); ok {
		_, err = at.ReadAt(tail, size-int64(len(tail)))
	} else if _, err = io.CopyN(io.Discard, rc, size-int64(len(tail))); err == nil {
		_, err = io.ReadFull(rc, tail)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return Summary{}, fmt.Errorf("read %s: %w", f.Path(s), err)
	}
	if sum, ok := parseTail(tail, s); ok {
		return sum, nil
	}
	// Only a file without records may end otherwise, and its header says so.
	r, c, err := f.Records(ctx, s)
	if err != nil {
		return Summary{}, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if !r.empty {
		return Summary{}, fmt.Errorf("read %s: %w", f.Path(s), r.damaged(errors.New("it is truncated")))
	}
	if _, err := r.Next(); err != io.EOF {
		return Summary{}, fmt.Errorf("read %s: %w", f.Path(s), err)
	}
	return r.Summary(), nil
}

// sweep removes what interrupted jobs left of a partition that has the extent e:
// temporary files, in the blocks from the given one on, and partial files of which
// more is there. A job that is just writing one writes it again.
func (f *Folder) sweep(ctx context.Context, p chunk.Partition, e Extent, from int64) error {
	dirs, err := f.layout.Folders(ctx, f.files, framesDir, p, from)
	if err != nil {
		return err
	}
	if err := chunkfolder.SweepTemporary(ctx, f.files, append(dirs, f.layout.PartitionFolder(partialDir, p))...); err != nil {
		return err
	}
	partials, err := f.partials(ctx, p)
	if err != nil {
		return err
	}
	for _, s := range partials {
		if s.End <= e.Upto() && s != e.Tail {
			if err := f.files.Remove(ctx, f.file(s)); err != nil {
				return err
			}
		}
	}
	return nil
}
