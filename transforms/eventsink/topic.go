package eventsink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/kafka/publish"
	"github.com/framebeam/framebeam/tracing"
	"github.com/framebeam/framebeam/transforms/frame"
)

// Config says where events go. It travels to the workers, so it holds no secrets,
// only the path of the file that says where to find them.
type Config struct {
	Brokers []string // of the cluster, host:port
	// Connection is the path of a file that says how to connect with TLS and SASL (see
	// package connect); every worker must have it. "" is plaintext.
	Connection string
	// Patience is for how long publishing is tried again while brokers fail. 0:
	// connect.DefaultPatience.
	Patience time.Duration
	Topic    string
	// From holds, by partition of the frames' topic, the first offset whose events
	// are published: where a changed configuration holds from inside a chunk, those
	// before it were published by the earlier one. Others are published from 0 on.
	From map[int32]int64
	// Trace is who is told of frames that are followed. It changes no event.
	Trace tracing.Config
}

// Validate returns every violation, joined.
func (c Config) Validate() error {
	errs := []error{frame.CheckTopic(c.Topic)}
	if len(c.Brokers) == 0 {
		errs = append(errs, errors.New("events need the brokers of a Kafka cluster"))
	}
	if c.Patience < 0 {
		errs = append(errs, fmt.Errorf("patience is %v, must not be negative", c.Patience))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("event sink: %w", err)
	}
	return nil
}

// queueBytes is how much of one camera waits for the brokers at most, which is some
// thousands of events.
const queueBytes = 4 << 20

// open opens the topic. With partitions it is created if it is missing.
func (c Config) open(ctx context.Context, partitions int) (*publish.Publisher, error) {
	patience := c.Patience
	if patience == 0 {
		patience = connect.DefaultPatience
	}
	p, err := publish.Open(ctx, publish.Options{
		Brokers: c.Brokers, Topic: c.Topic, Connection: c.Connection,
		ClientID: "framebeam-events", CreatePartitions: partitions, CreateConfig: created,
		QueueBytes: queueBytes, DeliveryTimeout: patience, OpenTimeout: min(patience, 30*time.Second),
	})
	if _, missing := errors.AsType[*publish.TopicMissingError](err); missing {
		return nil, fmt.Errorf("events: %w", &TopicMissingError{c.Topic})
	}
	if err != nil {
		return nil, fmt.Errorf("events: topic %s: %w", c.Topic, err)
	}
	return p, nil
}

// created is what a topic is created with: kept by size, since the events of an old
// film are older than any time limit as soon as they are written.
var created = []kafka.ConfigEntry{
	{ConfigName: "cleanup.policy", ConfigValue: "delete"},
	{ConfigName: "retention.ms", ConfigValue: "-1"},
	{ConfigName: "retention.bytes", ConfigValue: "1073741824"},
	{ConfigName: "message.timestamp.type", ConfigValue: "CreateTime"},
}

// TopicMissingError says that the topic is not there, and what to do.
type TopicMissingError struct{ Topic string }

func (e *TopicMissingError) Error() string {
	return fmt.Sprintf("topic %s does not exist: create it with --events-partitions N, or with Kafka's own "+
		"kafka-topics.sh --create --topic %s --partitions N --config cleanup.policy=delete "+
		"--config retention.ms=-1 --config retention.bytes=%s (kept by size: events bear capture times, which may lie years back)",
		e.Topic, e.Topic, created[2].ConfigValue)
}

// Prepare checks, before a job is submitted, that the topic can be written to; with
// partitions, it creates the topic with so many if it is missing.
func Prepare(ctx context.Context, cfg Config, partitions int) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	p, err := cfg.open(ctx, partitions)
	if err != nil {
		return err
	}
	return p.Close(ctx)
}
