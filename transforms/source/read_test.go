package source

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/mtime"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
)

func drawConfig(t *rapid.T, spec log.Spec) Config {
	return Config{
		Log:        spec,
		N:          rapid.Int64Range(1, 20).Draw(t, "N"),
		Forget:     rapid.Int64Range(1, 4).Draw(t, "forget"),
		MaxRecords: rapid.IntRange(1, 20).Draw(t, "max records"),
		MaxBytes:   rapid.IntRange(1, 300).Draw(t, "max bytes"),
		MaxWait:    time.Minute,
		RunRecords: rapid.IntRange(1, 5).Draw(t, "run records"),
		RunBytes:   rapid.IntRange(1, 100).Draw(t, "run bytes"),
		Tail:       time.Nanosecond,
	}
}

// Whatever the bounds, the moments of checkpoints and the growth of the log:
// the same links and the same ends.
func TestWhatIsReadDoesNotDependOnHowItIsRead(t *testing.T) {
	spec := testLog(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		l := drawLog(t)
		cfg := drawConfig(t, spec)
		task := drawTask(t, l, cfg.N, cfg.Forget)
		memLogs.Store(spec.Root, l)
		full := l.end
		if task.To == chunk.None && rapid.Bool().Draw(t, "growing") {
			l.end = rapid.Int64Range(task.From, full).Draw(t, "end so far")
			task.LogEnd = l.end
		}
		out, err := drive(t, context.Background(), &readFn{reader{Config: cfg.withDefaults()}}, task,
			func() bool { return rapid.IntRange(0, 5).Draw(t, "checkpoint") == 0 },
			func(r Restriction) bool {
				if r.End == never && r.Offset() == full && !r.endDue() {
					return false
				}
				if r.Offset() == l.end {
					l.end = rapid.Int64Range(l.end, full).Draw(t, "end so far")
				}
				return true
			})
		if err != nil {
			t.Fatal(err)
		}
		task.LogEnd = full
		out.check(t, l.recs, task, cfg)
	})
}

// Credit cuts what is read into other runs and other calls, but loses nothing,
// never exceeds itself but for one record alone, and never stands still while
// somebody releases.
func TestCreditBoundsWhatIsUnderWay(t *testing.T) {
	spec := testLog(t, nil)
	defer element.Pace.SetLimit(0)
	rapid.Check(t, func(t *rapid.T) {
		l := drawLog(t)
		cfg := drawConfig(t, spec)
		cfg.Credit = rapid.Int64Range(1, 200).Draw(t, "credit")
		task := drawTask(t, l, cfg.N, cfg.Forget)
		if task.To == chunk.None {
			task.To = l.end
		}
		memLogs.Store(spec.Root, l)
		element.Pace.Reset()
		var largest int64
		for _, r := range l.recs {
			largest = max(largest, int64(len(r.Value)))
		}
		got := &sink{}
		released := 0
		release := func() {
			for ; released < len(got.runs); released++ {
				element.Pace.Release(sum(got.runs[released].Records))
			}
		}
		err := driveInto(t, context.Background(), got, &readFn{reader{Config: cfg.withDefaults()}}, task, func() bool {
			if element.Pace.UnderWay() > max(cfg.Credit, largest) {
				t.Fatalf("%d bytes under way, credit %d", element.Pace.UnderWay(), cfg.Credit)
			}
			if rapid.Bool().Draw(t, "release") {
				release()
			}
			return false
		}, func(Restriction) bool { release(); return true })
		if err != nil {
			t.Fatal(err)
		}
		release()
		if element.Pace.UnderWay() != 0 {
			t.Fatalf("%d bytes are still under way", element.Pace.UnderWay())
		}
		got.check(t, l.recs, task, cfg)
	})
}

func TestAnEmptyChunkIsClosedToo(t *testing.T) {
	l := &memLog{end: 10, recs: []frame.Record{{Offset: 9, Key: []byte("a")}}}
	cfg := Config{Log: testLog(t, l), N: 3, Forget: 9}.withDefaults()
	out, err := drive(t, t.Context(), &readFn{reader{Config: cfg}}, Task{Partition: chunk.Partition{Topic: "frames"}, To: 10}, func() bool { return false }, func(Restriction) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	if len(out.ends) != 4 || len(out.ends[0].Offsets) != 0 || !out.ends[3].Partial || out.ends[3].UpTo != 10 {
		t.Errorf("ends: %+v", out.ends)
	}
	out.check(t, l.recs, Task{Partition: chunk.Partition{Topic: "frames"}, To: 10}, cfg)
}

func TestATaskThatEndsInAGapTellsSo(t *testing.T) {
	l := &memLog{end: 10, recs: []frame.Record{{Offset: 1, Key: []byte("a")}, {Offset: 9, Key: []byte("a")}}}
	cfg := Config{Log: testLog(t, l), N: 4, Forget: 9}.withDefaults()
	task := Task{Partition: chunk.Partition{Topic: "frames"}, To: 6}
	out, err := drive(t, t.Context(), &readFn{reader{Config: cfg}}, task, func() bool { return false }, func(Restriction) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	if len(out.ends) != 2 || !out.ends[1].Partial || out.ends[1].UpTo != 6 || len(out.ends[1].Offsets) != 0 {
		t.Errorf("ends: %+v", out.ends)
	}
	out.check(t, l.recs, task, cfg)
}

func TestWhatTheLogLostIsAnError(t *testing.T) {
	rec := func(o int64) frame.Record { return frame.Record{Offset: o, Key: []byte("a"), Value: []byte("x")} }
	for _, c := range []struct {
		name string
		log  *memLog
		task Task
		then func(*memLog) // before the second call
		want string
	}{
		{"the log ends before what was there at submission", &memLog{end: 3, recs: []frame.Record{rec(0)}}, Task{To: chunk.None, LogEnd: 8}, nil,
			"topic frames partition 0 offset 3: the log was truncated: it once ended at 8 (the log now holds [0, 3))"},
		{"so does a task with an end", &memLog{end: 3, recs: []frame.Record{rec(0)}}, Task{To: 6, LogEnd: 8}, nil,
			"topic frames partition 0 offset 3: the log was truncated: it once ended at 8 (the log now holds [0, 3))"},
		{"the log is cut behind the reader", &memLog{end: 3, recs: []frame.Record{rec(0), rec(1), rec(2)}}, Task{To: chunk.None}, func(l *memLog) { l.end = 1 },
			"topic frames partition 0 offset 2: truncated (the log now holds [0, 1))"},
		{"the topic is another one than at submission", &memLog{end: 3, recs: []frame.Record{rec(0)}, id: "new"}, Task{To: chunk.None, Identity: "old"}, nil,
			"topic frames partition 0 offset 0: the topic was created anew while it was read (the log now holds [0, 3))"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := Config{Log: testLog(t, c.log), N: 100, MaxRecords: 2}.withDefaults()
			c.task.Topic = "frames"
			calls := 0
			_, err := drive(t, t.Context(), &readFn{reader{Config: cfg}}, c.task, func() bool { return false }, func(Restriction) bool {
				if calls++; c.then != nil {
					c.then(c.log)
				}
				return calls < 10
			})
			var loss *log.DataLoss
			if !errors.Is(err, log.ErrDataLoss) || !errors.As(err, &loss) || loss.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestAReadErrorFailsTheCall(t *testing.T) {
	broken := errors.New("broken")
	cfg := Config{Log: testLog(t, &memLog{end: 1, err: broken}), N: 1}.withDefaults()
	if _, err := drive(t, t.Context(), &readFn{reader{Config: cfg}}, Task{Partition: chunk.Partition{Topic: "frames"}, To: 1}, nil, nil); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestATaskOfAnotherGenerationIsRefused(t *testing.T) {
	fn := &readFn{reader{Config: Config{Log: testLog(t, &memLog{}), N: 10, Generation: 2}.withDefaults()}}
	task := Task{Partition: chunk.Partition{Topic: "frames"}, To: chunk.None, Generation: 1}
	rt := fn.CreateTracker(fn.CreateInitialRestriction(task))
	if _, err := fn.ProcessElement(t.Context(), newWatermark(0), rt, task, nil, nil); !errors.Is(err, output.ErrOtherGeneration) {
		t.Error(err)
	}
}

func TestIdleCallsWaitLongerAndLonger(t *testing.T) {
	l := &memLog{}
	fn := &readFn{reader{Config: Config{Log: testLog(t, l), N: 10}.withDefaults()}}
	if err := fn.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer fn.Teardown()
	task := Task{Partition: chunk.Partition{Topic: "frames"}, To: chunk.None}
	call := func() time.Duration {
		t.Helper()
		rt := fn.CreateTracker(fn.CreateInitialRestriction(task))
		cont, err := fn.ProcessElement(t.Context(), newWatermark(0), rt, task, func(_ mtime.Time, _ chunk.Run) {}, func(_ mtime.Time, _ chunk.End) {})
		if err != nil || !cont.ShouldResume() {
			t.Fatal(cont, err)
		}
		return cont.ResumeDelay()
	}
	for _, want := range []time.Duration{200, 400, 800, 1600, 2000, 2000} {
		if got := call(); got != want*time.Millisecond {
			t.Errorf("got %v, want %v ms", got, want)
		}
	}
	l.end, l.recs = 1, []frame.Record{{Key: []byte("a")}}
	if got := call(); got <= 0 || got > beat {
		t.Errorf("after a record: %v", got)
	}
}

func TestBeatsAreTheSameForAllPartitions(t *testing.T) {
	at := time.Date(2024, 5, 1, 8, 0, 0, 0, time.UTC)
	for after, want := range map[time.Duration]time.Duration{
		0: beat, 1: beat - 1, beat / 2: beat / 2, beat - 1: 1, beat: beat, 7*beat + 5: beat - 5,
	} {
		if got := untilBeat(at.Add(after)); got != want {
			t.Errorf("%v after a beat the next one comes in %v, want %v", after, got, want)
		}
	}
}
