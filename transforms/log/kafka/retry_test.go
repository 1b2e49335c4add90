package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/transforms/log"
)

func TestWhatIsTriedAgain(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{kafka.NotLeaderForPartition, true},
		{kafka.RequestTimedOut, true},
		{kafka.UnknownTopicOrPartition, true},
		{protocol.NewErrNoLeader("t", 0), true},
		{protocol.NewErrNoTopic("t"), true},
		{io.EOF, true},
		{context.DeadlineExceeded, true},
		{&net.OpError{Op: "dial", Err: errors.New("connection refused")}, true},
		{kafka.OffsetOutOfRange, false},
		{kafka.TopicAuthorizationFailed, false},
		{kafka.SASLAuthenticationFailed, false},
		{&log.DataLoss{}, false},
		{ErrUnsupported, false},
		{&connect.FileError{Err: errors.New("no password")}, true},
		{errors.New("crc32 checksum mismatch"), false},
	} {
		if got := transient(fmt.Errorf("wrapped: %w", c.err)); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}

func TestRetryLastsAsLongAsItsPatience(t *testing.T) {
	for _, c := range []struct {
		name     string
		err      error
		least    time.Duration
		patience time.Duration
	}{
		{"a broker that fails", kafka.NotLeaderForPartition, 4 * time.Minute, 5 * time.Minute},
		{"a topic that is unknown", kafka.UnknownTopicOrPartition, 10 * time.Second, missingPatience},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin, tries, between := time.Now(), 0, 0
				err := retry(t.Context(), 5*time.Minute, func() { between++ }, func(context.Context) error { tries++; return c.err })
				if !errors.Is(err, c.err) || tries != between+1 {
					t.Error(err, tries, between)
				}
				if d := time.Since(begin); d < c.least || d > c.patience {
					t.Errorf("took %v", d)
				}
			})
		})
	}
	t.Run("a caller that gives up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := retry(ctx, time.Hour, func() {}, func(context.Context) error { return io.EOF }); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	})
}

func TestTroubleThatLastsIsSaidOnce(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	for _, c := range []struct {
		lasts time.Duration
		want  int
		hangs bool // there is no answer at all
	}{{time.Second, 0, false}, {time.Minute, 1, false}, {time.Second, 0, true}, {4 * time.Second, 1, true}} {
		var b bytes.Buffer
		slog.SetDefault(slog.New(slog.NewTextHandler(&b, nil)))
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			err := retry(t.Context(), connect.DefaultPatience, func() {}, func(context.Context) error {
				if c.hangs {
					time.Sleep(c.lasts)
				}
				if time.Since(begin) < c.lasts {
					return kafka.NotLeaderForPartition
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		if got := strings.Count(b.String(), "trying again"); got != c.want {
			t.Errorf("trouble of %v was said %d times, want %d:\n%s", c.lasts, got, c.want, &b)
		}
	}
}
