package kafka

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

// check refuses a compacted topic: what it holds changes while it is read. It asks
// again at intervals. A topic that was good before is not given up because a broker
// does not say what it is now.
func (l *kafkaLog) check(ctx context.Context, topic string) error {
	l.mu.Lock()
	at, known := l.policies[topic]
	l.mu.Unlock()
	if known && time.Since(at) < l.policyEvery {
		return nil
	}
	patience := l.patience
	if known {
		patience = 0
	}
	policy, err := l.policy(ctx, topic, patience)
	switch {
	case err == nil && strings.Contains(policy, "compact"):
		return fmt.Errorf("topic %s: %w: its cleanup.policy is %q, and compaction removes records that were already counted", topic, ErrUnsupported, policy)
	case err != nil && (!known || ctx.Err() != nil):
		return fmt.Errorf("topic %s: ask for its cleanup.policy (needs the permission DescribeConfigs): %w", topic, err)
	case err != nil:
		slog.WarnContext(ctx, "a topic's cleanup.policy cannot be asked for any more; reading goes on", "topic", topic, "again in", l.policyEvery, "reason", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.policies[topic] = time.Now()
	return nil
}

// policy asks for a topic's cleanup.policy.
func (l *kafkaLog) policy(ctx context.Context, topic string, patience time.Duration) (policy string, err error) {
	err = l.do(ctx, patience, 0, func(ctx context.Context) error {
		res, err := l.client.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, ConfigNames: []string{"cleanup.policy"},
		}}})
		if err != nil {
			return err
		}
		if len(res.Resources) != 1 {
			return io.ErrUnexpectedEOF
		}
		if err := res.Resources[0].Error; err != nil {
			return err
		}
		for _, e := range res.Resources[0].ConfigEntries {
			policy = e.ConfigValue
		}
		return nil
	})
	return policy, err
}
