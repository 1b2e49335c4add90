package commitlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/kafka/batch"
	"github.com/framebeam/framebeam/transforms/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// record is a record of a test: its value and its timestamp.
type record struct {
	value     string
	timestamp int64
}

// encode makes a batch as producers do; producer is -1 without idempotence.
func encode(producer int64, epoch int16, sequence int32, records ...record) []byte {
	var body []byte
	newest := records[0].timestamp
	for i, r := range records {
		rec := kmsg.Record{TimestampDelta64: r.timestamp - records[0].timestamp, OffsetDelta: int32(i), Key: []byte("k"), Value: []byte(r.value)}
		unsized := rec.AppendTo(nil)
		rec.Length = int32(len(unsized) - 1) // without the length, which takes one byte while it is 0
		body = rec.AppendTo(body)
		newest = max(newest, r.timestamp)
	}
	b := kmsg.RecordBatch{
		FirstOffset: 0, PartitionLeaderEpoch: -1, Magic: 2, LastOffsetDelta: int32(len(records) - 1),
		FirstTimestamp: records[0].timestamp, MaxTimestamp: newest,
		ProducerID: producer, ProducerEpoch: epoch, FirstSequence: sequence, NumRecords: int32(len(records)), Records: body,
	}
	out := b.AppendTo(nil)
	binary.BigEndian.PutUint32(out[8:], uint32(len(out)-12))
	binary.BigEndian.PutUint32(out[17:], crc32.Checksum(out[21:], castagnoli))
	return out
}

func plain(records ...record) []byte { return encode(-1, -1, -1, records...) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func open(t testing.TB, opts Options) (*Store, *Log) {
	t.Helper()
	opts.Log = quiet()
	if opts.sync == nil {
		opts.sync = func(*os.File) error { return nil }
	}
	if opts.SyncEvery == 0 {
		opts.SyncEvery = time.Millisecond
	}
	if opts.Reserve == 0 {
		opts.Reserve = 1
	}
	s, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	l, err := s.Log("t", ID{1}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return s, l
}

// appended appends a batch and waits until it counts.
func appended(t testing.TB, l *Log, b []byte) int64 {
	t.Helper()
	base, end, err := l.Append(b)
	if err == nil {
		err = l.Wait(t.Context(), end)
	}
	if err != nil {
		t.Fatal(err)
	}
	return base
}

// read is all from an offset on, in pieces of at most so many bytes.
func read(t testing.TB, l *Log, from int64, max int) map[int64]record {
	t.Helper()
	out := map[int64]record{}
	for {
		b, err := l.Read(from, max)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) == 0 {
			return out
		}
		for len(b) > 0 {
			got, n, err := batch.Split(b)
			if err != nil || n == 0 || got.Damaged {
				t.Fatal(err, n, got.Damaged)
			}
			recs, poison := got.Open(1 << 20)
			if poison != nil {
				t.Fatal(poison)
			}
			for r := (frame.Record{}); recs.Next(&r); {
				if r.Offset >= from {
					out[r.Offset] = record{string(r.Value), r.Timestamp}
				}
			}
			from = got.Last + 1
			b = b[n:]
		}
	}
}

func TestALogIsWhatADumbListIs(t *testing.T) {
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		dir := filepath.Join(t.TempDir(), fmt.Sprint(n))
		opts := Options{
			Dir: dir, SyncEvery: time.Microsecond, Reserve: 1, Log: quiet(), sync: func(*os.File) error { return nil },
			SegmentBytes: rapid.SampledFrom([]int64{1, 300, 5000, 400_000}).Draw(rt, "segment"),
		}
		s, err := Open(opts)
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		l, err := s.Log("t", ID{1}, 0)
		if err != nil {
			rt.Fatal(err)
		}
		var all []record
		first := int64(0)
		clock := int64(1000)
		rt.Repeat(map[string]func(*rapid.T){
			"append": func(rt *rapid.T) {
				var recs []record
				for range rapid.IntRange(1, 4).Draw(rt, "records") {
					clock += rapid.Int64Range(-20, 50).Draw(rt, "later")
					recs = append(recs, record{strings.Repeat("x", rapid.IntRange(0, 700).Draw(rt, "bytes")) + fmt.Sprint(len(all)+len(recs)), clock})
				}
				if got := appended(t, l, plain(recs...)); got != int64(len(all)) {
					rt.Fatalf("appended at %d, want %d", got, len(all))
				}
				all = append(all, recs...)
			},
			"read": func(rt *rapid.T) {
				from := rapid.Int64Range(first, int64(len(all))).Draw(rt, "from")
				got := read(t, l, from, rapid.SampledFrom([]int{1, 500, 10_000}).Draw(rt, "max"))
				if int64(len(got)) != int64(len(all))-from {
					rt.Fatalf("%d records from %d on, want %d", len(got), from, int64(len(all))-from)
				}
				for o, r := range got {
					if all[o] != r {
						rt.Fatalf("offset %d is %v, want %v", o, r, all[o])
					}
				}
			},
			"look up a time": func(rt *rapid.T) {
				at := rapid.Int64Range(900, clock+100).Draw(rt, "time")
				offset, _, ok, err := l.At(at)
				if err != nil {
					rt.Fatal(err)
				}
				want := slices.IndexFunc(all[first:], func(r record) bool { return r.timestamp >= at })
				if ok != (want >= 0) || ok && offset != first+int64(want) {
					rt.Fatalf("time %d is at %d (%v), want %d of %v", at, offset, ok, first+int64(want), all)
				}
			},
			"open again": func(rt *rapid.T) {
				if err := s.Close(); err != nil {
					rt.Fatal(err)
				}
				if rapid.Bool().Draw(rt, "lose indexes") {
					names, _ := filepath.Glob(filepath.Join(dir, "*", "*", "*.index"))
					for _, name := range names {
						_ = os.WriteFile(name, []byte("?"), 0o600)
					}
				}
				if s, err = Open(opts); err == nil {
					l, err = s.Log("t", ID{1}, 0)
				}
				if err != nil {
					rt.Fatal(err)
				}
			},
			"retain": func(rt *rapid.T) {
				keep := Keep{Bytes: rapid.Int64Range(-1, 20_000).Draw(rt, "bytes"), Age: -1}
				got, err := l.Retain(keep, time.Time{})
				if err != nil || got < first {
					rt.Fatal(got, err)
				}
				first = got
			},
			"": func(rt *rapid.T) {
				if f, e := l.Bounds(); f != first || e != int64(len(all)) {
					rt.Fatalf("from %d to %d, want %d to %d", f, e, first, len(all))
				}
			},
		})
	})
}

func TestWhatIsCutAnywhereKeepsTheWholeBatchesBefore(t *testing.T) {
	dir := t.TempDir()
	s, l := open(t, Options{Dir: dir})
	var ends []int64
	for i := range 4 {
		appended(t, l, plain(record{fmt.Sprint("v", i), 5}, record{"w", 6}))
		ends = append(ends, l.Size())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := l.last().path()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) {
		for _, tail := range [][]byte{nil, bytes.Repeat([]byte{0xff}, 100), []byte("garbage")} {
			if err := os.WriteFile(path, append(slices.Clone(whole[:cut]), tail...), 0o600); err != nil {
				t.Fatal(err)
			}
			s, l := open(t, Options{Dir: dir})
			batches := 0
			for batches < len(ends) && ends[batches] <= int64(cut) {
				batches++
			}
			if got := len(read(t, l, 0, 1<<20)); got != 2*batches {
				t.Fatalf("cut at %d with %q behind: %d records, want %d", cut, tail, got, 2*batches)
			}
			if got := appended(t, l, plain(record{"next", 7})); got != int64(2*batches) {
				t.Fatalf("cut at %d: the next is at %d", cut, got)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestWhatIsNotSyncedIsNotSeen(t *testing.T) {
	s, l := open(t, Options{Dir: t.TempDir(), SyncEvery: time.Hour})
	appended(t, l, plain(record{"first", 1})) // which is synced at once
	if _, _, err := l.Append(plain(record{"second", 9})); err != nil {
		t.Fatal(err)
	}
	if _, end := l.Bounds(); end != 1 {
		t.Errorf("the end is %d", end)
	}
	if got := read(t, l, 0, 1<<20); len(got) != 1 {
		t.Errorf("readers see %v", got)
	}
	if _, _, ok, err := l.At(5); ok || err != nil {
		t.Errorf("a time is found: %v", err)
	}
	if _, err := l.Read(2, 100); !errors.Is(err, ErrOutOfRange) {
		t.Errorf("behind the end: %v", err)
	}
	s.sync()
	if got := read(t, l, 0, 1<<20); len(got) != 2 {
		t.Errorf("after a sync readers see %v", got)
	}
}

func TestOnlyWholeBatchesOfRecordsAreTaken(t *testing.T) {
	_, l := open(t, Options{Dir: t.TempDir()})
	good := plain(record{"a", 1}, record{"b", 1})
	changed := func(at int, to byte) []byte {
		b := slices.Clone(good)
		b[at] = to
		return b
	}
	resum := func(b []byte) []byte {
		binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
		return b
	}
	for name, b := range map[string][]byte{
		"nothing":              nil,
		"a part":               good[:len(good)-1],
		"two":                  append(slices.Clone(good), good...),
		"of an old version":    changed(16, 1),
		"a damaged one":        changed(len(good)-1, 'X'),
		"one of a transaction": resum(changed(22, 0x10)),
		"with offsets missing": resum(changed(26, 2)),
	} {
		if _, _, err := l.Append(b); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := appended(t, l, good); got != 0 {
		t.Errorf("the good one is at %d", got)
	}
}

func TestARepeatOfAnIdempotentProducerIsKnown(t *testing.T) {
	dir := t.TempDir()
	s, l := open(t, Options{Dir: dir})
	send := func(epoch int16, sequence int32) (int64, error) {
		base, _, err := l.Append(encode(7, epoch, sequence, record{"a", 1}, record{"b", 1}))
		return base, err
	}
	for _, c := range []struct {
		epoch    int16
		sequence int32
		base     int64
		err      error
	}{
		{0, 0, 0, nil}, {0, 2, 2, nil}, {0, 0, 0, nil}, {0, 2, 2, nil},
		{0, 6, 0, ErrSequence}, {0, 4, 4, nil}, {1, 0, 6, nil}, {0, 6, 0, ErrFenced}, {1, 2, 8, nil},
	} {
		if base, err := send(c.epoch, c.sequence); base != c.base || !errors.Is(err, c.err) {
			t.Errorf("epoch %d sequence %d: at %d, %v", c.epoch, c.sequence, base, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, l = open(t, Options{Dir: dir})
	if base, err := send(1, 2); base != 8 || err != nil {
		t.Errorf("after a start: at %d, %v", base, err)
	}
}

func TestAFullDiskLosesTheOldestRecordsFirst(t *testing.T) {
	free := int64(10_000)
	s, l := open(t, Options{Dir: t.TempDir(), SegmentBytes: 500, Reserve: 2000, free: func() (int64, error) { return free, nil }})
	other, err := s.Log("other", ID{2}, 3)
	if err != nil {
		t.Fatal(err)
	}
	value := strings.Repeat("x", 900)
	appended(t, other, plain(record{value, 1}))
	appended(t, other, plain(record{value, 1}))
	for range 20 {
		appended(t, l, plain(record{value, 1}))
	}
	if first, _ := l.Bounds(); first != 0 {
		t.Fatalf("with room left %d is the first", first)
	}
	free = 2500
	s.free.Store(0)
	appended(t, l, plain(record{value, 1}))
	if first, _ := other.Bounds(); first != 1 {
		t.Errorf("the oldest begins at %d", first)
	}
	if first, _ := l.Bounds(); first != 0 {
		t.Errorf("the newer begins at %d", first)
	}
	free = 0
	s.free.Store(0)
	for range 100 {
		if _, _, err = l.Append(plain(record{strings.Repeat("x", 5000), 1})); err != nil {
			break
		}
		s.free.Store(0)
	}
	if !errors.Is(err, ErrFull) {
		t.Errorf("with nothing left to delete: %v", err)
	}
}

func TestWhatCannotBeSyncedIsNeverAcknowledged(t *testing.T) {
	bad := false
	dir := t.TempDir()
	s, l := open(t, Options{Dir: dir, sync: func(*os.File) error {
		if bad {
			return errors.New("the disk is broken")
		}
		return nil
	}})
	appended(t, l, plain(record{"a", 1}))
	bad = true
	_, end, err := l.Append(plain(record{"b", 1}))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Wait(t.Context(), end); err == nil {
		t.Error("acknowledged")
	}
	<-s.Failed()
	bad = false // another fsync would succeed, and mean nothing
	if _, _, err := l.Append(plain(record{"c", 1})); err == nil {
		t.Error("it takes more")
	}
	if _, end := l.Bounds(); end != 1 {
		t.Errorf("readers see up to %d", end)
	}
}

func TestALogThatCannotBeRolledIsSaidToHaveFailed(t *testing.T) {
	var bad atomic.Bool
	s, l := open(t, Options{Dir: t.TempDir(), SegmentBytes: 1, SyncEvery: time.Hour, sync: func(*os.File) error {
		if bad.Load() {
			return errors.New("the disk is broken")
		}
		return nil
	}})
	appended(t, l, plain(record{"a", 1})) // the next sync is an hour away
	if _, _, err := l.Append(plain(record{"b", 1})); err != nil {
		t.Fatal(err)
	}
	bad.Store(true)
	if _, _, err := l.Append(plain(record{"c", 1})); err == nil {
		t.Error("it takes more")
	}
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("closed with %v", err)
	}
}

func TestASegmentThatCannotBeBegunLosesNothing(t *testing.T) {
	var bad atomic.Bool
	dir := t.TempDir()
	opts := Options{Dir: dir, sync: func(f *os.File) error {
		if info, err := f.Stat(); err == nil && info.IsDir() && bad.Load() {
			return errors.New("too many open files")
		}
		return nil
	}}
	s, l := open(t, opts)
	appended(t, l, plain(record{"a", 1}))
	bad.Store(true)
	if _, err := l.Retain(Keep{Bytes: -1}, time.UnixMilli(1000)); err == nil {
		t.Error("it has begun a segment")
	}
	bad.Store(false)
	appended(t, l, plain(record{"b", 1}))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, l = open(t, opts)
	if got := read(t, l, 0, 1<<20); len(got) != 2 {
		t.Errorf("left: %v", got)
	}
}

func TestLogsAreWrittenWhileOthersAreDeleted(t *testing.T) {
	s, l := open(t, Options{Dir: t.TempDir()})
	var writing sync.WaitGroup
	var stop atomic.Bool
	writing.Go(func() {
		for !stop.Load() {
			if _, _, err := l.Append(plain(record{"v", 1})); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 2000 {
		if bytes, err := s.dropOldest(); bytes != 0 || err != nil {
			t.Error(bytes, err)
		}
	}
	stop.Store(true)
	writing.Wait()
}

func TestAgeIsByTimestamps(t *testing.T) {
	_, l := open(t, Options{Dir: t.TempDir(), SegmentBytes: 1})
	for i := range 5 {
		appended(t, l, plain(record{"v", int64(i) * 1000}))
	}
	first, err := l.Retain(Keep{Bytes: -1, Age: time.Second}, time.UnixMilli(3500))
	if err != nil || first != 3 {
		t.Errorf("the first is %d, %v", first, err)
	}
	first, err = l.Retain(Keep{Bytes: -1, Age: time.Second}, time.UnixMilli(1_000_000))
	if _, end := l.Bounds(); err != nil || first != 5 || end != 5 {
		t.Errorf("when all is old the first is %d, the end %d, %v", first, end, err)
	}
}

func TestADeletedTopicTakesItsRecordsWithIt(t *testing.T) {
	dir := t.TempDir()
	s, l := open(t, Options{Dir: dir})
	appended(t, l, plain(record{"v", 1}))
	if err := s.Sweep(func(topic string, id ID) bool { return topic != "t" || id != ID{1} }); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left: %v", entries)
	}
	if _, _, err := l.Append(plain(record{"v", 1})); err == nil {
		t.Error("it takes records still")
	}
}

func FuzzOpen(f *testing.F) {
	one := plain(record{"a", 1}, record{"b", 2})
	f.Add(one, []byte{})
	f.Add(append(slices.Clone(one), one...), []byte{1, 2, 3})
	f.Add(one[:50], []byte("x"))
	f.Fuzz(func(t *testing.T, data, index []byte) {
		dir := t.TempDir()
		seg := filepath.Join(dir, folder("t", ID{1}), "0")
		if err := os.MkdirAll(seg, 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(seg, segmentName(0)+logSuffix), data, 0o600); err != nil {
			t.Fatal(err)
		}
		_ = (&segment{size: int64(len(data))}).parseIndex(index)
		// Whatever is there, what opens is whole batches, and the next record goes behind.
		s, l := open(t, Options{Dir: dir})
		first, end := l.Bounds()
		if first != 0 || end < 0 || l.Size() > int64(len(data)) {
			t.Fatal(first, end, l.Size())
		}
		b, err := l.Read(0, 1<<20)
		if err != nil || int64(len(b)) != l.Size() {
			t.Fatal(err, len(b), l.Size())
		}
		_ = s.Close()
	})
}

func BenchmarkAppend(b *testing.B) {
	_, l := open(b, Options{Dir: b.TempDir(), sync: (*os.File).Sync})
	batch := plain(record{strings.Repeat("x", 85_000), 1})
	b.SetBytes(int64(len(batch)))
	var end int64
	for b.Loop() {
		var err error
		if _, end, err = l.Append(batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Wait(b.Context(), end); err != nil {
		b.Fatal(err)
	}
}
