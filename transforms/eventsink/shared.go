package eventsink

import (
	"context"
	"fmt"

	"github.com/framebeam/framebeam/kafka/publish"
	"github.com/framebeam/framebeam/transforms/element"
)

// publishers are those of this process. With one publisher a partition has one request
// under way at a time, and a camera's events stay in order.
var publishers element.Shared[publisher]

type publisher struct{ *publish.Publisher }

// Close ends it at once: everything that counts was flushed.
func (p publisher) Close() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	// Its error is of what was not flushed.
	_ = p.Publisher.Close(ctx)
	return nil
}

// acquire opens the topic, or gives the publisher that has it open.
func acquire(ctx context.Context, cfg Config) (*element.Share[publisher], error) {
	return publishers.Acquire(fmt.Sprintf("%#v", cfg), func() (publisher, error) {
		p, err := cfg.open(ctx, 0)
		return publisher{p}, err
	})
}
