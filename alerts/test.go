package alerts

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/framebeam/framebeam/alerts/config"
	"github.com/framebeam/framebeam/alerts/message"
	"github.com/framebeam/framebeam/transforms/eventsink"
	"github.com/framebeam/framebeam/transforms/result"
)

// Answer is what a target said to a test message.
type Answer struct {
	Target, Kind, Where string
	Answer              string
	Err                 error
	Took                time.Duration
}

// Test sends one message to each of the targets named, or to all, once. It says that it is a
// test. The answers are in the order of the file.
func Test(ctx context.Context, cfg *config.Config, only []string, now time.Time) ([]Answer, error) {
	for _, name := range only {
		if !slices.ContainsFunc(cfg.Targets, func(t config.Target) bool { return t.Name == name }) {
			return nil, fmt.Errorf("--target: there is no target %q", name)
		}
	}
	var targets []config.Target
	for _, t := range cfg.Targets {
		if len(only) == 0 || slices.Contains(only, t.Name) {
			targets = append(targets, t)
		}
	}
	answers := make([]Answer, len(targets))
	var wg sync.WaitGroup
	for i, t := range targets {
		wg.Go(func() {
			begin := time.Now()
			answer, err := t.Send(ctx, testMessage(now))
			answers[i] = Answer{Target: t.Name, Kind: t.Kind, Where: t.Where, Answer: answer, Err: err, Took: time.Since(begin)}
		})
	}
	wg.Wait()
	return answers, nil
}

// testMessage has an id of its own each time: receivers drop what they know.
func testMessage(now time.Time) *message.Message {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	return &message.Message{
		ID: hex.EncodeToString(id), Alert: "test", Test: true,
		Text: "This is a test of Framebeam's alerts. Nothing has happened.",
		Event: eventsink.Event{
			Event:  result.Event{ID: hex.EncodeToString(id), Analysis: "test", Type: "Test", Detail: "a test of alerts"},
			Camera: "test", Captured: now.UTC().Truncate(time.Microsecond),
		},
	}
}
