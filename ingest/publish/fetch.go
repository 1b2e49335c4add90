package publish

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// kafka-go lets a message do its own exchange on a connection that it has made.
// Its own Fetch inflates whatever comes and does not say where a batch ends, and
// it knows nothing of topic ids.

const (
	// idVersion is the first version of Metadata that answers with topic ids (Kafka 2.8).
	idVersion = 10
	// maxAnswer bounds one answer: a broker sends a whole batch, however large.
	maxAnswer = 512 << 20
)

// exchange sends a request and returns the answer behind its header.
func exchange(rw io.ReadWriter, req kmsg.Request) ([]byte, error) {
	const correlation = 0 // there is one request at a time on a connection
	if _, err := rw.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID("framebeam-ingest")).AppendRequest(nil, req, correlation)); err != nil {
		return nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(rw, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxAnswer {
		return nil, fmt.Errorf("an answer of %d bytes", n)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(rw, body); err != nil {
		return nil, err
	}
	// The correlation id and, in newer versions, a list of tags, which no broker fills.
	header := 4
	if req.IsFlexible() {
		header = 5
	}
	if len(body) < header || binary.BigEndian.Uint32(body) != correlation || header == 5 && body[4] != 0 {
		return nil, errors.New("an answer with an unknown header")
	}
	return body[header:], nil
}

// idRequest asks for a topic's id, and is the answer too.
type idRequest struct {
	topic string
	id    [16]byte
}

func (*idRequest) ApiKey() protocol.ApiKey                 { return protocol.Metadata }
func (*idRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange implements protocol.RawExchanger.
func (r *idRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.SetVersion(idVersion)
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = &r.topic
	req.Topics = append(req.Topics, topic)
	body, err := exchange(rw, req)
	if err != nil {
		return nil, err
	}
	resp := req.ResponseKind().(*kmsg.MetadataResponse)
	if err := resp.ReadFrom(body); err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	for _, t := range resp.Topics {
		if t.Topic == nil || *t.Topic != r.topic {
			continue
		}
		if e := kafka.Error(t.ErrorCode); e != 0 && e != kafka.LeaderNotAvailable {
			return nil, e
		}
		return &idRequest{id: t.TopicID}, nil
	}
	return nil, protocol.NewErrNoTopic(r.topic)
}

// topicID is what tells a topic from one created anew under its name; "" if the
// brokers know no such thing.
func topicID(ctx context.Context, client *kafka.Client, topic string) (string, error) {
	versions, err := client.ApiVersions(ctx, &kafka.ApiVersionsRequest{})
	if err == nil {
		err = versions.Error
	}
	if err != nil {
		return "", err
	}
	for _, k := range versions.ApiKeys {
		if k.ApiKey == int(protocol.Metadata) && k.MaxVersion < idVersion {
			return "", nil
		}
	}
	m, err := client.Transport.RoundTrip(ctx, client.Addr, &idRequest{topic: topic})
	if err != nil {
		return "", err
	}
	if id := m.(*idRequest).id; id != [16]byte{} {
		return hex.EncodeToString(id[:]), nil
	}
	return "", nil
}

// fetchRequest asks the leader of a partition for what lies there from an offset on.
type fetchRequest struct {
	topic     string
	partition int32
	offset    int64
	maxBytes  int32
	version   int16 // that broker and kafka-go both know; kafka-go sets it, up to 11
}

// fetchResponse is the answer.
type fetchResponse struct {
	batches []byte // the last may be cut off
	end     int64  // of what can be read of the partition
}

func (*fetchRequest) ApiKey() protocol.ApiKey  { return protocol.Fetch }
func (*fetchResponse) ApiKey() protocol.ApiKey { return protocol.Fetch }

// Broker implements protocol.BrokerMessage.
func (r *fetchRequest) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	topic, ok := cluster.Topics[r.topic]
	if !ok {
		return protocol.Broker{}, protocol.NewErrNoTopic(r.topic)
	}
	partition, ok := topic.Partitions[r.partition]
	if !ok {
		return protocol.Broker{}, protocol.NewErrNoPartition(r.topic, r.partition)
	}
	b, ok := cluster.Brokers[partition.Leader]
	if !ok {
		return protocol.Broker{}, protocol.NewErrNoLeader(r.topic, r.partition)
	}
	return b, nil
}

// Required implements protocol.RawExchanger.
func (r *fetchRequest) Required(versions map[protocol.ApiKey]int16) bool {
	r.version = versions[protocol.Fetch]
	return true
}

// RawExchange implements protocol.RawExchanger.
func (r *fetchRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	const wait = 500 * time.Millisecond
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(r.version)
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = int32(wait.Milliseconds()), 1, r.maxBytes
	req.SessionEpoch = -1 // no session
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic = r.topic
	part := kmsg.NewFetchRequestTopicPartition()
	part.Partition, part.FetchOffset, part.PartitionMaxBytes = r.partition, r.offset, r.maxBytes
	topic.Partitions = append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	body, err := exchange(rw, req)
	if err != nil {
		return nil, err
	}
	resp := req.ResponseKind().(*kmsg.FetchResponse)
	if err := resp.ReadFrom(body); err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	if resp.ErrorCode != 0 {
		return nil, kafka.Error(resp.ErrorCode)
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return nil, errors.New("fetch: an answer for something else")
	}
	p := &resp.Topics[0].Partitions[0]
	if p.ErrorCode != 0 {
		return nil, kafka.Error(p.ErrorCode)
	}
	return &fetchResponse{p.RecordBatches, p.HighWatermark}, nil
}
