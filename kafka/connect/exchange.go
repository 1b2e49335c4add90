package connect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// exchange sends a request and returns the answer behind its header; client is the name
// in the brokers' logs. What is beyond most bytes is read over and left out.
//
// It is for requests that kafka-go does not know, or whose answers it does not take
// apart as we need it. They go over the connections that kafka-go has made and keeps: it
// lets a message do its own exchange (protocol.RawExchanger).
func exchange(rw io.ReadWriter, client string, req kmsg.Request, most int64) ([]byte, error) {
	const correlation = 0 // there is one request at a time on a connection
	if _, err := rw.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID(client)).AppendRequest(nil, req, correlation)); err != nil {
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

// What does its own exchange. Were one of them to lose a method, kafka-go would take it
// for a message that it can encode itself.
var _ = []protocol.RawExchanger{&fetchRequest{}, &topicIDRequest{}, &epochRequest{}}

// leader sends a message, which embeds it, to the leader of a partition.
type leader struct {
	topic     string
	partition int32
}

// Broker implements protocol.BrokerMessage.
func (l leader) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	t, ok := cluster.Topics[l.topic]
	if !ok {
		return protocol.Broker{}, protocol.NewErrNoTopic(l.topic)
	}
	p, ok := t.Partitions[l.partition]
	if !ok {
		return protocol.Broker{}, protocol.NewErrNoPartition(l.topic, l.partition)
	}
	b, ok := cluster.Brokers[p.Leader]
	if !ok {
		return protocol.Broker{}, protocol.NewErrNoLeader(l.topic, l.partition)
	}
	return b, nil
}

// clientID is the name that a client has in the brokers' logs.
func clientID(c *kafka.Client) string {
	if t, ok := c.Transport.(*kafka.Transport); ok {
		return t.ClientID
	}
	return ""
}

// maxSmall bounds the answer to a request that fetches nothing.
const maxSmall = 16 << 20

// errAnswer is of an answer that is not understood. It counts as one that was cut off.
var errAnswer = fmt.Errorf("an answer that cannot be understood: %w", io.ErrUnexpectedEOF)
