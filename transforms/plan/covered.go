package plan

import (
	"fmt"

	"github.com/framebeam/framebeam/transforms/chunk"
)

// Covered says what a job did with the offsets [from, to) of a partition: what
// it did to them, and where they are now.
func Covered(topic string, partition int32, did, where string, from, to int64) string {
	switch {
	case to == chunk.None:
		return fmt.Sprintf("topic %s partition %d: %s from offset %d", topic, partition, did, from)
	case to <= from:
		return fmt.Sprintf("topic %s partition %d: nothing new, the %s holds everything below offset %d", topic, partition, where, from)
	}
	return fmt.Sprintf("topic %s partition %d: %s offsets %d to %d", topic, partition, did, from, to-1)
}
