package archive

import (
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
)

// Span is the offsets [Start, End) of one chunk that a file covers: all of a
// complete chunk, the first ones of a partial chunk. Whether each has a record
// is another matter.
type Span struct {
	chunk.ID
	N          int64 // offsets per chunk
	Start, End int64
}

// ChunkSpan is the span of the whole chunk.
func ChunkSpan(id chunk.ID, n int64) Span {
	return Span{ID: id, N: n, Start: id.Index * n, End: (id.Index + 1) * n}
}

// Complete reports whether the span is its whole chunk.
func (s Span) Complete() bool { return s.End == s.Start+s.N }

const ext = ".avro"

// Name is the file's name, topic+partition+start+end.avro, both offsets inclusive.
func (s Span) Name() string { return s.name().String() + ext }

func (s Span) name() chunkfolder.Name {
	return chunkfolder.Name{Partition: s.Partition, Start: s.Start, End: s.End - 1}
}

// spanOf is the inverse of Span.name in an archive of n offsets per chunk; ok is
// false for names that are no chunk's.
func spanOf(p chunkfolder.Name, n int64) (s Span, ok bool) {
	if p.Start%n != 0 || p.End-p.Start >= n {
		return Span{}, false
	}
	return Span{ID: chunk.ID{Partition: p.Partition, Index: p.Start / n}, N: n, Start: p.Start, End: p.End + 1}, true
}
