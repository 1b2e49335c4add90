package connect

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/segmentio/kafka-go"
)

// Ping asks the brokers whether they are there, over a connection of its own.
func Ping(ctx context.Context, brokers []string, connection string) error {
	transport, err := Transport(connection, "framebeam-ping")
	if err != nil {
		return err
	}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(brokers...), Transport: transport}
	// Not of all topics, of which there may be many.
	res, err := client.ApiVersions(ctx, &kafka.ApiVersionsRequest{})
	if err == nil {
		err = res.Error
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.New("no answer")
	}
	if err != nil {
		return fmt.Errorf("brokers %s: %w", strings.Join(brokers, ","), Explain(err, connection, false))
	}
	return nil
}
