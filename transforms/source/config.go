package source

import (
	"errors"
	"fmt"
	"time"

	"github.com/framebeam/framebeam/tracing"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/wire"
)

// Defaults of [Config].
const (
	DefaultForget     = 64
	DefaultMaxRecords = 2000
	DefaultMaxBytes   = 8 << 20
	DefaultMaxWait    = time.Second
	DefaultRunRecords = 16
	DefaultRunBytes   = 2 << 20
	DefaultTail       = 10 * time.Second
)

// MaxN is the most offsets a chunk may have. Positions are twice an offset.
const MaxN = 1 << 40

// Config is what all partitions of one [Read] share. Only N and Forget show in
// what is emitted after all; everything else moves the bounds of runs, on which
// results must not depend.
type Config struct {
	// Log is where to read from.
	Log log.Spec
	// N is the number of offsets of a chunk.
	N int64
	// Forget is after how many chunks without a frame a camera is forgotten.
	// Default: DefaultForget.
	Forget int64
	// A call hands back to the engine after MaxRecords records, MaxBytes bytes
	// of values or MaxWait, whichever comes first. Defaults: DefaultMaxRecords,
	// DefaultMaxBytes, DefaultMaxWait.
	MaxRecords int
	MaxBytes   int
	MaxWait    time.Duration
	// A run has at most RunRecords records and about RunBytes bytes of values.
	// Defaults: DefaultRunRecords, DefaultRunBytes.
	RunRecords int
	RunBytes   int
	// Generation counts the changes of configuration that From and Cameras depend
	// on. Tasks of another one, which an engine has restored from a savepoint, are
	// refused with [output.ErrOtherGeneration].
	Generation int
	// Tail is after how long without a new record the part of a chunk that is
	// there is told with a partial end. Default: DefaultTail.
	Tail time.Duration
	// Interim is how often the part of a chunk that is there is told while records come, with
	// an interim end. 0: not.
	Interim time.Duration
	// Drain is the [Drain] of the job, where readers are in the process that has it.
	Drain string
	// Credit is how many bytes of values may be under way in this process at
	// once; see [element.Pace]. 0: no limit. Only where source and sequence stage
	// share one process.
	Credit int64
	// TickEvery reads every task on at ticks of a clock that Beam's runner for Flink
	// has, about one in so long, instead of handing back to the engine. 0: not.
	TickEvery time.Duration
	// OneCall reads every task to its end in one call, for engines that cannot
	// take one up again (Spark): what Read gives is then bounded. All tasks need
	// an end, and Credit is 0.
	OneCall bool
	// SliceBytes, with OneCall, ends a task at the end of a chunk when one more
	// chunk, as large as the largest so far, would bring it above so many bytes of
	// values. The first chunk is always read, and one that is larger than all
	// before it is read whole: chunks are not cut. Where a slice ends depends on
	// the log alone. What is left is for another job. 0: no limit.
	SliceBytes int64
	// Trace is who is told of frames that are followed. It changes nothing that is emitted.
	Trace tracing.Config
}

// Task is one partition to read, resolved once when the job is submitted.
type Task struct {
	chunk.Partition
	// From is the first offset to read: the beginning of a chunk, or of the log.
	From int64
	// To is the exclusive end; chunk.None is never.
	To int64
	// LogEnd is the partition's end when the task was resolved: a log that later
	// ends before it was truncated. 0: unknown.
	LogEnd int64
	// Cameras are the cameras known before From with their last offset, as the
	// End of the chunk before From names them.
	Cameras []chunk.CameraOffset
	// Identity is what [Identity] said of the topic at submission; another one
	// while reading is data loss. "": not compared.
	Identity string
	// Generation is the configuration's, see [Config].
	Generation int
}

// withDefaults returns c with its defaults filled in.
func (c Config) withDefaults() Config {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&c.MaxRecords, DefaultMaxRecords)
	def(&c.MaxBytes, DefaultMaxBytes)
	def(&c.RunRecords, DefaultRunRecords)
	def(&c.RunBytes, DefaultRunBytes)
	if c.Forget == 0 {
		c.Forget = DefaultForget
	}
	if c.MaxWait == 0 {
		c.MaxWait = DefaultMaxWait
	}
	if c.Tail == 0 {
		c.Tail = DefaultTail
	}
	return c
}

// Validate returns every violation, joined.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("kafka source: "+format, args...))
		}
	}
	check(log.Known(c.Log.Kind), "unknown kind of log %q", c.Log.Kind)
	check(c.Log.Patience >= 0, "patience is %v, must not be negative", c.Log.Patience)
	check(c.N > 0 && c.N <= MaxN, "chunk size is %d offsets, must be 1 to 2^40", c.N)
	check(c.Forget >= 0, "forget is %d chunks, must not be negative", c.Forget)
	check(c.MaxRecords >= 0, "max records is %d, must not be negative", c.MaxRecords)
	check(c.MaxBytes >= 0 && c.MaxBytes <= 1<<30, "max bytes is %d, must be 0 to 2^30", c.MaxBytes)
	check(c.MaxWait >= 0, "max wait is %v, must not be negative", c.MaxWait)
	check(c.RunRecords >= 0, "run records is %d, must not be negative", c.RunRecords)
	check(c.RunBytes >= 0, "run bytes is %d, must not be negative", c.RunBytes)
	check(c.Tail >= 0, "tail is %v, must not be negative", c.Tail)
	check(c.Interim >= 0, "interim is %v, must not be negative", c.Interim)
	check(c.Drain == "" || c.TickEvery == 0, "a job that reads on ticks is not drained")
	check(c.Credit >= 0, "credit is %d bytes, must not be negative", c.Credit)
	check(c.SliceBytes >= 0, "slice is %d bytes, must not be negative", c.SliceBytes)
	check(c.TickEvery >= 0, "tick every is %v, must not be negative", c.TickEvery)
	check(!c.OneCall || c.TickEvery == 0, "one call needs no ticks")
	check(c.OneCall || c.SliceBytes == 0, "slices need every task to be read in one call")
	check(!c.OneCall || c.Credit == 0, "credit needs an engine that takes a task up again, so it cannot go with one call")
	return errors.Join(errs...)
}

// validateTasks returns every violation of tasks under c, joined.
func (c Config) validateTasks(tasks []Task) error {
	var errs []error
	seen := map[string]bool{}
	if len(tasks) == 0 {
		errs = append(errs, errors.New("kafka source: there is no partition to read"))
	}
	for i := range tasks {
		t := &tasks[i]
		check := func(ok bool, format string, args ...any) {
			if !ok {
				errs = append(errs, fmt.Errorf("kafka source: %v: %w", t, fmt.Errorf(format, args...)))
			}
		}
		check(t.Topic != "", "the topic has no name")
		check(t.Partition.ID >= 0, "the partition is negative")
		check(!seen[t.String()], "the partition is given twice")
		seen[t.String()] = true
		check(t.From >= 0 && t.From <= chunk.MaxOffset, "from is %d, not an offset", t.From)
		check(t.To == chunk.None || t.To >= t.From && t.To <= chunk.MaxOffset, "to is %d, neither none nor an offset from %d on", t.To, t.From)
		check(!c.OneCall || t.To != chunk.None, "a task without end cannot be read in one call")
		check(t.LogEnd >= 0 && t.LogEnd <= chunk.MaxOffset, "the log's end is %d, not an offset", t.LogEnd)
		cameras := map[string]bool{}
		for _, cam := range t.Cameras {
			check(!cameras[cam.Camera], "camera %s is given twice", cam.Camera)
			cameras[cam.Camera] = true
			// Its state is saved at the end of that chunk, so the chunk must be over.
			check(c.N <= 0 || cam.Last >= 0 && (chunk.Of(cam.Last, c.N)+1)*c.N <= t.From,
				"camera %s has last offset %d, whose chunk does not end before %d", cam.Camera, cam.Last, t.From)
		}
	}
	return errors.Join(errs...)
}

// Marshal encodes the task for a shuffle.
func (t *Task) Marshal() []byte {
	b := t.Partition.Append(nil)
	b = wire.Int(b, t.From)
	b = wire.Int(b, t.To)
	b = wire.Int(b, t.LogEnd)
	b = wire.String(b, t.Identity)
	b = wire.Int(b, int64(t.Generation))
	b = wire.Uint(b, uint64(len(t.Cameras)))
	for _, c := range t.Cameras {
		b = wire.String(b, c.Camera)
		b = wire.Int(b, c.Last)
	}
	return b
}

// UnmarshalTask is the inverse of [Task.Marshal].
func UnmarshalTask(b []byte) (Task, error) {
	r := wire.NewReader(b)
	t := Task{Partition: chunk.ReadPartition(r), From: r.Int(), To: r.Int(), LogEnd: r.Int(), Identity: r.String(), Generation: int(r.Int())}
	if n := r.Count(); n > 0 {
		t.Cameras = make([]chunk.CameraOffset, n)
		for i := range t.Cameras {
			t.Cameras[i] = chunk.CameraOffset{Camera: r.String(), Last: r.Int()}
		}
	}
	if err := r.Close(); err != nil {
		return Task{}, fmt.Errorf("decode task: %w", err)
	}
	return t, nil
}
