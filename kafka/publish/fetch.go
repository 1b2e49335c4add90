package publish

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/framebeam/framebeam/kafka/exchange"
)

// kafka-go's own Fetch inflates whatever comes and does not say where a batch ends, and
// it knows nothing of topic ids.

// clientID is the collector's name in the brokers' logs, for what kafka-go does not send.
const clientID = "framebeam-ingest"

const (
	// idVersion is the first version of Metadata that answers with topic ids (Kafka 2.8).
	idVersion = 10
	// maxAnswer bounds one answer, of which the rest is left out: a broker sends a whole batch, however large.
	maxAnswer = 512 << 20
)

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
	body, err := exchange.Do(rw, clientID, req, maxAnswer)
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
	exchange.Leader
	offset   int64
	maxBytes int32
	version  int16 // that broker and kafka-go both know; kafka-go sets it, up to 11
}

// fetchResponse is the answer.
type fetchResponse struct {
	batches []byte // the last may be cut off
	end     int64  // of what can be read of the partition
}

func (*fetchRequest) ApiKey() protocol.ApiKey  { return protocol.Fetch }
func (*fetchResponse) ApiKey() protocol.ApiKey { return protocol.Fetch }

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
	topic.Topic = r.Topic
	part := kmsg.NewFetchRequestTopicPartition()
	part.Partition, part.FetchOffset, part.PartitionMaxBytes = r.Partition, r.offset, r.maxBytes
	topic.Partitions = append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	body, err := exchange.Do(rw, clientID, req, maxAnswer)
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
