package chunk

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/wire"
)

// Partition names a partition of a topic.
type Partition struct {
	Topic string
	ID    int32
}

// Key is topic+partition, as keys, folders and journals name partitions. '+' is not
// legal in a topic.
func (p Partition) Key() string { return p.Topic + "+" + strconv.Itoa(int(p.ID)) }

// ParsePartition is the inverse of [Partition.Key], and strict: only what Key gives for a
// legal topic is read.
func ParsePartition(key string) (Partition, error) {
	topic, num, _ := strings.Cut(key, "+")
	id, err := strconv.ParseInt(num, 10, 32)
	p := Partition{topic, int32(id)}
	if err != nil || id < 0 || frame.CheckTopic(topic) != nil || p.Key() != key {
		return Partition{}, fmt.Errorf("%q is not topic+partition", key)
	}
	return p, nil
}

// String is how errors name the partition.
func (p Partition) String() string { return fmt.Sprintf("topic %s partition %d", p.Topic, p.ID) }

// Append appends the partition's encoding to b.
func (p Partition) Append(b []byte) []byte {
	return wire.Int(wire.String(b, p.Topic), int64(p.ID))
}

// ReadPartition reads what [Partition.Append] wrote; a number that no partition has makes
// the reader fail.
func ReadPartition(r *wire.Reader) Partition {
	p := Partition{Topic: r.String()}
	id := r.Int()
	if id < 0 || id > math.MaxInt32 {
		r.Fail()
		return Partition{}
	}
	p.ID = int32(id)
	return p
}
