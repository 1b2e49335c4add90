package connect

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Offset asks for an offset of a partition by Kafka's timestamp: that of the first
// record that has it or a later one, in milliseconds; the end if none has. With
// kafka.FirstOffset and kafka.LastOffset it is that of the oldest record, and of the next.
func Offset(ctx context.Context, client *kafka.Client, topic string, partition int, timestamp int64) (offset int64, err error) {
	res, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{topic: {{Partition: partition, Timestamp: timestamp}}},
	})
	if err != nil {
		return 0, err
	}
	if len(res.Topics[topic]) != 1 {
		return 0, io.ErrUnexpectedEOF
	}
	p := res.Topics[topic][0]
	if p.Error != nil {
		return 0, p.Error
	}
	switch timestamp {
	case kafka.FirstOffset:
		offset = p.FirstOffset
	case kafka.LastOffset:
		offset = p.LastOffset
	default:
		offset = -1
		for o := range p.Offsets {
			offset = o
		}
		if offset < 0 {
			return Offset(ctx, client, topic, partition, kafka.LastOffset)
		}
		return offset, nil
	}
	if offset < 0 {
		return 0, kafka.OffsetNotAvailable
	}
	return offset, nil
}

// topicIDVersion is the first version of Kafka's Metadata request that answers
// with topic ids (Kafka 2.8). kafka-go knows versions up to 8 only, but lets a
// message do its own exchange on the connection.
const topicIDVersion = 10

// topicIDRequest asks for a topic's id.
type topicIDRequest struct{ client, topic string }

// topicIDResponse is the answer to it.
type topicIDResponse struct{ id [16]byte }

func (*topicIDRequest) ApiKey() protocol.ApiKey  { return protocol.Metadata }
func (*topicIDResponse) ApiKey() protocol.ApiKey { return protocol.Metadata }

// Required implements protocol.RawExchanger.
func (*topicIDRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange implements protocol.RawExchanger.
func (r *topicIDRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.SetVersion(topicIDVersion)
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = &r.topic
	req.Topics = append(req.Topics, topic)
	body, err := exchange(rw, r.client, req, maxSmall)
	if err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	resp := req.ResponseKind().(*kmsg.MetadataResponse)
	if err := resp.ReadFrom(body); err != nil {
		return nil, fmt.Errorf("metadata response: %w", err)
	}
	for _, t := range resp.Topics {
		if t.Topic == nil || *t.Topic != r.topic {
			continue
		}
		// While a leader is elected the rest of the answer is good.
		if e := kafka.Error(t.ErrorCode); t.ErrorCode != 0 && e != kafka.LeaderNotAvailable {
			return nil, protocol.NewTopicError(r.topic, e)
		}
		return &topicIDResponse{t.TopicID}, nil
	}
	return nil, protocol.NewErrNoTopic(r.topic)
}

// TopicID is what tells a topic from one created anew under its name; "" if the brokers
// know no such thing (before Kafka 2.8).
func TopicID(ctx context.Context, client *kafka.Client, topic string) (string, error) {
	known, err := supports(ctx, client, protocol.Metadata, topicIDVersion)
	if err != nil || !known {
		return "", err
	}
	m, err := client.Transport.RoundTrip(ctx, client.Addr, &topicIDRequest{clientID(client), topic})
	if err != nil {
		return "", err
	}
	if id := m.(*topicIDResponse).id; id != [16]byte{} {
		return hex.EncodeToString(id[:]), nil
	}
	return "", nil
}

// supports reports whether a broker knows a version of a kind of request.
func supports(ctx context.Context, client *kafka.Client, key protocol.ApiKey, version int) (bool, error) {
	versions, err := client.ApiVersions(ctx, &kafka.ApiVersionsRequest{})
	if err == nil {
		err = versions.Error
	}
	if err != nil {
		return false, err
	}
	for _, k := range versions.ApiKeys {
		if k.ApiKey == int(key) {
			return k.MaxVersion >= version, nil
		}
	}
	return false, nil
}
