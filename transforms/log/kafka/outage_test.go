package kafka

import (
	"errors"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/broker/brokertest"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/log"
)

// kafka-go answers that a topic is unknown when it reaches no broker that knows one.
func TestBrokersThatAreAwayAreNoLossOfData(t *testing.T) {
	opts := broker.Options{Ports: []int{0}, Dir: t.TempDir()}
	b := startBroker(t, opts)
	brokertest.Append(t, b, "frames", broker.None, 0, 10)
	_, port, err := net.SplitHostPort(b.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	opts.Ports = []int{number}
	open := func(patience time.Duration) log.Log {
		l, err := log.Open(t.Context(), log.Spec{Kind: "kafka", Brokers: b.Addrs(), Patience: patience})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		if _, _, err := l.Read(t.Context(), chunk.Partition{Topic: "frames"}, 0, 10, 1, time.Second); err != nil {
			t.Fatal(err)
		}
		return l
	}
	short, long := open(5*time.Second), open(time.Minute)
	b.Close()

	later := make(chan error, 1)
	go func() {
		recs, _, err := long.Read(t.Context(), chunk.Partition{Topic: "frames"}, 5, 10, 1<<20, time.Second)
		if err == nil && len(recs) != 5 {
			err = errors.New("not all records were read")
		}
		later <- err
	}()
	_, _, err = short.Read(t.Context(), chunk.Partition{Topic: "frames"}, 5, 10, 1<<20, time.Second)
	if dial, ok := errors.AsType[*net.OpError](err); !ok || dial.Op != "dial" || errors.Is(err, log.ErrDataLoss) {
		t.Errorf("while no broker is there: %v", err)
	}
	startBroker(t, opts)
	if err := <-later; err != nil {
		t.Errorf("when the broker is back: %v", err)
	}
}
