package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/framebeam/framebeam/kafka/connect"
)

const (
	// startPatience is for requests that only a start makes: somebody waits.
	startPatience = 30 * time.Second
	// missingPatience is for a topic that is unknown: brokers learn of a new one
	// within seconds.
	missingPatience = 15 * time.Second

	// silentFor is how long trouble may last without a word: shorter trouble is
	// part of Kafka's life.
	silentFor = 3 * time.Second

	firstBackoff = 50 * time.Millisecond
	maxBackoff   = 5 * time.Second
)

// retry calls try until it succeeds, fails in a way that no other try can mend,
// or patience is over. between is called before each further try. Trouble that
// lasts is logged once.
func retry(ctx context.Context, patience time.Duration, between func(), try func(context.Context) error) error {
	return retrySilently(ctx, silentFor, patience, between, try)
}

// retrySilently is retry with another time that trouble, or a try without an answer,
// may last without a word.
func retrySilently(ctx context.Context, silent, patience time.Duration, between func(), try func(context.Context) error) error {
	begin := time.Now()
	type trouble struct {
		patience time.Duration
		reason   any
	}
	var last atomic.Value
	last.Store(trouble{patience, "no answer"})
	say := time.AfterFunc(silent, func() {
		t := last.Load().(trouble)
		slog.WarnContext(ctx, "Kafka fails, trying again", "for", t.patience, "reason", t.reason)
	})
	defer say.Stop()
	for backoff := firstBackoff; ; backoff = min(2*backoff, maxBackoff) {
		err := try(ctx)
		if err == nil || ctx.Err() != nil || !transient(err) {
			return err
		}
		if connect.UnknownTopic(err) {
			patience = min(patience, missingPatience)
		}
		last.Store(trouble{patience, err})
		waited := time.Since(begin)
		if waited+backoff > patience {
			return fmt.Errorf("given up after %v: %w", waited.Round(time.Millisecond), err)
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(backoff):
		}
		between()
	}
}

// transient reports whether another try may succeed.
func transient(err error) bool {
	var (
		network net.Error
		file    *connect.FileError
		later   *refusedLater
	)
	if errors.As(err, &file) || errors.As(err, &later) {
		// It was good when the log was opened: somebody is changing it.
		return true
	}
	if meaning, answered := connect.MeaningOf(err); answered {
		return meaning == connect.Passes
	}
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, context.DeadlineExceeded)
}
