package kafka

import (
	"fmt"
	"io"
)

// clientID is the readers' name in the brokers' logs and quotas.
const clientID = "framebeam"

// maxSmallResponse bounds the answer to a request that fetches nothing.
const maxSmallResponse = 16 << 20

var errAnswer = fmt.Errorf("an answer that cannot be understood: %w", io.ErrUnexpectedEOF)
