package publish

import (
	"encoding/binary"
	"fmt"

	"github.com/framebeam/framebeam/transforms/frame"
)

// batchHeader is the size of a record batch of version 2 without its records
// (Kafka protocol, "Record Batch").
const batchHeader = 61

// recordSize is the most bytes that a record takes in a batch: its parts and
// their lengths as variable-length numbers.
func recordSize(r *frame.Record) int {
	const fixed = binary.MaxVarintLen32 + 1 + binary.MaxVarintLen64 + binary.MaxVarintLen32 // length, attributes, timestamp and offset deltas
	n := fixed + 2*binary.MaxVarintLen32 + len(r.Key) + len(r.Value) + binary.MaxVarintLen32
	for i := range r.Headers {
		n += 2*binary.MaxVarintLen32 + len(r.Headers[i].Key) + len(r.Headers[i].Value)
	}
	return n
}

// TooLargeError is a frame that the topic would refuse; it has not been sent.
type TooLargeError struct {
	Camera string
	Topic  string
	Bytes  int // of the frame as a batch of one record
	Limit  int // the topic's max.message.bytes
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("camera %s: a frame takes %d bytes, topic %s takes %d (max.message.bytes): raise the topic's limit, or lower the camera's resize or quality, or change its encoding",
		e.Camera, e.Bytes, e.Topic, e.Limit)
}
