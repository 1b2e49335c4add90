// Package kafka reads Kafka's topics as logs: it registers the kind "kafka" of
// transforms/log. Whoever opens such a log imports it.
//
// Loss is an error. An offset that was deleted before it was read, a log that ends
// before what was read, a topic created anew (noticed by its id within a second on
// brokers from 2.8 on; by a digest at restart, see [log.VerifyLast], on all), a log that
// lost its end and was filled again beyond what was read (noticed when the leader's
// epoch changes or connections break, by where that epoch ended and by the digest of the
// record that was read last) are a [log.DataLoss]. Nothing is skipped.
//
// Batches. Kafka sends, and producers compress, whole batches of records. One is fetched
// and inflated once, however small the portions are in which it is asked for; what is left
// of it is kept, 64 MiB for all partitions together. A batch that would inflate to more
// than batch.MaxInflated (64 MiB), that does not match its checksum in three fetches, or
// that is not made of records, is given as one frame.Unreadable for each of its offsets:
// dead letters, the same wherever reading begins, and the same from an archive. Kafka's own
// consumer stops for ever at such a batch. Should a broker repair a batch whose checksum
// failed, another run gives the records.
//
// Faults that pass (no leader, time-outs, lost connections) are retried for
// [log.Spec].Patience, then they are errors.
//
// Not read: topics with transactions (kafka-go gives aborted records like any
// other) and compacted topics (they change behind the reader). Both are errors, also
// where a topic becomes a compacted one while it is read: it is asked for once a minute.
// Gaps in the offsets are fine. A record's timestamp is the one that the log has: the
// broker's where the topic has LogAppendTime. Digests that were made
// of the producer's, as once, are still known.
package kafka
