package connect

import (
	"errors"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// Meaning is what an answer of the brokers that is an error means for whoever asked.
type Meaning uint8

const (
	// Unlisted: the table does not have it. Who publishes tries again, since a broker
	// that is newer than this program may have found another reason to wait; who reads
	// does not.
	Unlisted Meaning = iota
	// Passes: leaders change, brokers start, networks fail. It is tried again soon.
	Passes
	// Mended: somebody has to put it right, and it may be a matter of a moment: a
	// permission, a password. Who was let in before tries again, less and less often.
	Mended
	// Rejected: this record, or one of these, will never be taken. Others will be.
	Rejected
	// Hopeless: it is of no use to ask here, now or later.
	Hopeless
)

// answers are the errors that brokers give, and kafka-go in their name, with what they
// mean. Which ones pass is what Kafka's protocol calls retriable, and what brokers
// answer all the same while leaders change.
var answers = map[kafka.Error]Meaning{
	// The leader is another one, or is being elected, or the broker does not know yet.
	kafka.LeaderNotAvailable:    Passes,
	kafka.NotLeaderForPartition: Passes,
	kafka.FencedLeaderEpoch:     Passes,
	kafka.UnknownLeaderEpoch:    Passes,
	kafka.ListenerNotFound:      Passes,
	kafka.NotController:         Passes,
	kafka.StaleControllerEpoch:  Passes,
	kafka.BrokerIDNotRegistered: Passes,
	kafka.BrokerNotAvailable:    Passes,
	kafka.ReplicaNotAvailable:   Passes,
	// A topic that was just created takes a moment to reach every broker, and a broker
	// that has just been started does not know its topics: [UnknownTopic]. How long that
	// is believed is up to who asks.
	kafka.UnknownTopicOrPartition: Passes,
	kafka.UnknownTopicID:          Passes,
	// Too few replicas are in sync, or this one lags behind.
	kafka.NotEnoughReplicas:            Passes,
	kafka.NotEnoughReplicasAfterAppend: Passes,
	kafka.OffsetNotAvailable:           Passes,
	// A disk, the network, a broker that is too busy, or that does not say what it is.
	kafka.KafkaStorageError:       Passes,
	kafka.InvalidMessage:          Passes, // damaged on its way
	kafka.NetworkException:        Passes,
	kafka.RequestTimedOut:         Passes,
	kafka.ThrottlingQuotaExceeded: Passes,
	kafka.Unknown:                 Passes,

	// Permissions and users, which are given, taken and given again.
	kafka.TopicAuthorizationFailed:   Mended,
	kafka.ClusterAuthorizationFailed: Mended,
	kafka.SASLAuthenticationFailed:   Mended,
	kafka.UnsupportedSASLMechanism:   Mended,
	kafka.IllegalSASLState:           Mended,
	kafka.SecurityDisabled:           Mended,
	// A rule of whoever runs the brokers.
	kafka.PolicyViolation: Mended,

	// message.timestamp.before.max.ms and after.max.ms.
	kafka.InvalidTimestamp: Rejected,
	// Something that checks records on their way in.
	kafka.InvalidRecord: Rejected,
	// max.message.bytes was lowered since the topic was looked at.
	kafka.MessageSizeTooLarge: Rejected,
	kafka.RecordListTooLarge:  Rejected,
	kafka.InvalidMessageSize:  Rejected,

	// Program and brokers, or the topic's format, do not know each other.
	kafka.UnsupportedVersion:          Hopeless,
	kafka.UnsupportedForMessageFormat: Hopeless,
	kafka.UnsupportedCompressionType:  Hopeless,
	kafka.InvalidRequest:              Hopeless,
	kafka.InvalidRequiredAcks:         Hopeless,
	kafka.InvalidTopic:                Hopeless,
}

// MeaningOf is what the answer means that is in an error, be it of the brokers, of the
// handshake with them, or what kafka-go says in their name. answered is false where there
// is none: the error is of the network, or of whoever asked.
func MeaningOf(err error) (m Meaning, answered bool) {
	switch {
	case Refused(err): // certificates are changed too, as users are
		return Mended, true
	case UnknownTopic(err), errors.Is(err, protocol.ErrNoLeader):
		return Passes, true
	}
	answer, ok := errors.AsType[kafka.Error](err)
	return answers[answer], ok
}

// UnknownTopic reports that brokers, or what kafka-go has of their metadata, do not
// know the topic or the partition.
func UnknownTopic(err error) bool {
	return errors.Is(err, kafka.UnknownTopicOrPartition) || errors.Is(err, kafka.UnknownTopicID) ||
		errors.Is(err, protocol.ErrNoTopic) || errors.Is(err, protocol.ErrNoPartition)
}
