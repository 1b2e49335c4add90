// Package kafkasource reads Kafka topics into a Beam pipeline: natively in Go, in
// the order of the log, and so that what it gives does not depend on how it was
// read.
//
//	log, err := kafkasource.OpenLog(ctx, spec)           // kafkasource.LogSpec{Kind: "kafka", Brokers: ...}
//	first, end, err := log.Bounds(ctx, "frames", 0)
//	id, err := kafkasource.Identity(ctx, log, "frames")
//	runs, ends := kafkasource.Read(s, kafkasource.Config{Log: spec, N: 2048}, []kafkasource.Task{
//		{Topic: "frames", Partition: 0, From: first, To: end, LogEnd: end, Identity: id},
//	})
//
// # Semantics
//
// Unit. A task is one partition from an offset to an offset, or without end. Both
// are resolved once, when the job is submitted, and travel in the element,
// because engines execute stages again. Partitions that a topic gets later are
// not read by a running job.
//
// Completeness. Every record in the task's range is emitted in exactly one run,
// whatever it holds: records whose key is no camera id go out as Stray runs. After
// a chunk's last record comes its [chunk.End] with the exact offsets that were
// emitted, and before it a Save run for each camera seen in the chunk. A consumer
// knows that a chunk is complete by comparing sets, never by a watermark. An
// engine that processes a bundle again emits again: the same records, in runs with
// other bounds perhaps, in the same chains.
//
// Order. Each camera's links form a chain of positions (see package chunk): a run
// names the position of the link before it. Within one call runs leave in the
// order of their first offset per camera; engines may deliver them in any order.
// The event time of a run is its position, in milliseconds after 1970, so that
// engines which order by event time deliver chains in order. It is no capture
// time. The watermark is the position up to which everything was emitted.
//
// Forgetting. A camera without a frame for Config.Forget chunks gets a Clear run
// and is dropped; its next run is Fresh. So the restriction stays bounded by the
// cameras of that many chunks.
//
// Part of a chunk. When a task is idle for Config.Tail, or ends inside a chunk,
// what was emitted of the chunk so far is told with a partial End. It may be told
// again, and again with more.
//
// Checkpoints. A task is split only at its current position, by the engine or
// because a call has done enough; it is never split at a fraction. Calls that
// find nothing come back after 50 ms, then later and later, up to 2 s.
//
// Ticks. With Config.TickEvery a partition is keyed state of a plain DoFn, which
// makes one call when a tick comes: for Flink, whose state would keep something of
// every call of a splittable DoFn that hands back. The runs and ends are the same;
// there is no watermark, and delays last until the next tick.
//
// Bounded reading. With Config.OneCall each task is read to its end by one call of
// a plain DoFn behind a Reshuffle: the collections are bounded, and engines that
// know only those (Spark) can read. With Config.SliceBytes such a
// task ends early, at the end of a chunk; the last complete End says from where,
// and with which cameras, another job goes on.
//
// Loss is an error. An offset that was deleted before it was read, a log that ends
// before what was read, a topic created anew (noticed by its id within a second
// on brokers from 2.8 on; by a digest at restart, see [VerifyLast], on all), a log that
// lost its end and was filled again beyond what was read (noticed when the leader's
// epoch changes or connections break, by where that epoch ended and by the digest of the
// record that was read last) fail the job with a [DataLoss]. Nothing is skipped.
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
// LogSpec.Patience, then they fail the job.
//
// Not read: topics with transactions (kafka-go gives aborted records like any
// other) and compacted topics (they change behind the reader). Both are errors, also
// where a topic becomes a compacted one while it is read: it is asked for once a minute.
// Gaps in the offsets are fine. A record's timestamp is the one that the log has: the
// broker's where the topic has LogAppendTime. Digests that were made
// of the producer's, as once, are still known.
//
// Pacing. Beam's prism does not push back on a source. With Config.Credit, calls
// hand back while that many bytes are under way in the process, and [Release]
// gives credit back.
//
// Metrics, in namespace "kafkasource": records, bytes, gaps, resumes; gauge
// backlog_<topic>_<partition>, in offsets.
package kafkasource
