package archive

import (
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
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/store"
)

const (
	framesDir  = "frames/"
	partialDir = "frames/_partial/"
	journalDir = "_framebeam/"
	layoutFile = journalDir + "archive.json"
	basePrefix = journalDir + "archive-base+"
)

// layoutFormat is the version of the folder's layout and journal.
const layoutFormat = 1

type layout struct {
	Format int   `json:"format"`
	N      int64 `json:"n"` // offsets per chunk
}

type base struct {
	Format    int    `json:"format"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Start     int64  `json:"start"` // the first offset that the archive has
}

// Folder is an archive: complete chunks under frames/, the begun chunk of each
// partition under frames/_partial/, and under _framebeam/ the number of offsets
// per chunk and the first offset of each partition. It is safe for concurrent use.
type Folder struct {
	files *store.Folder
	n     int64
}

// Create opens the archive at root, or makes one of n offsets per chunk there.
func Create(ctx context.Context, root string, n int64) (*Folder, error) {
	files, err := store.Open(ctx, root)
	if err != nil {
		return nil, err
	}
	err = files.CreateExclusive(ctx, layoutFile, marshal(layout{layoutFormat, n}))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	f, err := open(ctx, files)
	if err != nil {
		return nil, err
	}
	if f.n != n {
		return nil, fmt.Errorf("archive %s has chunks of %d offsets, not %d", root, f.n, n)
	}
	return f, nil
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
	err := files.ReadJSON(ctx, layoutFile, layoutFormat, &l)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is no archive: %w", files.Root(), err)
	}
	if err != nil {
		return nil, err
	}
	if l.N < 1 {
		return nil, fmt.Errorf("read %s: %d offsets per chunk", files.Path(layoutFile), l.N)
	}
	return &Folder{files: files, n: l.N}, nil
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

// Extent lists the partition's files; the error is fs.ErrNotExist if the
// partition was never begun.
func (f *Folder) Extent(ctx context.Context, topic string, partition int32) (Extent, error) {
	if err := frame.CheckTopic(topic); err != nil {
		return Extent{}, err
	}
	start, err := f.Base(ctx, topic, partition)
	if err != nil {
		return Extent{}, err
	}
	if start == chunk.None {
		return Extent{}, fmt.Errorf("archive %s has no topic %s partition %d: %w", f.files.Root(), topic, partition, fs.ErrNotExist)
	}
	// The tail is listed first: a chunk that is completed in between is seen
	// complete then, and its partial file as well, which is one too many but
	// never one too few.
	partials, err := f.spans(ctx, partialDir, topic, partition)
	if err != nil {
		return Extent{}, err
	}
	complete, err := f.spans(ctx, framesDir, topic, partition)
	if err != nil {
		return Extent{}, err
	}
	e := Extent{Base: start, End: start, Beyond: chunk.None}
	next := chunk.Of(start, f.n)
	for _, s := range complete {
		switch {
		case !s.Complete() || s.Index < next:
		case s.Index == next:
			next++
			e.End = s.End
		default:
			e.Beyond = s.Index
		}
		if e.Beyond != chunk.None {
			break
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
	return e, nil
}

// spans lists the files of a partition in dir by offset.
func (f *Folder) spans(ctx context.Context, dir, topic string, partition int32) ([]Span, error) {
	names, err := f.files.List(ctx, dir+partitionKey(topic, partition)+"+*"+ext)
	if err != nil {
		return nil, err
	}
	var spans []Span
	for _, name := range names {
		if s, ok := parseName(strings.TrimPrefix(name, dir), f.n); ok && s.Topic == topic && s.Partition == partition {
			spans = append(spans, s)
		}
	}
	return spans, nil
}

// file is the span's file, relative to the folder.
func file(s Span) string {
	if s.Complete() {
		return framesDir + s.Name()
	}
	return partialDir + s.Name()
}

// Path is the full path of the span's file.
func (f *Folder) Path(s Span) string { return f.files.Path(file(s)) }

// Records opens the span's file; the closer ends reading it.
func (f *Folder) Records(ctx context.Context, s Span) (*Reader, io.Closer, error) {
	rc, err := f.files.OpenRead(ctx, file(s))
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
	rc, err := f.files.OpenRead(ctx, file(s))
	if err != nil {
		return Summary{}, err
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	size, err := f.files.Size(ctx, file(s))
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
// temporary files, and partial files of which more is there. A job that is just
// writing one writes it again.
func (f *Folder) sweep(ctx context.Context, topic string, partition int32, e Extent) error {
	key := partitionKey(topic, partition)
	for _, dir := range []string{framesDir, partialDir} {
		names, err := f.files.List(ctx, dir+store.TempDir+"/"+key+"+*")
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := f.files.Remove(ctx, name); err != nil {
				return err
			}
		}
	}
	partials, err := f.spans(ctx, partialDir, topic, partition)
	if err != nil {
		return err
	}
	for _, s := range partials {
		if s.End <= e.Upto() && s != e.Tail {
			if err := f.files.Remove(ctx, file(s)); err != nil {
				return err
			}
		}
	}
	return nil
}
