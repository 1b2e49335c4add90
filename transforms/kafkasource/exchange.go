package kafkasource

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// kafka-go lets a message do its own exchange on a connection that it has made and
// keeps. So there can be requests that it does not know, and answers that it does
// not take apart.

// maxSmallResponse bounds the answer to a request that fetches nothing.
const maxSmallResponse = 16 << 20

// exchange sends a request and returns the answer behind its header. What is beyond
// most bytes is read over and left out.
func exchange(rw io.ReadWriter, req kmsg.Request, most int64) ([]byte, error) {
	const correlation = 0 // there is one request at a time on a connection
	if _, err := rw.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID("framebeam")).AppendRequest(nil, req, correlation)); err != nil {
		return nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(rw, size[:]); err != nil {
		return nil, err
	}
	n := int64(binary.BigEndian.Uint32(size[:]))
	body := make([]byte, min(n, most))
	if _, err := io.ReadFull(rw, body); err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, rw, n-int64(len(body))); err != nil {
		return nil, err
	}
	// The header is the correlation id and, in newer versions, a list of tags, which no
	// broker fills.
	header := 4
	if req.IsFlexible() {
		header = 5
	}
	if len(body) < header || binary.BigEndian.Uint32(body) != correlation || header == 5 && body[4] != 0 {
		return nil, errors.New("an answer with an unknown header")
	}
	return body[header:], nil
}

// toLeader sends a message to the leader of a partition.
type toLeader struct {
	topic     string
	partition int32
}

// Broker implements protocol.BrokerMessage.
func (l toLeader) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	topic, ok := cluster.Topics[l.topic]
	if !ok {
		return protocol.Broker{}, protocol.NewErrNoTopic(l.topic)
	}
	partition, ok := topic.Partitions[l.partition]
	if !ok {
		return protocol.Broker{}, protocol.NewErrNoPartition(l.topic, l.partition)
	}
	b, ok := cluster.Brokers[partition.Leader]
	if !ok {
		return protocol.Broker{}, protocol.NewErrNoLeader(l.topic, l.partition)
	}
	return b, nil
}

var errAnswer = fmt.Errorf("an answer that cannot be understood: %w", io.ErrUnexpectedEOF)
