package publish

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

// Topic is what matters to a publisher about the topic.
type Topic struct {
	Name       string
	Partitions []int // ascending

	MaxMessageBytes int           // largest batch of records the topic takes
	Retention       time.Duration // records older than this are deleted; 0 if age does not matter
	AppendTime      bool          // the broker replaces capture times by its own clock
}

const (
	// DefaultMaxMessageBytes is Kafka's own default of max.message.bytes, assumed
	// where the broker does not say.
	DefaultMaxMessageBytes = 1048588

	// What a topic is created with: room for a raw frame of 1920x1080 pixels, or
	// one of 1280x720 in JSON, and kept by size, because the records of an old
	// film are older than any time limit as soon as they are written.
	createdMaxMessageBytes = 16 << 20
	createdRetentionBytes  = 10 << 30 // per partition
)

// TopicMissingError says that the topic is not there, and what to do.
type TopicMissingError struct{ Topic string }

func (e *TopicMissingError) Error() string {
	return fmt.Sprintf("topic %s does not exist: create it with --create-topic --partitions N, or with Kafka's own "+
		"kafka-topics.sh --create --topic %s --partitions N --config cleanup.policy=delete --config max.message.bytes=%d "+
		"--config retention.ms=-1 --config retention.bytes=%d (kept by size: frames bear capture times, which may lie years back)",
		e.Topic, e.Topic, createdMaxMessageBytes, createdRetentionBytes)
}

// CompactedError says that the topic would keep one record per camera.
type CompactedError struct{ Topic, Policy string }

func (e *CompactedError) Error() string {
	return fmt.Sprintf("topic %s is compacted (cleanup.policy=%s): it would keep one record per camera; use a topic with cleanup.policy=delete", e.Topic, e.Policy)
}

// forFrames is what a topic of frames is created with.
func forFrames() []kafka.ConfigEntry {
	return []kafka.ConfigEntry{
		{ConfigName: "cleanup.policy", ConfigValue: "delete"},
		{ConfigName: "max.message.bytes", ConfigValue: strconv.Itoa(createdMaxMessageBytes)},
		{ConfigName: "retention.ms", ConfigValue: "-1"},
		{ConfigName: "retention.bytes", ConfigValue: strconv.Itoa(createdRetentionBytes)},
		{ConfigName: "message.timestamp.type", ConfigValue: "CreateTime"},
	}
}

// createTopic creates the topic unless it is there already.
func createTopic(ctx context.Context, client *kafka.Client, name string, partitions int, config []kafka.ConfigEntry) error {
	resp, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
		Topic:             name,
		NumPartitions:     partitions,
		ReplicationFactor: -1, // the cluster's default
		ConfigEntries:     config,
	}}})
	if err == nil {
		err = resp.Errors[name]
	}
	if err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
		return fmt.Errorf("create topic %s: %w", name, err)
	}
	return nil
}

// describeTopic asks the brokers about the topic.
func describeTopic(ctx context.Context, client *kafka.Client, name string) (Topic, error) {
	t := Topic{Name: name, MaxMessageBytes: DefaultMaxMessageBytes}
	meta, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{name}})
	if err != nil {
		return t, fmt.Errorf("topic %s: %w", name, err)
	}
	for _, found := range meta.Topics {
		if found.Name != name {
			continue
		}
		if errors.Is(found.Error, kafka.UnknownTopicOrPartition) {
			return t, &TopicMissingError{Topic: name}
		}
		if found.Error != nil {
			return t, fmt.Errorf("topic %s: %w", name, found.Error)
		}
		for _, p := range found.Partitions {
			t.Partitions = append(t.Partitions, p.ID)
		}
	}
	if len(t.Partitions) == 0 {
		return t, &TopicMissingError{Topic: name}
	}
	sort.Ints(t.Partitions)

	resp, err := client.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{{
		ResourceType: kafka.ResourceTypeTopic, ResourceName: name,
		ConfigNames: []string{"max.message.bytes", "cleanup.policy", "retention.ms", "message.timestamp.type"},
	}}})
	if err != nil {
		return t, fmt.Errorf("configuration of topic %s: %w", name, err)
	}
	for _, r := range resp.Resources {
		// A user who may write but not describe is not refused: the limit is then
		// an assumption.
		if r.Error != nil && !errors.Is(r.Error, kafka.TopicAuthorizationFailed) {
			return t, fmt.Errorf("configuration of topic %s: %w", name, r.Error)
		}
		for _, e := range r.ConfigEntries {
			switch e.ConfigName {
			case "max.message.bytes":
				if n, err := strconv.Atoi(e.ConfigValue); err == nil && n > 0 {
					t.MaxMessageBytes = n
				}
			case "cleanup.policy":
				if strings.Contains(e.ConfigValue, "compact") {
					return t, &CompactedError{Topic: name, Policy: e.ConfigValue}
				}
			case "retention.ms":
				if ms, err := strconv.ParseInt(e.ConfigValue, 10, 64); err == nil && ms > 0 && ms < int64(1<<63-1)/int64(time.Millisecond) {
					t.Retention = time.Duration(ms) * time.Millisecond
				}
			case "message.timestamp.type":
				t.AppendTime = e.ConfigValue == "LogAppendTime"
			}
		}
	}
	return t, nil
}
