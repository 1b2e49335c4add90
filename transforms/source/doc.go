// Package source reads the partitions of a log into a Beam pipeline: natively in Go, in
// the order of the log, and so that what it gives does not depend on how it was
// read.
//
//	from, err := log.Open(ctx, spec)           // log.Spec{Kind: "kafka", Brokers: ...}
//	p := chunk.Partition{Topic: "frames", ID: 0}
//	first, end, err := from.Bounds(ctx, p)
//	id, err := log.Identity(ctx, from, p.Topic)
//	runs, ends := source.Read(s, source.Config{Log: spec, N: 2048}, []source.Task{
//		{Partition: p, From: first, To: end, LogEnd: end, Identity: id},
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
// again, and again with more. With Config.Interim it is told while records come too, every
// so often, with an interim End.
//
// Draining. [Drain] ends the tasks of a job where they stand.
//
// Checkpoints. A task is split only at its current position, by the engine or
// because a call has done enough; it is never split at a fraction. Calls that
// reach the end of the log come back five times a second, all partitions at once, and
// those that find nothing later and later, after 2 s at last.
//
// Ticks. With Config.TickEvery a partition is keyed state of a plain DoFn, which
// makes one call when a tick comes (see package ticks). The runs and ends are the same;
// there is no watermark, and delays last until the next tick.
//
// Bounded reading. With Config.OneCall each task is read to its end by one call of
// a plain DoFn behind a Reshuffle: the collections are bounded, and engines that
// know only those (Spark) can read. With Config.SliceBytes such a
// task ends early, at the end of a chunk; the last complete End says from where,
// and with which cameras, another job goes on.
//
// Loss is an error. What the log says is lost ([log.DataLoss]), a log that ends before
// what was read, and a topic created anew fail the job. Nothing is skipped.
//
// Pacing. Beam's prism does not push back on a source. With Config.Credit, calls
// hand back while that many bytes are under way in the process, and [element.Pace]
// gets them back from the stages behind.
//
// Metrics, in namespace "kafkasource", which is the package's old name: records, bytes,
// gaps, resumes; gauge backlog_<topic>_<partition>, in offsets.
package source
