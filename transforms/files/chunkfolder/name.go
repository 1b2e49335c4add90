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
	Topic     string
	Partition int32
	Start     int64 // first offset of the range
	End       int64 // last offset of the range, inclusive
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
	return Name{id.Topic, id.Partition.ID, id.Index * n, (id.Index+1)*n - 1}, nil
}

func (n Name) String() string {
	return fmt.Sprintf("%s+%d+%0*d+%0*d", n.Topic, n.Partition, OffsetDigits, n.Start, OffsetDigits, n.End)
}

// ParseName is the inverse of [Name.String], and strict: only what String gives is read.
func ParseName(s string) (Name, error) {
	p := strings.Split(s, "+")
	if len(p) != 4 {
		return Name{}, fmt.Errorf("name %q is not topic+partition+start+end", s)
	}
	part, err1 := strconv.ParseInt(p[1], 10, 32)
	start, err2 := strconv.ParseInt(p[2], 10, 64)
	end, err3 := strconv.ParseInt(p[3], 10, 64)
	n := Name{p[0], int32(part), start, end}
	if err1 != nil || err2 != nil || err3 != nil || frame.CheckTopic(p[0]) != nil ||
		part < 0 || start < 0 || end < start || n.String() != s {
		return Name{}, fmt.Errorf("name %q is not topic+partition+start+end", s)
	}
	return n, nil
}

// PartitionKey is topic+partition, as folders and journals name partitions.
func PartitionKey(topic string, partition int32) string {
	return topic + "+" + strconv.Itoa(int(partition))
}

// ParsePartitionKey is the inverse of [PartitionKey], and as strict.
func ParsePartitionKey(key string) (topic string, partition int32, err error) {
	topic, num, _ := strings.Cut(key, "+")
	p, err := strconv.ParseInt(num, 10, 32)
	if err != nil || p < 0 || frame.CheckTopic(topic) != nil || PartitionKey(topic, int32(p)) != key {
		return "", 0, fmt.Errorf("%q is not topic+partition", key)
	}
	return topic, int32(p), nil
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
	if rest, ok := strings.CutPrefix(base, "+"); ok && (strings.HasPrefix(rest, "_") || strings.HasPrefix(rest, ".")) {
		base = rest // see Layout.Plain
	}
	n, err := ParseName(base)
	return n, err == nil
}
