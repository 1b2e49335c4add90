package job

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/plan"
	"github.com/framebeam/framebeam/transforms/source"
)

// SliceBytes parses the flag of that name for an engine: "" is its default.
func SliceBytes(s string, e launch.Engine) (int64, error) {
	if s == "" {
		return e.SliceBytes, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("--slice-bytes=%s: not a number of bytes, or 0 for all at once", s)
	}
	return n, nil
}

// CheckEnd refuses a job without end where only jobs with one can be run.
func (j *Job) CheckEnd() error {
	if err := j.Runner.CheckEnd(j.Until.Never()); err != nil {
		return err
	}
	if j.SliceBytes > 0 && j.Runner.Uncut != "" {
		return fmt.Errorf("--slice-bytes=%d: %s", j.SliceBytes, j.Runner.Uncut)
	}
	if j.SliceBytes > 0 && j.Until.Never() {
		return fmt.Errorf("--slice-bytes=%d cuts jobs that end, and this one never does: say --until=now, or leave it out", j.SliceBytes)
	}
	return nil
}

// slicing is how far a job in slices has come.
type slicing struct {
	begun time.Time
	all   int64 // offsets, when the first slice began
	n     int   // slices so far
}

// announce says on standard error what the next slice is.
func (s *slicing) announce(j *Job, tasks []source.Task, now time.Time) {
	if j.SliceBytes > 0 {
		j.say("%s", s.line(tasks, now))
	}
}

// line is what the next slice is, and how long it will take with all that come after it, as
// fast as it has been so far.
func (s *slicing) line(tasks []source.Task, now time.Time) string {
	if s.n++; s.n == 1 {
		s.begun, s.all = now, offsets(tasks)
	}
	line := sliceLine(s.n, tasks)
	if left := offsets(tasks); s.n > 1 && left < s.all {
		took := float64(now.Sub(s.begun)) / float64(s.all-left) * float64(left)
		line += fmt.Sprintf(", %v left", time.Duration(took).Round(time.Second))
	}
	return line
}

// offsets is how many the tasks have, all of which end.
func offsets(tasks []source.Task) (n int64) {
	for i := range tasks {
		n += tasks[i].To - tasks[i].From
	}
	return n
}

// mostNamed is how many partitions a line names.
const mostNamed = 4

func sliceLine(n int, tasks []source.Task) string {
	var from []string
	for i, t := range tasks {
		if i < mostNamed {
			from = append(from, fmt.Sprintf("partition %d from offset %d", t.Partition.ID, t.From))
		}
	}
	if more := len(tasks) - mostNamed; more > 0 {
		from = append(from, fmt.Sprintf("%d more partitions", more))
	}
	return fmt.Sprintf("slice %d: %s; %d offsets to the end", n, strings.Join(from, ", "), offsets(tasks))
}

// left is what is still to be read after a pipeline over tasks has ended with
// success, which engines do although they lost something. The output knows.
func (j *Job) left(ctx context.Context, l log.Log, out *output.Output, tasks []source.Task) (left []source.Task, err error) {
	var problems []error
	for _, t := range tasks {
		if t.To == chunk.None {
			continue
		}
		if j.SliceBytes == 0 {
			problems = append(problems, out.Verify(ctx, t.Partition, t.From, t.To))
			continue
		}
		rest, err := plan.Partition(ctx, l, t.Partition, filled{j, l, out}, plan.At(t.To))
		if err != nil {
			problems = append(problems, err)
			continue
		}
		next := task(&rest, out)
		// The topic is to stay the one that it was when the job began.
		next.LogEnd, next.Identity = max(t.LogEnd, next.LogEnd), t.Identity
		stuck := next.From <= t.From
		if tail := next.To-next.From < j.N; stuck || tail {
			missing := out.Verify(ctx, t.Partition, next.From, t.To)
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
