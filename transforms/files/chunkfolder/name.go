package chunkfolder

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
)

// OffsetDigits holds every int64, so that names sort as offsets do.
const OffsetDigits = 19

// Name is what the name of a file says: the offsets [Start, End] of a partition.
// '+' separates the parts because no topic may contain it.
type Name struct {
	chunk.Partition
	Start int64 // first offset of the range
	End   int64 // last offset of the range, inclusive
}

// NameOf is the name of a chunk's files: the whole chunk, whether or not the log
// has records at all of its offsets, so that the name depends on nothing else.
func NameOf(id chunk.ID, n int64) (Name, error) {
	if err := frame.CheckTopic(id.Topic); err != nil {
		return Name{}, err
	}
	if id.Partition.ID < 0 || id.Index < 0 || n < 1 || id.Index > math.MaxInt64/n-1 {
		return Name{}, fmt.Errorf("%v with %d offsets per chunk: not a chunk", id, n)
	}
	return Name{id.Partition, id.Index * n, (id.Index+1)*n - 1}, nil
}

func (n Name) String() string {
	return fmt.Sprintf("%s+%0*d+%0*d", n.Key(), OffsetDigits, n.Start, OffsetDigits, n.End)
}

// ParseName is the inverse of [Name.String], and strict: only what String gives is read.
func ParseName(s string) (Name, error) {
	parts := strings.Split(s, "+")
	if len(parts) != 4 {
		return Name{}, fmt.Errorf("name %q is not topic+partition+start+end", s)
	}
	p, err1 := chunk.ParsePartition(parts[0] + "+" + parts[1])
	start, err2 := strconv.ParseInt(parts[2], 10, 64)
	end, err3 := strconv.ParseInt(parts[3], 10, 64)
	n := Name{p, start, end}
	if err1 != nil || err2 != nil || err3 != nil || start < 0 || end < start || n.String() != s {
		return Name{}, fmt.Errorf("name %q is not topic+partition+start+end", s)
	}
	return n, nil
}

// ParseFile reads the name of a file in dir; ok is false for files that are not ours.
func ParseFile(file, dir, ext string) (n Name, ok bool) {
	base, ok := strings.CutPrefix(file, dir)
	if !ok {
		return Name{}, false
	}
	if base, ok = strings.CutSuffix(base, ext); !ok {
		return Name{}, false
	}
	if rest, ok := strings.CutPrefix(base, "+"); ok && hidden(rest) {
		base = rest // see Layout.Plain
	}
	n, err := ParseName(base)
	return n, err == nil
}
