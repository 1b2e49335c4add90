package archive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/plan"
)

const topic = "frames"

// put writes records as the archive's files up to the offset end: complete
// chunks, and the rest as a partial file.
func put(t testing.TB, f *Folder, partition int32, recs []frame.Record, from, end int64) {
	t.Helper()
	for k := chunk.Of(from, f.layout.N); k*f.layout.N < end; k++ {
		s := ChunkSpan(chunk.ID{Partition: chunk.Partition{Topic: topic, ID: partition}, Index: k}, f.layout.N)
		s.End = min(s.End, end)
		var part []frame.Record
		for _, r := range recs {
			if r.Offset >= s.Start && r.Offset < s.End {
				part = append(part, r)
			}
		}
		b, _ := encode(t, s, part)
		if err := f.files.WriteAtomic(t.Context(), f.file(s), b); err != nil {
			t.Fatal(err)
		}
	}
}

// numbered are records at the offsets [from, to), 100 ms apart.
func numbered(from, to int64) []frame.Record {
	var recs []frame.Record
	for o := from; o < to; o++ {
		recs = append(recs, frame.Record{Offset: o, Timestamp: o * 100, Key: []byte("cam"), Value: fmt.Appendf(nil, "frame %d", o)})
	}
	return recs
}

func create(t testing.TB, n int64) *Folder {
	t.Helper()
	f, err := Create(context.Background(), filepath.Join(t.TempDir(), "archive"), n)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func begin(t testing.TB, f *Folder, partition int32, start int64) {
	t.Helper()
	if _, err := f.begin(t.Context(), chunk.Partition{Topic: topic, ID: partition}, start); err != nil {
		t.Fatal(err)
	}
}

func logOf(t testing.TB, f *Folder) *Log {
	t.Helper()
	l := NewLog(f)
	before := goleak.IgnoreCurrent() // prism's, of tests before
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t, before)
	})
	return l
}

func TestTheArchiveGivesWhatTheLogGave(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.Int64Range(1, 8).Draw(rt, "n")
		start := rapid.Int64Range(0, 12).Draw(rt, "start")
		end := start + rapid.Int64Range(0, 30).Draw(rt, "length")
		all := drawRecords(rt, Span{Start: start, End: end + 1})
		recs := slices.DeleteFunc(all, func(r frame.Record) bool { return r.Offset >= end })
		f := create(t, n)
		begin(t, f, 0, start)
		put(t, f, 0, recs, start, end)
		l := NewLog(f)
		defer l.Close()

		first, upto, err := l.Bounds(t.Context(), chunk.Partition{Topic: topic})
		if err != nil || first != start || upto != end {
			rt.Fatalf("bounds [%d, %d), %v; want [%d, %d)", first, upto, err, start, end)
		}
		ms := rapid.OneOf(rapid.Int64(), rapid.SampledFrom(append(timestamps(recs), 0))).Draw(rt, "time")
		want := end
		for _, r := range slices.Backward(recs) {
			if r.Timestamp >= max(0, ms) {
				want = r.Offset
			}
		}
		if ms > -1<<50 && ms < 1<<50 {
			if got, err := l.OffsetAt(t.Context(), chunk.Partition{Topic: topic}, time.UnixMilli(ms)); err != nil || got != want {
				rt.Errorf("offset at %d ms: %d, %v; want %d", ms, got, err, want)
			}
		}
		for range 20 {
			from := rapid.Int64Range(start, end).Draw(rt, "from")
			to := rapid.Int64Range(from, end).Draw(rt, "to")
			maxBytes := rapid.IntRange(0, 300).Draw(rt, "max bytes")
			for pos := from; pos < to; {
				got, next, err := l.Read(t.Context(), chunk.Partition{Topic: topic}, pos, to, maxBytes, 0)
				if err != nil {
					rt.Fatal(err)
				}
				if next <= pos || next > to {
					rt.Fatalf("from %d to %d: next is %d", pos, to, next)
				}
				if diff := cmp.Diff(between(recs, pos, next), got); diff != "" {
					rt.Fatalf("records in [%d, %d): %s", pos, next, diff)
				}
				if size := total(got); len(got) > 1 && size > maxBytes {
					rt.Fatalf("%d records of %d bytes, more than %d", len(got), size, maxBytes)
				}
				pos = next
				if rapid.IntRange(0, 3).Draw(rt, "give up") == 0 {
					break
				}
			}
		}
	})
}

func timestamps(recs []frame.Record) []int64 {
	var ts []int64
	for i := range recs {
		ts = append(ts, recs[i].Timestamp)
	}
	return ts
}

func total(recs []frame.Record) (n int) {
	for i := range recs {
		n += recs[i].Size()
	}
	return n
}

func between(recs []frame.Record, from, to int64) []frame.Record {
	var out []frame.Record
	for _, r := range recs {
		if r.Offset >= from && r.Offset < to {
			out = append(out, r)
		}
	}
	return out
}

func TestReadersAtTheSameTimeDoNotDisturbEachOther(t *testing.T) {
	f := create(t, 16)
	begin(t, f, 0, 0)
	recs := numbered(0, 100)
	put(t, f, 0, recs, 0, 100)
	l := logOf(t, f)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			pos := int64(i * 7)
			want := recs[pos:]
			for pos < 100 {
				got, next, err := l.Read(t.Context(), chunk.Partition{Topic: topic}, pos, 100, 100*(i+1), 0)
				if err != nil || !cmp.Equal(got, want[:len(got)]) {
					t.Errorf("from %d: %v, %v", pos, got, err)
					return
				}
				want = want[len(got):]
				pos = next
			}
		})
	}
	wg.Wait()
}

func TestWhatIsMissingIsNeverPassedOver(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(*Folder) error
		want   string
	}{
		"a file in the middle is missing": {
			func(f *Folder) error { return os.Remove(f.Path(chunkSpan(f, 1))) }, "+0000000000000000016+0000000000000000031.avro is missing, but chunk 2 is there"},
		"the last complete file is missing": {
			func(f *Folder) error { return os.Remove(f.Path(chunkSpan(f, 2))) }, "+0000000000000000032+0000000000000000047.avro is missing, but chunk 3 is there"},
		"a file is truncated": {
			func(f *Folder) error { return os.Truncate(f.Path(chunkSpan(f, 1)), 1500) }, "+0000000000000000016+0000000000000000031.avro"},
		"a file is empty": {
			func(f *Folder) error { return os.Truncate(f.Path(chunkSpan(f, 1)), 0) }, "+0000000000000000016+0000000000000000031.avro"},
		"a file is another's": {
			func(f *Folder) error {
				b, err := os.ReadFile(f.Path(chunkSpan(f, 0)))
				if err != nil {
					return err
				}
				return os.WriteFile(f.Path(chunkSpan(f, 1)), b, 0o644)
			}, "+0000000000000000016+0000000000000000031.avro"},
	} {
		t.Run(name, func(t *testing.T) {
			f := create(t, 16)
			begin(t, f, 0, 0)
			put(t, f, 0, numbered(0, 60), 0, 60)
			if err := c.damage(f); err != nil {
				t.Fatal(err)
			}
			l := logOf(t, f)
			var err error
			for pos := int64(0); pos < 60 && err == nil; {
				_, pos, err = l.Read(t.Context(), chunk.Partition{Topic: topic}, pos, 60, 1, 0)
			}
			if !errors.Is(err, log.ErrDataLoss) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("reading: %v", err)
			}
			if _, err := l.OffsetAt(t.Context(), chunk.Partition{Topic: topic}, time.UnixMilli(5500)); !errors.Is(err, log.ErrDataLoss) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("looking for a time: %v", err)
			}
		})
	}
}

func chunkSpan(f *Folder, k int64) Span {
	return ChunkSpan(chunk.ID{Partition: chunk.Partition{Topic: topic}, Index: k}, f.layout.N)
}

func TestOffsetsOutsideTheArchiveAreDataLoss(t *testing.T) {
	f := create(t, 16)
	begin(t, f, 0, 5)
	put(t, f, 0, numbered(5, 20), 5, 20)
	l := logOf(t, f)
	for _, from := range []int64{4, 21} {
		if _, _, err := l.Read(t.Context(), chunk.Partition{Topic: topic}, from, 100, 1, 0); !errors.Is(err, log.ErrDataLoss) {
			t.Errorf("from %d: %v", from, err)
		}
	}
	if _, err := l.Partitions(t.Context(), "other"); err == nil {
		t.Error("a topic that is not there has partitions")
	}
}

func TestAGrowingArchiveIsReadOn(t *testing.T) {
	f := create(t, 16)
	begin(t, f, 0, 0)
	l := logOf(t, f)
	recs := numbered(0, 40)
	read := func(pos int64) ([]frame.Record, int64) {
		t.Helper()
		got, next, err := l.Read(t.Context(), chunk.Partition{Topic: topic}, pos, 1000, 1<<20, time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		return got, next
	}
	if got, next := read(0); len(got) != 0 || next != 0 {
		t.Fatalf("an empty archive gave %v, %d", got, next)
	}
	put(t, f, 0, recs, 0, 20)
	if got, next := read(16); !cmp.Equal(got, recs[16:20]) || next != 20 {
		t.Fatalf("the tail gave %v, %d", got, next)
	}
	tail := chunkSpan(f, 1)
	tail.End = 20
	put(t, f, 0, recs, 0, 40)
	if err := os.Remove(f.Path(tail)); err != nil {
		t.Fatal(err)
	}
	if got, next := read(20); !cmp.Equal(got, recs[20:32]) || next != 32 {
		t.Fatalf("the completed chunk gave %v, %d", got, next)
	}
	// The log still believes in the partial file of chunk 2 when it is replaced.
	partial := chunkSpan(f, 2)
	partial.End = 40
	if err := os.Remove(f.Path(partial)); err != nil {
		t.Fatal(err)
	}
	put(t, f, 0, numbered(0, 48), 32, 48)
	if got, next := read(33); !cmp.Equal(got, numbered(33, 48)) || next != 48 {
		t.Fatalf("the completed chunk gave %v, %d", got, next)
	}
}

func TestReadingALittleBackDoesNotBeginTheFileAnew(t *testing.T) {
	f := create(t, 16)
	begin(t, f, 0, 0)
	recs := numbered(0, 16)
	put(t, f, 0, recs, 0, 16)
	l := logOf(t, f)
	got, _, err := l.Read(t.Context(), chunk.Partition{Topic: topic}, 0, 16, 1<<20, 0)
	if err != nil {
		t.Fatal(err)
	}
	got[9].Value = []byte("changed by its owner")
	if err := os.Rename(f.Path(chunkSpan(f, 0)), f.Path(chunkSpan(f, 0))+".away"); err != nil {
		t.Fatal(err)
	}
	got, next, err := l.Read(t.Context(), chunk.Partition{Topic: topic}, 9, 16, 1<<20, 0)
	if err != nil || next != 16 || !cmp.Equal(got, recs[9:]) {
		t.Errorf("%v, %d, %v", got, next, err)
	}
}

func TestAnArchiveIsALogByItsKind(t *testing.T) {
	f := create(t, 16)
	begin(t, f, 3, 0)
	begin(t, f, 11, 0)
	l, err := log.Open(t.Context(), log.Spec{Kind: Kind, Root: f.files.Root()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if parts, err := l.Partitions(t.Context(), topic); err != nil || !slices.Equal(parts, []int32{3, 11}) {
		t.Errorf("partitions %v, %v", parts, err)
	}
	if _, err := log.Open(t.Context(), log.Spec{Kind: Kind, Root: t.TempDir()}); err == nil {
		t.Error("a folder that is no archive was opened")
	}
}

func TestAnArchiveKeepsItsLayout(t *testing.T) {
	f := create(t, 16)
	if _, err := Create(t.Context(), f.files.Root(), 16); err != nil {
		t.Error(err)
	}
	if _, err := Create(t.Context(), f.files.Root(), 32); err == nil {
		t.Error("chunks of another size were taken")
	}
	if got, err := f.begin(t.Context(), chunk.Partition{Topic: topic}, 5); err != nil || got != 5 {
		t.Errorf("began at %d, %v", got, err)
	}
	if got, err := f.begin(t.Context(), chunk.Partition{Topic: topic}, 7); err != nil || got != 5 {
		t.Errorf("began again at %d, %v; want 5", got, err)
	}
	if _, err := f.begin(t.Context(), chunk.Partition{Topic: "../x"}, 7); err == nil {
		t.Error("a topic that is a path was taken")
	}
}

// Kafka finds the first record that is not older, among times that go back and forth.
func TestATimeIsTheSamePlaceInATopicAndInItsArchive(t *testing.T) {
	const partitions = 128
	b, err := broker.Start(broker.Options{Topics: []broker.Topic{{Name: topic, Partitions: partitions}}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	kafka, err := log.Open(t.Context(), log.Spec{Kind: "kafka", Brokers: b.Addrs()})
	if err != nil {
		t.Fatal(err)
	}
	defer kafka.Close()
	run := int32(0)
	rapid.Check(t, func(rt *rapid.T) {
		part := run % partitions
		run++
		for range rapid.IntRange(1, 5).Draw(rt, "batches") {
			var recs []frame.Record
			for range rapid.IntRange(1, 4).Draw(rt, "records") {
				recs = append(recs, frame.Record{Timestamp: rapid.Int64Range(1, 12).Draw(rt, "timestamp"), Key: []byte("c"), Value: []byte("v")})
			}
			codec := rapid.SampledFrom([]broker.Codec{broker.None, broker.Gzip}).Draw(rt, "codec")
			if _, err := b.AppendCompressed(t.Context(), codec, topic, part, recs...); err != nil {
				rt.Fatal(err)
			}
		}
		from, end, err := b.Bounds(topic, part)
		if err != nil {
			rt.Fatal(err)
		}
		if err := b.DeleteRecords(topic, part, rapid.Int64Range(from, end-1).Draw(rt, "deleted")); err != nil {
			rt.Fatal(err)
		}
		f := create(t, 3)
		first, _, err := b.Bounds(topic, part)
		if err != nil {
			rt.Fatal(err)
		}
		begin(t, f, part, first)
		for from := first; from < end; from = (from/3 + 1) * 3 {
			if _, err := copyPiece(t.Context(), kafka, f, Piece{Partition: chunk.Partition{Topic: topic, ID: part}, N: 3, From: from, To: min(end, (from/3+1)*3)}); err != nil {
				rt.Fatal(err)
			}
		}
		l := NewLog(f)
		defer l.Close()
		for range 5 {
			at := time.UnixMilli(rapid.Int64Range(-1, 14).Draw(rt, "ms")).Add(time.Duration(rapid.IntRange(0, 1).Draw(rt, "ns")))
			want, err := kafka.OffsetAt(t.Context(), chunk.Partition{Topic: topic, ID: part}, at)
			if err != nil {
				rt.Fatal(err)
			}
			if got, err := l.OffsetAt(t.Context(), chunk.Partition{Topic: topic, ID: part}, at); err != nil || got != want {
				rt.Fatalf("%v: %d, %v in the archive, %d in the topic", at, got, err, want)
			}
		}
	})
}

func TestWhatCannotBeReadIsArchivedAsSuch(t *testing.T) {
	why := &frame.Poison{Reason: frame.ReasonBatchTooLarge, Detail: "its batch inflates to more than 67108864 bytes"}
	recs := []frame.Record{numbered(0, 1)[0], frame.Unreadable(1, 700, why), frame.Unreadable(2, -1, why), numbered(3, 4)[0]}
	f := create(t, 4)
	begin(t, f, 0, 0)
	if err := archiveAll(t, newMemLog(recs, 0, 4), f, plan.At(0), atEnd(t)); err != nil {
		t.Fatal(err)
	}
	got, _, err := logOf(t, f).Read(t.Context(), chunk.Partition{Topic: topic}, 0, 4, 1<<20, 0)
	if err != nil || !cmp.Equal(got, recs) {
		t.Fatalf("%v, %s", err, cmp.Diff(recs, got))
	}
	parser, err := frame.NewParser(frame.ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(&got[1]); err == nil || err.Error() != why.Error() {
		t.Error(err)
	}
}
