package connect

import (
	"crypto/x509"
	"errors"
	"fmt"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

func TestAnAnswerMeansWhatItsReasonIs(t *testing.T) {
	for _, c := range []struct {
		err      error
		want     Meaning
		answered bool
	}{
		{kafka.NotLeaderForPartition, Passes, true},
		{protocol.NewTopicError("t", kafka.LeaderNotAvailable), Passes, true},
		{kafka.TopicAuthorizationFailed, Mended, true},
		{kafka.InvalidTimestamp, Rejected, true},
		{kafka.UnsupportedVersion, Hopeless, true},
		{kafka.OffsetOutOfRange, Unlisted, true},
		{kafka.Error(12345), Unlisted, true},
		{x509.UnknownAuthorityError{}, Mended, true},
		{protocol.NewErrNoTopic("t"), Passes, true},
		{protocol.ErrNoLeader, Passes, true},
		{errors.New("no route to host"), Unlisted, false},
		{nil, Unlisted, false},
	} {
		err := c.err
		if err != nil {
			err = fmt.Errorf("wrapped: %w", err)
		}
		if got, answered := MeaningOf(err); got != c.want || answered != c.answered {
			t.Errorf("%v: %d %v", c.err, got, answered)
		}
	}
}

func TestAnUnknownTopicPassesWhoeverSaysIt(t *testing.T) {
	for _, err := range []error{kafka.UnknownTopicOrPartition, kafka.UnknownTopicID, protocol.NewErrNoTopic("t"), protocol.NewErrNoPartition("t", 1)} {
		if m, answered := MeaningOf(err); !UnknownTopic(fmt.Errorf("wrapped: %w", err)) || answered && m != Passes {
			t.Errorf("%v: %d", err, m)
		}
	}
}
