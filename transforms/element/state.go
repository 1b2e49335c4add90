package element

// State is what one camera's analyses remember at the end of a chunk. The tags are its
// record in the states files.
type State struct {
	Camera   string `avro:"camera"`
	Position int64  `avro:"position"` // chunk.EndPosition of the chunk
	Bytes    []byte `avro:"state"`    // as the sequence package encodes it
}
