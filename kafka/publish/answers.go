package publish

import (
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/framebeam/framebeam/kafka/connect"
)

// verdict is what an error of a request means for what it was to publish.
type verdict uint8

const (
	// passes: leaders change, brokers start, networks fail. It is tried again soon.
	passes verdict = iota
	// mended: somebody has to put it right, and it may be a matter of a moment: a
	// permission, a password. It is tried again, less and less often, by whoever was
	// let in before.
	mended
	// refused: this record, or one of these, will never be taken. Others will be.
	refused
	// hopeless: nothing can be published here, now or later.
	hopeless
)

// answers are the errors that brokers give, with what they mean while frames are
// published. Those that are not here pass: a broker that is newer than this
// program may have found another reason to wait, and what waits is told.
var answers = map[kafka.Error]verdict{
	// Permissions and users, which are given, taken and given again.
	kafka.TopicAuthorizationFailed:   mended,
	kafka.ClusterAuthorizationFailed: mended,
	kafka.SASLAuthenticationFailed:   mended,
	kafka.UnsupportedSASLMechanism:   mended,
	kafka.IllegalSASLState:           mended,
	kafka.SecurityDisabled:           mended,
	// A rule of whoever runs the brokers.
	kafka.PolicyViolation: mended,

	// message.timestamp.before.max.ms and after.max.ms.
	kafka.InvalidTimestamp: refused,
	// Something that checks records on their way in.
	kafka.InvalidRecord: refused,
	// max.message.bytes was lowered since the topic was looked at.
	kafka.MessageSizeTooLarge: refused,
	kafka.RecordListTooLarge:  refused,
	kafka.InvalidMessageSize:  refused,

	// Program and brokers, or the topic's format, do not know each other.
	kafka.UnsupportedVersion:          hopeless,
	kafka.UnsupportedForMessageFormat: hopeless,
	kafka.UnsupportedCompressionType:  hopeless,
	kafka.InvalidRequest:              hopeless,
	kafka.InvalidRequiredAcks:         hopeless,
	kafka.InvalidTopic:                hopeless,
}

// goneAfter is how long brokers may say that the topic does not exist until that is
// believed: one that has just been started does not know its topics yet.
const goneAfter = time.Minute

// judge returns what an error means.
func judge(err error) verdict {
	// Certificates may be changing as well: they were good before.
	if connect.Refused(err) {
		return mended
	}
	if answer, ok := errors.AsType[kafka.Error](err); ok {
		return answers[answer]
	}
	return passes
}

// permanent reports whether somebody who waits for an answer, and publishes
// nothing, need not ask again: what the brokers answer and do not call retriable.
// Everything about the network may pass.
func permanent(err error) bool {
	if _, compacted := errors.AsType[*CompactedError](err); compacted {
		return true
	}
	answer, ok := errors.AsType[kafka.Error](err)
	if !ok {
		return false
	}
	switch answer {
	case kafka.BrokerNotAvailable, kafka.ReplicaNotAvailable, kafka.StaleControllerEpoch, kafka.Unknown, kafka.BrokerIDNotRegistered:
		// What brokers say, or kafka-go says of them, while leaders change.
		return false
	}
	return !answer.Temporary()
}

// unknownTopic reports that brokers, or what kafka-go has of their metadata, do
// not know the topic.
func unknownTopic(err error) bool {
	return errors.Is(err, kafka.UnknownTopicOrPartition) || errors.Is(err, kafka.UnknownTopicID) ||
		errors.Is(err, protocol.ErrNoTopic) || errors.Is(err, protocol.ErrNoPartition)
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
