package publish

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/segmentio/kafka-go"

	"github.com/framebeam/framebeam/kafka/connect"
)

// goneAfter is how long brokers may say that the topic does not exist until that is
// believed: one that has just been started does not know its topics yet.
const goneAfter = time.Minute

// permanent reports whether somebody who waits for an answer, and publishes
// nothing, need not ask again: what the brokers answer and does not pass.
// Everything about the network may pass.
func permanent(err error) bool {
	if _, compacted := errors.AsType[*CompactedError](err); compacted {
		return true
	}
	m, answered := connect.MeaningOf(err)
	return answered && m != connect.Passes
}

// Ask makes a request of the caller's own with the publisher's client, again and again
// while brokers fail in a way that may pass, for as long as DeliveryTimeout.
func (p *Publisher) Ask(ctx context.Context, request func(context.Context, *kafka.Client) error) error {
	wait, begun := newBackoff(), time.Now()
	for attempt := 1; ; attempt++ {
		err := func() error {
			limited, cancel := context.WithTimeout(ctx, p.opts.AttemptTimeout)
			defer cancel()
			return request(limited, p.client)
		}()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err = connect.Explain(err, p.opts.Connection, true)
		if permanent(err) && !connect.Refused(err) {
			return err
		}
		if elapsed := time.Since(begun); elapsed > p.opts.DeliveryTimeout {
			return fmt.Errorf("no success in %d attempts over %v: %w", attempt, elapsed.Round(time.Millisecond), err)
		}
		if attempt == 1 {
			p.opts.Log.Warn("the topic cannot be read, trying again", "topic", p.topic.Name, "reason", err)
		}
		if err := pause(ctx, wait.NextBackOff()); err != nil {
			return err
		}
		p.transport.CloseIdleConnections()
	}
}

// newBackoff is for what passes.
func newBackoff() *backoff.ExponentialBackOff { return pauses(2 * time.Second) }

// newSlowBackoff is for what somebody has to mend.
func newSlowBackoff() *backoff.ExponentialBackOff { return pauses(30 * time.Second) }

func pauses(longest time.Duration) *backoff.ExponentialBackOff {
	b := &backoff.ExponentialBackOff{InitialInterval: 100 * time.Millisecond, RandomizationFactor: 0.2, Multiplier: 2, MaxInterval: longest}
	b.Reset()
	return b
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
