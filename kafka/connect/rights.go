package connect

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Operation is something that a user may do with a topic, by its number in Kafka's ACLs.
type Operation uint

// The operations that Framebeam needs.
const (
	Read            Operation = 3
	Write           Operation = 4
	Create          Operation = 5
	Describe        Operation = 8
	DescribeConfigs Operation = 10
)

// Rights are the operations that a user may do; 0: not known.
type Rights uint32

// Has reports whether an operation is among them.
func (r Rights) Has(o Operation) bool { return r&(1<<o) != 0 }

// rightsVersion is the version of Kafka's Metadata request that says what its user may do
// (Kafka 2.3). kafka-go does not ask.
const rightsVersion = 8

// rightsUnknown is what brokers say that do not know.
const rightsUnknown = -1 << 31

// TopicRights asks what this user may do with a topic; 0 if the brokers do not say.
func TopicRights(ctx context.Context, client *kafka.Client, topic string) (Rights, error) {
	known, err := supports(ctx, client, protocol.Metadata, rightsVersion)
	if err != nil || !known {
		return 0, err
	}
	m, err := client.Transport.RoundTrip(ctx, client.Addr, &rightsRequest{clientID(client), topic})
	if err != nil {
		return 0, err
	}
	return m.(*rightsResponse).rights, nil
}

type rightsRequest struct{ client, topic string }

type rightsResponse struct{ rights Rights }

func (*rightsRequest) ApiKey() protocol.ApiKey  { return protocol.Metadata }
func (*rightsResponse) ApiKey() protocol.ApiKey { return protocol.Metadata }

// Required implements protocol.RawExchanger.
func (*rightsRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange implements protocol.RawExchanger.
func (r *rightsRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.SetVersion(rightsVersion)
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = &r.topic
	req.Topics = append(req.Topics, topic)
	req.IncludeTopicAuthorizedOperations = true
	body, err := exchange(rw, r.client, req, maxSmall)
	if err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	resp := req.ResponseKind().(*kmsg.MetadataResponse)
	if err := resp.ReadFrom(body); err != nil {
		return nil, errors.Join(errAnswer, err)
	}
	for _, t := range resp.Topics {
		if t.Topic == nil || *t.Topic != r.topic {
			continue
		}
		if e := kafka.Error(t.ErrorCode); t.ErrorCode != 0 && e != kafka.LeaderNotAvailable {
			return nil, protocol.NewTopicError(r.topic, e)
		}
		if t.AuthorizedOperations == rightsUnknown {
			return &rightsResponse{}, nil
		}
		return &rightsResponse{Rights(uint32(t.AuthorizedOperations))}, nil
	}
	return nil, protocol.NewErrNoTopic(r.topic)
}
