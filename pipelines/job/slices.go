package job

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/kafkasource"
)

// DefaultSliceBytes is how many bytes of a partition's record values a pipeline
// on Spark reads at most.
//
// A slice is there because Spark's portable runner (2.70, its class
// SparkExecutableStageFunction) keeps in an executor's memory
//   - all that a stage gives for one of its tasks, before anything goes on: here
//     the slices of all partitions which that task reads,
//   - all elements of a key while its stage works on it: here the frames of one
//     camera in the slice.
//
// A slice is a little larger when it is held: frames travel as they lie in the
// log, and what is known of each adds 125 to 150 bytes (measured).
// Partitions are dealt evenly over spark.default.parallelism tasks, of which an
// executor runs as many at once as it has cores. With P partitions a heap must
// hold, estimated from that source with some care,
//
//	cores x ceil(P / spark.default.parallelism) x slice x 3
//
// (what the stage gives and Spark caches, what is under way in a shuffle, and what
// is grouped by key), so 64 MiB go with 1 GiB of heap and two cores. Each slice
// starts a job on the cluster, which takes seconds: give slices as much as there
// is.
//
// Besides, with job servers of 2.70 a task that gives more than 100 messages of 2 to 4
// MB never ends (Beam issue 38570; seen with 520 MB):
//
//	ceil(P / spark.default.parallelism) x slice
//
// must stay below 200 MB.
//
// Chunks are not cut, so a slice has at least one, whatever its size: 2,048 frames
// of 50 KB are 100 MB, raw ones of 640x480 are 1.9 GB. Choose --chunk, when an
// output is begun, so that a chunk is no larger than a slice.
const DefaultSliceBytes = 64 << 20

// SliceBytes parses the flag of that name for a runner: "" is its default.
func SliceBytes(s, runner string) (int64, error) {
	if s == "" {
		if runner == launch.Spark {
			return DefaultSliceBytes, nil
		}
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("--slice-bytes=%s: not a number of bytes, or 0 for all at once", s)
	}
	return n, nil
}

// CheckEnd refuses to follow a log on an engine that only runs jobs with an end.
func CheckEnd(runner string, until Place) error {
	if runner == launch.Spark && until.Never() {
		return fmt.Errorf("--runner=%s reads up to an end and stops: say --until=now, and run it again for what came since", runner)
	}
	return nil
}

// NotReached is the refusal to wait for an offset on an engine that reads what
// there is.
func NotReached(topic string, partition int32, until int64) error {
	return fmt.Errorf("topic %s partition %d: --until is offset %d, which the log has not reached, and this job reads only what is there: say --until=now, and run it again for what came since",
		topic, partition, until)
}

// checkEnd refuses a job without end where only jobs with one can be run.
func (j *Job) checkEnd() error {
	if err := CheckEnd(j.Runner, j.Until); err != nil {
		return err
	}
	if j.SliceBytes > 0 && j.Runner == launch.Flink {
		return fmt.Errorf("--slice-bytes=%d: jobs on Flink are not cut, they stream", j.SliceBytes)
	}
	if j.SliceBytes > 0 && j.Until.Never() {
		return fmt.Errorf("--slice-bytes=%d cuts jobs that end, and this one never does: say --until=now, or leave it out", j.SliceBytes)
	}
	return nil
}

// announce says on standard error what the n-th slice is.
func (j *Job) announce(n int, tasks []kafkasource.Task) {
	if j.SliceBytes > 0 && j.Progress > 0 {
		fmt.Fprintln(os.Stderr, sliceLine(n, tasks))
	}
}

// mostNamed is how many partitions a line names.
const mostNamed = 4

func sliceLine(n int, tasks []kafkasource.Task) string {
	var from []string
	var offsets int64
	for i, t := range tasks {
		offsets += t.To - t.From
		if i < mostNamed {
			from = append(from, fmt.Sprintf("partition %d from offset %d", t.Partition, t.From))
		}
	}
	if more := len(tasks) - mostNamed; more > 0 {
		from = append(from, fmt.Sprintf("%d more partitions", more))
	}
	return fmt.Sprintf("slice %d: %s; %d offsets to the end", n, strings.Join(from, ", "), offsets)
}

// left is what is still to be read after a pipeline over tasks has ended with
// success, which engines do although they lost something. The output knows.
func (j *Job) left(ctx context.Context, log kafkasource.Log, out *output.Output, tasks []kafkasource.Task) (left []kafkasource.Task, err error) {
	var problems []error
	for _, t := range tasks {
		if t.To == chunk.None {
			continue
		}
		if j.SliceBytes == 0 {
			problems = append(problems, out.Verify(ctx, t.Topic, t.Partition, t.From, t.To))
			continue
		}
		next, err := j.task(ctx, log, out, t.Partition, Place{offset: t.To})
		if err != nil {
			problems = append(problems, err)
			continue
		}
		// The topic is to stay the one that it was when the job began.
		next.LogEnd, next.Identity = max(t.LogEnd, next.LogEnd), t.Identity
		stuck := next.From <= t.From
		if tail := next.To-next.From < j.N; stuck || tail {
			missing := out.Verify(ctx, t.Topic, t.Partition, next.From, t.To)
			if missing == nil {
				continue
			}
			if stuck {
				problems = append(problems, missing)
				continue
			}
		}
		left = append(left, next)
	}
	return left, errors.Join(problems...)
}
