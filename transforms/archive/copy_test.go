package archive

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/plan"
)

// memLog is a log in memory. Every read gives one record, so that nothing
// depends on how much comes at once.
type memLog struct {
	mu         sync.Mutex
	first, end int64
	recs       []frame.Record
	reads      int
}

func newMemLog(recs []frame.Record, first, end int64) *memLog {
	return &memLog{recs: recs, first: first, end: end}
}

func (l *memLog) Partitions(context.Context, string) ([]int32, error) { return []int32{0}, nil }

func (l *memLog) Bounds(context.Context, chunk.Partition) (int64, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first, l.end, nil
}

func (l *memLog) OffsetAt(context.Context, chunk.Partition, time.Time) (int64, error) {
	return 0, errors.New("not asked for")
}

func (l *memLog) Read(_ context.Context, p chunk.Partition, from, to int64, _ int, _ time.Duration) ([]frame.Record, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	if from < l.first || from > l.end {
		return nil, 0, &log.DataLoss{Partition: p, Offset: from, First: l.first, End: l.end, What: "deleted"}
	}
	for _, r := range l.recs {
		switch {
		case r.Offset < from:
		case r.Offset >= min(to, l.end):
			return nil, min(to, l.end), nil
		default:
			return []frame.Record{clone(&r)}, r.Offset + 1, nil
		}
	}
	return nil, min(to, l.end), nil
}

func (l *memLog) Close() error { return nil }

func atEnd(t testing.TB) plan.Place {
	t.Helper()
	p, err := plan.Until("now")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// archiveAll does what a job does, in one loop.
func archiveAll(t testing.TB, l log.Log, f *Folder, start, until plan.Place) error {
	t.Helper()
	tasks, err := Plan(t.Context(), l, f, topic, start, until)
	if err != nil {
		return err
	}
	for _, task := range tasks {
		(&piecesFn{}).ProcessElement(task, func(p Piece) {
			if err == nil {
				_, err = copyPiece(t.Context(), l, f, p)
			}
		})
	}
	if err != nil {
		return err
	}
	return Verify(t.Context(), f, tasks)
}

// tree is the folder's files with their content.
// tree is all files but the marks, which only save work.
func tree(t testing.TB, f *Folder) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(f.files.Root(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path, f.files.Path(markPrefix)) {
			return err
		}
		b, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, f.files.Root()+"/")] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// sameRecords checks that the archive gives the records, and ends at end.
func sameRecords(t testing.TB, f *Folder, recs []frame.Record, from, end int64) {
	t.Helper()
	l := NewLog(f)
	defer l.Close()
	first, upto, err := l.Bounds(t.Context(), chunk.Partition{Topic: topic})
	if err != nil || first != from || upto != end {
		t.Fatalf("the archive holds [%d, %d), %v; want [%d, %d)", first, upto, err, from, end)
	}
	var got []frame.Record
	for pos := from; pos < end; {
		part, next, err := l.Read(t.Context(), chunk.Partition{Topic: topic}, pos, end, 1<<20, 0)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, part...)
		pos = next
	}
	if diff := cmp.Diff(recs, got); diff != "" {
		t.Error(diff)
	}
}

func TestAJobThatIsInterruptedAnywhereIsContinued(t *testing.T) {
	recs := numbered(5, 75)
	l := newMemLog(recs, 5, 75)
	whole := create(t, 16)
	if err := archiveAll(t, l, whole, plan.At(0), atEnd(t)); err != nil {
		t.Fatal(err)
	}
	sameRecords(t, whole, recs, 5, 75)
	want := tree(t, whole)

	f := create(t, 16)
	for until := int64(6); until <= 75; until++ {
		part := newMemLog(recs, 5, until)
		if err := archiveAll(t, part, f, plan.At(0), atEnd(t)); err != nil {
			t.Fatal(err)
		}
		sameRecords(t, f, recs[:until-5], 5, until)
	}
	if diff := cmp.Diff(want, tree(t, f)); diff != "" {
		t.Error(diff)
	}
	l.reads = 0
	if err := archiveAll(t, l, f, plan.At(0), atEnd(t)); err != nil {
		t.Fatal(err)
	}
	if l.reads > 2 {
		t.Errorf("nothing was new, and the log was read %d times", l.reads)
	}
}

func TestTheStartOfANewArchive(t *testing.T) {
	for name, c := range map[string]struct{ first, start, want int64 }{
		"earliest":                        {5, 5, 5},
		"in the middle of a chunk":        {0, 40, 32},
		"where the log has lost a part":   {35, 40, 35},
		"beyond the end":                  {0, 1000, 64},
		"before the beginning of the log": {20, 3, 20},
	} {
		t.Run(name, func(t *testing.T) {
			f := create(t, 16)
			l := newMemLog(numbered(c.first, 75), c.first, 75)
			if err := archiveAll(t, l, f, plan.At(c.start), atEnd(t)); err != nil {
				t.Fatal(err)
			}
			sameRecords(t, f, numbered(c.want, 75), c.want, 75)
		})
	}
}

func TestAHoleIsFilled(t *testing.T) {
	recs := numbered(0, 64)
	f := create(t, 16)
	l := newMemLog(recs, 0, 64)
	if err := archiveAll(t, l, f, plan.At(0), atEnd(t)); err != nil {
		t.Fatal(err)
	}
	want := tree(t, f)
	if err := os.Remove(f.Path(chunkSpan(f, 1))); err != nil {
		t.Fatal(err)
	}
	if err := archiveAll(t, l, f, plan.At(0), atEnd(t)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, tree(t, f)); diff != "" {
		t.Error(diff)
	}
}

func TestALogThatIsNotWhatItWasIsAnError(t *testing.T) {
	other := numbered(0, 100)
	for i := range other {
		other[i].Value = []byte("another topic")
	}
	for name, l := range map[string]*memLog{
		"truncated":                      newMemLog(numbered(0, 30), 0, 30),
		"created anew":                   newMemLog(other, 0, 100),
		"deleted before it was archived": newMemLog(numbered(60, 100), 60, 100),
		"created anew and longer":        newMemLog(other[42:], 42, 100),
	} {
		t.Run(name, func(t *testing.T) {
			f := create(t, 16)
			if err := archiveAll(t, newMemLog(numbered(0, 43), 0, 43), f, plan.At(0), atEnd(t)); err != nil {
				t.Fatal(err)
			}
			before := tree(t, f)
			if err := archiveAll(t, l, f, plan.At(0), atEnd(t)); !errors.Is(err, log.ErrDataLoss) {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(before, tree(t, f)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatTheLogLostOfABegunChunkIsKept(t *testing.T) {
	f := create(t, 16)
	if err := archiveAll(t, newMemLog(numbered(0, 43), 0, 43), f, plan.At(0), atEnd(t)); err != nil {
		t.Fatal(err)
	}
	if err := archiveAll(t, newMemLog(numbered(41, 60), 41, 60), f, plan.At(0), atEnd(t)); err != nil {
		t.Fatal(err)
	}
	sameRecords(t, f, numbered(0, 60), 0, 60)
}

func TestABaseOfWhichNothingIsArchivedFollowsTheLog(t *testing.T) {
	f := create(t, 16)
	if _, err := Plan(t.Context(), newMemLog(numbered(0, 60), 0, 60), f, topic, plan.At(0), atEnd(t)); err != nil {
		t.Fatal(err)
	}
	if err := archiveAll(t, newMemLog(numbered(35, 60), 35, 60), f, plan.At(0), atEnd(t)); err != nil {
		t.Fatal(err)
	}
	sameRecords(t, f, numbered(35, 60), 35, 60)
}

func TestTwoCopiesOfOneChunkAtTheSameTimeAreOneFile(t *testing.T) {
	f := create(t, 16)
	begin(t, f, 0, 0)
	recs := numbered(0, 32)
	p := Piece{Partition: chunk.Partition{Topic: topic}, N: 16, From: 16, To: 32}
	var wg sync.WaitGroup
	written := make([]bool, 4)
	for i := range written {
		wg.Go(func() {
			c, err := copyPiece(t.Context(), newMemLog(recs, 0, 32), f, p)
			if err != nil || c.Records != 16 {
				t.Errorf("%+v, %v", c, err)
			}
			written[i] = c.New
		})
	}
	wg.Wait()
	n := 0
	for _, w := range written {
		if w {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d of them say that they wrote it", n)
	}
	if files := tree(t, f); len(files) != 3 { // the layout, the base, the chunk
		t.Errorf("there are %d files", len(files))
	}
}

// racer publishes a chunk with other records while it is being copied.
type racer struct {
	*memLog
	f    *Folder
	once sync.Once
	t    *testing.T
}

func (l *racer) Read(ctx context.Context, p chunk.Partition, from, to int64, maxBytes int, wait time.Duration) ([]frame.Record, int64, error) {
	l.once.Do(func() { put(l.t, l.f, 0, numbered(0, 16)[:15], 0, 16) })
	return l.memLog.Read(ctx, p, from, to, maxBytes, wait)
}

func TestAFileWithOtherBytesIsAnError(t *testing.T) {
	f := create(t, 16)
	begin(t, f, 0, 0)
	l := &racer{memLog: newMemLog(numbered(0, 16), 0, 16), f: f, t: t}
	_, err := copyPiece(t.Context(), l, f, Piece{Partition: chunk.Partition{Topic: topic}, N: 16, From: 0, To: 16})
	if !errors.Is(err, ErrDiffers) || !strings.Contains(err.Error(), f.Path(chunkSpan(f, 0))) {
		t.Errorf("got %v", err)
	}
	if files := tree(t, f); len(files) != 3 {
		t.Errorf("there are %d files", len(files))
	}
}

func TestWhatInterruptedJobsLeftIsSwept(t *testing.T) {
	f := create(t, 16)
	l := newMemLog(numbered(0, 43), 0, 43)
	if err := archiveAll(t, l, f, plan.At(0), atEnd(t)); err != nil {
		t.Fatal(err)
	}
	want := tree(t, f)
	short := chunkSpan(f, 2)
	short.End = 40
	for _, s := range []Span{short, {ID: chunk.ID{Partition: chunk.Partition{Topic: topic}, Index: 1}, N: 16, Start: 16, End: 20}} {
		b, _ := encode(t, s, nil)
		if err := f.files.WriteAtomic(t.Context(), f.file(s), b); err != nil {
			t.Fatal(err)
		}
	}
	staged, err := f.files.Stage(t.Context(), f.file(chunkSpan(f, 3)))
	if err != nil {
		t.Fatal(err)
	}
	if err := staged.Close(); err != nil {
		t.Fatal(err)
	}
	if err := archiveAll(t, l, f, plan.At(0), atEnd(t)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, tree(t, f)); diff != "" {
		t.Error(diff)
	}
}

func TestAMissingChunkAtTheEndOfAJobIsNamed(t *testing.T) {
	f := create(t, 16)
	begin(t, f, 0, 0)
	put(t, f, 0, numbered(0, 64), 0, 16)
	put(t, f, 0, numbered(0, 64), 32, 64)
	err := Verify(t.Context(), f, []Task{{Partition: chunk.Partition{Topic: topic}, N: 16, To: 64}})
	if err == nil || !strings.Contains(err.Error(), f.Path(chunkSpan(f, 1))) {
		t.Errorf("got %v", err)
	}
}
