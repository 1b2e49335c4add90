package connect_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/connect"
)

func TestBrokersThatAreThereAnswer(t *testing.T) {
	b, err := broker.Start(broker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	if err := connect.Ping(ctx, b.Addrs(), ""); err != nil {
		t.Error(err)
	}
	b.Close()
	if err := connect.Ping(ctx, b.Addrs(), ""); err == nil || !strings.Contains(err.Error(), "brokers "+b.Addrs()[0]) {
		t.Error(err)
	}
}
