package publish

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/broker"
)

func TestAMissingTopicIsAnErrorThatSaysWhatToDo(t *testing.T) {
	b := start(t, broker.Options{})
	_, err := Open(t.Context(), Options{Brokers: b.Addrs(), Topic: "frames"})
	if _, ok := errors.AsType[*TopicMissingError](err); !ok || !strings.Contains(err.Error(), "--create-topic --partitions N") {
		t.Error(err)
	}
}

func TestATopicIsCreatedToBeKeptBySize(t *testing.T) {
	b := start(t, broker.Options{})
	p := open(t, b, Options{CreatePartitions: 3})
	if got := p.Topic(); len(got.Partitions) != 3 || got.MaxMessageBytes != createdMaxMessageBytes || got.Retention != 0 || got.AppendTime {
		t.Errorf("%+v", got)
	}
	// One that exists is left alone.
	if got := open(t, b, Options{CreatePartitions: 9}).Topic(); len(got.Partitions) != 3 {
		t.Errorf("%+v", got)
	}
}

func TestTheTopicsConfigurationIsRead(t *testing.T) {
	b := start(t, broker.Options{Topics: []broker.Topic{{Name: "frames", Configs: map[string]string{
		"max.message.bytes": "12345", "retention.ms": "60000", "message.timestamp.type": "LogAppendTime",
	}}}})
	if got := open(t, b, Options{}).Topic(); got.MaxMessageBytes != 12345 || got.Retention != time.Minute || !got.AppendTime {
		t.Errorf("%+v", got)
	}
}

func TestACompactedTopicIsRefused(t *testing.T) {
	b := start(t, broker.Options{Topics: []broker.Topic{{Name: "frames", Configs: map[string]string{"cleanup.policy": "compact"}}}})
	_, err := Open(t.Context(), Options{Brokers: b.Addrs(), Topic: "frames"})
	if _, ok := errors.AsType[*CompactedError](err); !ok {
		t.Error(err)
	}
}

func TestBrokersThatCannotBeReachedAreNamed(t *testing.T) {
	b := start(t, broker.Options{})
	addrs := b.Addrs()
	b.Close()
	_, err := Open(t.Context(), Options{Brokers: addrs, Topic: "frames", OpenTimeout: 500 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), addrs[0]) {
		t.Error(err)
	}
}
