package chunkfolder

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// BlockChunks is how many chunks share a folder in new outputs and archives.
// HDFS refuses a folder of more than 1,048,576 entries
// (dfs.namenode.fs-limits.max-directory-items), and a folder is always listed as
// a whole: this keeps a listing to one answer of a few, and a million chunks of a
// partition to some 250 folders.
const BlockChunks = 4096

// DefaultN is how many offsets a chunk has: at 50 KB a frame a chunk is about
// one HDFS block of 128 MiB.
const DefaultN = 2048

// Layout is how the offsets of a partition are divided among files and folders:
// a file of each kind holds N offsets, a chunk, and a folder Block chunks.
type Layout struct {
	N     int64 `json:"n"`     // offsets per chunk
	Block int64 `json:"block"` // chunks per folder
	// Plain is set of outputs and archives that were begun before names of folders
	// and files of topics that begin with '_' or '.' began with a '+', which no topic
	// may contain: Arrow, Spark and Hive pass over names that begin with those.
	Plain bool `json:"-"`
}

// Partition is the name of a partition's folder in that of a kind: topic+partition.
func (l Layout) Partition(p chunk.Partition) string {
	return l.prefix(p.Topic) + p.Key()
}

// PartitionFolder is a partition's folder in that of a kind.
func (l Layout) PartitionFolder(dir string, p chunk.Partition) string {
	return dir + l.Partition(p) + "/"
}

// Path is where the file of a complete chunk lies in the folder of its kind.
func (l Layout) Path(dir string, n Name, ext string) string {
	return dir + l.Folder(n) + l.File(n) + ext
}

// PartialPath is where the file of the beginning of a chunk lies. There are few of these,
// so they have a folder per partition only.
func (l Layout) PartialPath(dir string, n Name, ext string) string {
	return l.PartitionFolder(dir, n.Partition) + l.File(n) + ext
}

// File is the name of a file without its folder and extension.
func (l Layout) File(n Name) string { return l.prefix(n.Topic) + n.String() }

func (l Layout) prefix(topic string) string {
	if !l.Plain && hidden(topic) {
		return "+"
	}
	return ""
}

// hidden reports whether readers such as Arrow, Spark and Hive pass over a name.
func hidden(name string) bool { return strings.HasPrefix(name, "_") || strings.HasPrefix(name, ".") }

// Parse reads the name of a file in dir; ok is false for files that are not ours.
func (l Layout) Parse(file, dir, ext string) (n Name, ok bool) {
	n, ok = ParseFile(file, dir, ext)
	return n, ok && file == dir+l.File(n)+ext
}

// longestName is how long the name of a file may be, on nearly all filesystems.
const longestName = 255

// CheckName refuses a topic whose files with the extension would have names that are
// too long, temporary ones too. Kafka's longest topics do.
func (l Layout) CheckName(p chunk.Partition, ext string) error {
	const temporary = 17 // a point and 16 digits
	if n := len(l.File(Name{p, 0, 0})) + len(ext) + temporary; n > longestName {
		return fmt.Errorf("%v: the topic's name is too long by %d characters for names of files with offsets in them (%d characters at most)",
			p, n-longestName, longestName)
	}
	return nil
}

// Folder is where a file lies below the folder of its kind:
// topic+partition/first offset of the block/.
func (l Layout) Folder(n Name) string {
	return l.BlockFolder(n.Partition, l.BlockOf(chunk.Of(n.Start, l.N)))
}

// BlockFolder is where the files of a block lie below the folder of their kind.
func (l Layout) BlockFolder(p chunk.Partition, block int64) string {
	return fmt.Sprintf("%s/%0*d/", l.Partition(p), OffsetDigits, block*l.Block*l.N)
}

// BlockOf is the block of chunk k.
func (l Layout) BlockOf(k int64) int64 { return k / l.Block }

// Blocks lists the blocks of a partition that have a folder in dir, such as
// "results/", by number and in ascending order.
func (l Layout) Blocks(ctx context.Context, f *store.Folder, dir string, p chunk.Partition) ([]int64, error) {
	names, err := f.Folders(ctx, l.PartitionFolder(dir, p))
	if err != nil {
		return nil, err
	}
	var blocks []int64
	for _, name := range names {
		start, err := strconv.ParseInt(name, 10, 64)
		if err != nil || start < 0 || len(name) != OffsetDigits || start%l.N != 0 || start/l.N%l.Block != 0 {
			continue
		}
		blocks = append(blocks, start/l.N/l.Block)
	}
	return blocks, nil
}

// List lists the files of one block in dir that have the extension ext, by
// offset; those that reach beyond the block or are named otherwise are passed over.
func (l Layout) List(ctx context.Context, f *store.Folder, dir, ext string, p chunk.Partition, block int64) ([]Name, error) {
	folder := dir + l.BlockFolder(p, block)
	files, err := f.List(ctx, folder+"*"+ext)
	if err != nil {
		return nil, err
	}
	var names []Name
	for _, file := range files {
		if n, ok := l.parseIn(file, folder, ext, p, block); ok {
			names = append(names, n)
		}
	}
	return names, nil
}

// parseIn reads the name of a file in the folder of one block; ok is false for files that
// reach beyond the block or are not ours.
func (l Layout) parseIn(file, folder, ext string, p chunk.Partition, block int64) (n Name, ok bool) {
	n, ok = l.Parse(file, folder, ext)
	return n, ok && n.Partition == p && l.BlockOf(chunk.Of(n.Start, l.N)) == block && l.BlockOf(chunk.Of(n.End, l.N)) == block
}

// Partials lists the files in dir, which has a folder per partition, of the beginnings of
// a partition's chunks: by offset, of one start the longest first.
func (l Layout) Partials(ctx context.Context, f *store.Folder, dir, ext string, p chunk.Partition) ([]Name, error) {
	dir += l.Partition(p) + "/"
	files, err := f.List(ctx, dir+"*"+ext)
	if err != nil {
		return nil, err
	}
	var names []Name
	for _, file := range files {
		if n, ok := l.Parse(file, dir, ext); ok && n.Partition == p {
			names = append(names, n)
		}
	}
	slices.SortFunc(names, LongestFirst)
	return names, nil
}

// LongestFirst orders names of one partition by their start, and those of one start by
// falling length.
func LongestFirst(a, b Name) int {
	return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End))
}

// LookFrom returns the chunk from which on files must be looked at where all from first
// to known, exclusive, were found complete once: the first of the last one's block, if
// all blocks before that have a folder of every kind, and else first. blocks are those
// that each kind has, as [Layout.Blocks] gives them.
func (l Layout) LookFrom(first, known int64, blocks ...[]int64) int64 {
	if known <= first {
		return first
	}
	from, to := l.BlockOf(first), l.BlockOf(known-1)
	if from == to {
		return first
	}
	for _, have := range blocks {
		i, _ := slices.BinarySearch(have, from)
		if j := i + int(to-from) - 1; j >= len(have) || have[i] != from || have[j] != to-1 {
			return first
		}
	}
	return to * l.Block
}
