package source

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/chunk"
)

// nobody asks for a checkpoint.
func nobody() bool { return false }

func TestWhatThereIsOfAChunkIsToldWhileRecordsCome(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := drawLog(rt)
		l.id = "topic"
		cfg := Config{Log: testLog(t, l), N: 16, MaxRecords: 3, Interim: time.Nanosecond}.withDefaults()
		task := Task{Partition: chunk.Partition{Topic: "frames"}, To: l.end, LogEnd: l.end}
		out, err := drive(rt, t.Context(), &readFn{reader{Config: cfg}}, task, nobody, func(Restriction) bool { return true })
		if err != nil {
			rt.Fatal(err)
		}
		out.check(rt, l.recs, task, cfg)
		told, last := 0, int64(0)
		for _, e := range out.ends {
			if !e.Interim {
				continue
			}
			if told++; !e.Partial || e.UpTo <= last {
				rt.Fatalf("%+v after %d", e, last)
			}
			last = e.UpTo
		}
		if len(l.recs) > 2*16 && told == 0 {
			rt.Fatal("nothing was told meanwhile")
		}
	})
}

func TestADrainedJobEndsWhereItStands(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := drawLog(rt)
		drain := NewDrain(func() {})
		defer drain.Close()
		cfg := Config{Log: testLog(t, l), N: 16, MaxRecords: 3, Drain: drain.ID()}.withDefaults()
		task := Task{Partition: chunk.Partition{Topic: "frames"}, To: chunk.None, LogEnd: l.end}
		calls := rapid.IntRange(0, 20).Draw(rt, "calls")
		at := int64(0)
		if calls == 0 {
			drain.Start()
		}
		out, err := drive(rt, t.Context(), &readFn{reader{Config: cfg}}, task, nobody, func(left Restriction) bool {
			at = left.Offset()
			if calls--; calls <= 0 || at == l.end {
				drain.Start()
			}
			return true
		})
		if err != nil {
			rt.Fatal(err)
		}
		task.To = at // as if it had ended there
		out.check(rt, l.recs, task, cfg)
		if n := len(out.ends); at%16 != 0 && (n == 0 || !out.ends[n-1].Partial || out.ends[n-1].UpTo != at) {
			rt.Fatalf("drained at %d, the last end is %+v", at, out.ends)
		}
	})
}

func TestOnlyTheJobThatIsMeantIsDrained(t *testing.T) {
	turns := 0
	one, other := NewDrain(func() { turns++ }), NewDrain(func() {})
	defer other.Close()
	one.Start()
	if !comesRound(one.ID()) || comesRound(other.ID()) || comesRound("") || comesRound("of another process") {
		t.Error("a drain reaches others")
	}
	if turns != 1 {
		t.Errorf("a reader that came round once came round %d times", turns)
	}
	one.Close()
	if comesRound(one.ID()) {
		t.Error("a drain that is closed is still there")
	}
}
