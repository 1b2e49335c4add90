package connect

import (
	"context"
	"errors"
	"io"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// EndOfEpoch asks for the offset behind all that the leaders of a partition up to an
// epoch appended; -1 where brokers do not know.
func EndOfEpoch(ctx context.Context, client *kafka.Client, topic string, partition, epoch int32) (end int64, err error) {
	known, err := supports(ctx, client, protocol.OffsetForLeaderEpoch, epochVersion)
	if err != nil || !known {
		return -1, err
	}
	m, err := client.Transport.RoundTrip(ctx, client.Addr, &epochRequest{leader{topic, partition}, clientID(client), epoch})
	if err != nil {
		return -1, err
	}
	res := m.(*epochResponse)
	if res.code != 0 {
		return -1, res.code
	}
	return res.end, nil
}

// epochVersion is the version of Kafka's OffsetForLeaderEpoch that consumers may ask
// (Kafka 2.3). kafka-go does not know the request.
const epochVersion = 3

// epochRequest asks where a leader's epoch ended.
type epochRequest struct {
	leader
	client string
	epoch  int32
}

// epochResponse is the answer to it.
type epochResponse struct {
	code kafka.Error
	end  int64 // -1: unknown
}

func (*epochRequest) ApiKey() protocol.ApiKey  { return protocol.OffsetForLeaderEpoch }
func (*epochResponse) ApiKey() protocol.ApiKey { return protocol.OffsetForLeaderEpoch }

// Required implements protocol.RawExchanger.
func (*epochRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange implements protocol.RawExchanger.
func (r *epochRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	req := kmsg.NewPtrOffsetForLeaderEpochRequest()
	req.SetVersion(epochVersion)
	topic := kmsg.NewOffsetForLeaderEpochRequestTopic()
	topic.Topic = r.topic
	part := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
	part.Partition = r.partition
	part.LeaderEpoch = r.epoch
	topic.Partitions = append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	body, err := exchange(rw, r.client, req, maxSmall)
	if err != nil {
		return nil, err
	}
	resp := req.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
	if err := resp.ReadFrom(body); err != nil {
		return nil, errors.Join(errAnswer, err)
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return nil, errAnswer
	}
	p := resp.Topics[0].Partitions[0]
	return &epochResponse{kafka.Error(p.ErrorCode), p.EndOffset}, nil
}
