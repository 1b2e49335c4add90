package publish

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/broker/brokertest"
)

func TestAMissingTopicIsAnErrorThatSaysWhatToDo(t *testing.T) {
	b := brokertest.Start(t, broker.Options{})
	var said bytes.Buffer
	_, err := Open(t.Context(), Options{Brokers: b.Addrs(), Topic: "frames", Log: slog.New(slog.NewTextHandler(&said, nil))})
	if _, ok := errors.AsType[*TopicMissingError](err); !ok || !strings.Contains(err.Error(), "--create-topic --partitions N") {
		t.Error(err)
	}
	// Who publishes something else than frames has another hint, which comes in a moment.
	if said.Len() > 0 {
		t.Errorf("and before: %s", &said)
	}
}

func TestATopicIsCreatedToBeKeptBySize(t *testing.T) {
	b := brokertest.Start(t, broker.Options{})
	p := open(t, b, Options{CreatePartitions: 3})
	if got := p.Topic(); len(got.Partitions) != 3 || got.MaxMessageBytes != createdMaxMessageBytes || got.Retention != 0 || got.AppendTime {
		t.Errorf("%+v", got)
	}
	// One that exists is left alone, and it is said if it has not as many.
	for partitions, said := range map[int]string{3: "", 9: "partitions=3 \"asked for\"=9"} {
		var b2 bytes.Buffer
		got := open(t, b, Options{CreatePartitions: partitions, Log: slog.New(slog.NewTextHandler(&b2, nil))}).Topic()
		if len(got.Partitions) != 3 || !strings.Contains(b2.String(), said) || said == "" && b2.Len() > 0 {
			t.Errorf("%d were asked for: %+v: %s", partitions, got, &b2)
		}
	}
}

func TestTheTopicsConfigurationIsRead(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "frames", Configs: map[string]string{
		"max.message.bytes": "12345", "retention.ms": "60000", "message.timestamp.type": "LogAppendTime",
	}}}})
	if got := open(t, b, Options{}).Topic(); got.MaxMessageBytes != 12345 || got.Retention != time.Minute || !got.AppendTime {
		t.Errorf("%+v", got)
	}
}

func TestACompactedTopicIsRefused(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "frames", Configs: map[string]string{"cleanup.policy": "compact"}}}})
	_, err := Open(t.Context(), Options{Brokers: b.Addrs(), Topic: "frames"})
	if _, ok := errors.AsType[*CompactedError](err); !ok {
		t.Error(err)
	}
}

func TestBrokersThatCannotBeReachedAreNamed(t *testing.T) {
	b := brokertest.Start(t, broker.Options{})
	addrs := b.Addrs()
	b.Close()
	_, err := Open(t.Context(), Options{Brokers: addrs, Topic: "frames", OpenTimeout: 500 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), addrs[0]) {
		t.Error(err)
	}
}
