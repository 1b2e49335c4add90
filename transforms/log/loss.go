package log

import (
	"errors"
	"fmt"

	"github.com/framebeam/framebeam/transforms/chunk"
)

// ErrDataLoss is wrapped by every error that means: what should be read is not
// there (any more). It is never passed over in silence.
var ErrDataLoss = errors.New("data loss")

// DataLoss says what was expected in the log and what is there.
type DataLoss struct {
	chunk.Partition
	Offset int64  // the offset that should have been read
	First  int64  // the first offset the log has
	End    int64  // the offset the next record will have
	What   string // a sentence: deleted by retention, truncated, created anew, ...
}

func (e *DataLoss) Error() string {
	return fmt.Sprintf("%v offset %d: %s (the log now holds [%d, %d))", e.Partition, e.Offset, e.What, e.First, e.End)
}

func (e *DataLoss) Unwrap() error { return ErrDataLoss }
