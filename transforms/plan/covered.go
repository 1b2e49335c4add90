package plan

import (
	"fmt"

	"github.com/framebeam/framebeam/transforms/chunk"
)

// Covered says what a job did with the offsets [from, to) of a partition: what
// it did to them, and where they are now.
func Covered(p chunk.Partition, did, where string, from, to int64) string {
	switch {
	case to == chunk.None:
		return fmt.Sprintf("%v: %s from offset %d", p, did, from)
	case to <= from:
		return fmt.Sprintf("%v: nothing new, the %s holds everything below offset %d", p, where, from)
	}
	return fmt.Sprintf("%v: %s offsets %d to %d", p, did, from, to-1)
}
