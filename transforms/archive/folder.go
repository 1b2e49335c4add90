package archive

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/output"
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
)

// layoutFormat is the version of the folder's journal. Version 1 had all files in
// one folder.
const layoutFormat = 2

// namesFormat is the version of archive.json. 2 had no '+' before the names of topics
// that begin with '_' or '.'; see [output.Layout].
const namesFormat = 3

type layout struct {
	Format int `json:"format"`
	output.Layout
}

type base struct {
	Format    int    `json:"format"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Start     int64  `json:"start"` // the first offset that the archive has
}

// mark says how far an archive was found complete, so that not all of it need be
// listed again. It may be removed at any time.
type mark struct {
	Format int   `json:"format"`
	Chunk  int64 `json:"chunk"` // all chunks from the base to here, exclusive
}

// Folder is an archive: complete chunks under frames/, the begun chunk of each
// partition under _partial/frames/, and under _framebeam/ the number of offsets
// per chunk and the first offset of each partition. It is safe for concurrent use.
type Folder struct {
	files  *store.Folder
	layout output.Layout
	n      int64 // offsets per chunk
}

// Create opens the archive at root, or makes one of n offsets per chunk there. 0: as
// many as it has, and output.DefaultN where it is made.
func Create(ctx context.Context, root string, n int64) (*Folder, error) {
	files, err := store.Open(ctx, root)
	if err != nil {
		return nil, err
	}
	err = files.CreateExclusive(ctx, layoutFile, marshal(layout{namesFormat, output.Layout{N: cmp.Or(n, output.DefaultN), Block: output.BlockChunks}}))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	f, err := open(ctx, files)
	if err != nil {
		return nil, err
	}
	if n != 0 && f.n != n {
		return nil, fmt.Errorf("archive %s has chunks of %d offsets, not %d", root, f.n, n)
	}
	return f, nil
}

// CheckTopic refuses a partition whose files would have names that are too long.
func CheckTopic(topic string, partition int32) error {
	return output.Layout{}.CheckName(topic, partition, ext)
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
	var l layout
	err := files.ReadJSONOf(ctx, layoutFile, []int{2, namesFormat}, &l)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is no archive: %w", files.Root(), err)
	}
	if err != nil {
		return nil, err
	}
	if l.N < 1 || l.Block < 1 {
		return nil, fmt.Errorf("read %s: %d offsets per chunk, %d chunks per folder", files.Path(layoutFile), l.N, l.Block)
	}
	l.Plain = l.Format < namesFormat
	return &Folder{files: files, layout: l.Layout, n: l.N}, nil
}

// N is the number of offsets per chunk.
func (f *Folder) N() int64 { return f.n }

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // numbers and strings only
	}
	return append(b, '\n')
}

func partitionKey(topic string, partition int32) string {
	return topic + "+" + strconv.Itoa(int(partition))
}

func baseFile(topic string, partition int32) string {
	return basePrefix + partitionKey(topic, partition) + ".json"
}

func markFile(topic string, partition int32) string {
	return markPrefix + partitionKey(topic, partition) + ".json"
}

// Base returns the partition's first offset, or chunk.None if it was never begun.
func (f *Folder) Base(ctx context.Context, topic string, partition int32) (int64, error) {
	var b base
	err := f.files.ReadJSON(ctx, baseFile(topic, partition), layoutFormat, &b)
	if errors.Is(err, fs.ErrNotExist) {
		return chunk.None, nil
	}
	if err != nil {
		return 0, err
	}
	if b.Topic != topic || b.Partition != partition || b.Start < 0 {
		return 0, fmt.Errorf("read %s: it says topic %s partition %d start %d", f.files.Path(baseFile(topic, partition)), b.Topic, b.Partition, b.Start)
	}
	return b.Start, nil
}

// begin fixes the partition's first offset. Of several callers the first one
// decides; what was decided is returned.
func (f *Folder) begin(ctx context.Context, topic string, partition int32, start int64) (int64, error) {
	if err := frame.CheckTopic(topic); err != nil {
		return 0, err
	}
	err := f.files.CreateExclusive(ctx, baseFile(topic, partition), marshal(base{layoutFormat, topic, partition, start}))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return 0, err
	}
	return f.Base(ctx, topic, partition)
}

// rebase moves the first offset of a partition of which nothing is archived.
func (f *Folder) rebase(ctx context.Context, topic string, partition int32, start int64) (int64, error) {
	return start, f.files.WriteAtomic(ctx, baseFile(topic, partition), marshal(base{layoutFormat, topic, partition, start}))
}

// Partitions lists the partitions of topic that were begun, in ascending order.
func (f *Folder) Partitions(ctx context.Context, topic string) ([]int32, error) {
	if err := frame.CheckTopic(topic); err != nil {
		return nil, err
	}
	names, err := f.files.List(ctx, basePrefix+topic+"+*.json")
	if err != nil {
		return nil, err
	}
	var parts []int32
	for _, name := range names {
		num := strings.TrimSuffix(strings.TrimPrefix(name, basePrefix+topic+"+"), ".json")
		if p, err := strconv.ParseInt(num, 10, 32); err == nil && p >= 0 {
			parts = append(parts, int32(p))
		}
	}
	slices.Sort(parts)
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
func (f *Folder) Extent(ctx context.Context, topic string, partition int32) (Extent, error) {
	e, _, err := f.extent(ctx, topic, partition, 0)
	return e, err
}

// extent is Extent for a caller who knows that the chunks from the base to known,
// exclusive, are there. It also returns the first block whose files were listed.
//
// The folders of all blocks are looked for, but files only in the block that is
// the last one known, by the caller or by the mark, and in those after it: a
// complete chunk is never removed. A file that is missing before is found when
// it is read.
func (f *Folder) extent(ctx context.Context, topic string, partition int32, known int64) (Extent, int64, error) {
	if err := frame.CheckTopic(topic); err != nil {
		return Extent{}, 0, err
	}
	start, err := f.Base(ctx, topic, partition)
	if err != nil {
		return Extent{}, 0, err
	}
	if start == chunk.None {
		return Extent{}, 0, fmt.Errorf("archive %s has no topic %s partition %d: %w", f.files.Root(), topic, partition, fs.ErrNotExist)
	}
	// The tail is listed first: a chunk that is completed in between is seen
	// complete then, and its partial file as well, which is one too many but
	// never one too few.
	partials, err := f.partials(ctx, topic, partition)
	if err != nil {
		return Extent{}, 0, err
	}
	blocks, err := f.layout.Blocks(ctx, f.files, framesDir, topic, partition)
	if err != nil {
		return Extent{}, 0, err
	}
	next := chunk.Of(start, f.n)
	from := next / f.layout.Block
	if known = max(known, f.readMark(ctx, topic, partition)); known > next {
		last := (known - 1) / f.layout.Block
		i, _ := slices.BinarySearch(blocks, from)
		if j := i + int(last-from); j < len(blocks) && blocks[i] == from && blocks[j] == last {
			next, from = max(next, last*f.layout.Block), last
		}
	}
	e := Extent{Base: start, End: max(start, next*f.n), Beyond: chunk.None}
	for _, b := range blocks {
		if b < from || e.Beyond != chunk.None {
			continue
		}
		names, err := f.layout.List(ctx, f.files, framesDir, ext, topic, partition, b)
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
func (f *Folder) readMark(ctx context.Context, topic string, partition int32) int64 {
	var m mark
	if f.files.ReadJSON(ctx, markFile(topic, partition), layoutFormat, &m) != nil {
		return 0
	}
	return m.Chunk
}

// writeMark marks the end of the complete chunks, as they were listed just now.
func (f *Folder) writeMark(ctx context.Context, topic string, partition int32, e Extent) error {
	next := chunk.Of(e.End, f.n)
	if had := f.readMark(ctx, topic, partition); next == had || e.End == e.Base && had == 0 {
		return nil
	}
	return f.files.WriteAtomic(ctx, markFile(topic, partition), marshal(mark{layoutFormat, next}))
}

// partials lists the begun chunks of a partition by offset.
func (f *Folder) partials(ctx context.Context, topic string, partition int32) ([]Span, error) {
	dir := f.partialFolder(topic, partition)
	files, err := f.files.List(ctx, dir+"*"+ext)
	if err != nil {
		return nil, err
	}
	var names []output.Name
	for _, file := range files {
		n, ok := f.layout.Parse(file, dir, ext)
		if ok && n.Topic == topic && n.Partition == partition {
			names = append(names, n)
		}
	}
	return f.spans(names), nil
}

func (f *Folder) partialFolder(topic string, partition int32) string {
	return partialDir + f.layout.Partition(topic, partition) + "/"
}

// spans are the names that are of one chunk each.
func (f *Folder) spans(names []output.Name) (spans []Span) {
	for _, n := range names {
		if s, ok := spanOf(n, f.n); ok {
			spans = append(spans, s)
		}
	}
	return spans
}

// file is the span's file, relative to the folder.
func (f *Folder) file(s Span) string {
	if s.Complete() {
		return framesDir + f.layout.Folder(s.name()) + f.layout.File(s.name()) + ext
	}
	return f.partialFolder(s.Topic, s.Partition) + f.layout.File(s.name()) + ext
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
func (f *Folder) sweep(ctx context.Context, topic string, partition int32, e Extent, from int64) error {
	blocks, err := f.layout.Blocks(ctx, f.files, framesDir, topic, partition)
	if err != nil {
		return err
	}
	dirs := []string{f.partialFolder(topic, partition)}
	for _, b := range blocks {
		if b >= from {
			first := output.Name{Topic: topic, Partition: partition, Start: b * f.layout.Block * f.n}
			dirs = append(dirs, framesDir+f.layout.Folder(first))
		}
	}
	for _, dir := range dirs {
		names, err := f.files.List(ctx, dir+store.TempDir+"/*")
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := f.files.Remove(ctx, name); err != nil {
				return err
			}
		}
	}
	partials, err := f.partials(ctx, topic, partition)
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
