package retention

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

const (
	testN      = 4
	archiveN   = 6
	testBlock  = 3 // chunks per folder
	testForget = 5 // chunks after which a camera is forgotten
)

var frames = chunk.Partition{Topic: "frames"}

// world is a log and what is known of it: a camera and a day for each offset.
type world struct {
	cameras []string
	days    []int
	events  map[int64]string // by offset, ids
}

func day(n int) time.Time { return time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n) }

func (w *world) record(o int64) frame.Record {
	return frame.Record{Offset: o, Timestamp: day(w.days[o]).UnixMilli(), Key: []byte(w.cameras[o]), Value: fmt.Appendf(nil, "picture %d", o)}
}

// end is what the source says at the end of chunk k.
func (w *world) end(k int64) chunk.End {
	e := chunk.End{ID: chunk.ID{Partition: frames, Index: k}, N: testN, Offsets: chunk.Span(k*testN, (k+1)*testN), LastDigest: uint64(k)}
	last := map[string]int64{}
	for o := range (k + 1) * testN {
		last[w.cameras[o]] = o
		if o >= k*testN && !slices.Contains(e.Owed, w.cameras[o]) {
			e.Owed = append(e.Owed, w.cameras[o])
		}
	}
	slices.Sort(e.Owed)
	for _, c := range slices.Sorted(maps.Keys(last)) {
		if k-last[c]/testN <= testForget {
			e.Cameras = append(e.Cameras, chunk.CameraOffset{Camera: c, Last: last[c]})
		}
	}
	return e
}

type packed struct{}

func (packed) Pack(_ context.Context, w io.Writer, _ chunk.End, rows []result.Frame) (int, error) {
	z := zip.NewWriter(w)
	for i := range rows {
		e, err := z.Create(fmt.Sprintf("%s/%019d.jpg", rows[i].Camera, rows[i].Offset))
		if err != nil {
			return 0, err
		}
		fmt.Fprintln(e, rows[i].Detail)
	}
	return len(rows), z.Close()
}

// commit writes the chunks [from, to) into an output.
func (w *world) commit(t testing.TB, root string, from, to int64) {
	t.Helper()
	writer, err := output.OpenWriter(context.Background(), output.Spec{Root: root, N: testN, Generation: 1})
	if err != nil {
		t.Fatal(err)
	}
	for k := from; k < to; k++ {
		end := w.end(k)
		var rows []result.Frame
		for o := k * testN; o < (k+1)*testN; o++ {
			r := w.record(o)
			row := result.Of(frames.Topic, frames.ID, &r)
			row.Detail = string(r.Value)
			if id := w.events[o]; id != "" {
				row.Events = []result.Event{{ID: id, Type: result.EventLineCrossed, Rule: "gate", Snapshot: max(0, o-5)}}
			}
			rows = append(rows, row)
		}
		var states []element.State
		for _, c := range end.Owed {
			states = append(states, element.State{Camera: c, Position: chunk.EndPosition(k, testN), Bytes: fmt.Appendf(nil, "%s after %d", c, k)})
		}
		if _, err := writer.Commit(context.Background(), end, rows, states, packed{}); err != nil {
			t.Fatal(err)
		}
	}
}

// output makes an output of so many chunks.
func (w *world) output(t testing.TB, root string, chunks int64) {
	t.Helper()
	put(t, root+"/_framebeam/layout.json", fmt.Sprintf(`{"format":3,"n":%d,"block":%d}`, testN, testBlock))
	f, err := store.Open(context.Background(), root)
	if err != nil {
		t.Fatal(err)
	}
	o, err := output.Open(context.Background(), f, output.OpenConfig{N: testN, ConfigDigest: "a", ConfigText: "a"})
	if err == nil {
		_, err = o.Begin(context.Background(), frames, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.commit(t, root, 0, chunks)
}

// archive makes an archive of so many chunks.
func (w *world) archive(t testing.TB, root string, chunks int64) {
	t.Helper()
	put(t, root+"/_framebeam/archive.json", fmt.Sprintf(`{"format":3,"n":%d,"block":%d}`, archiveN, testBlock))
	put(t, root+"/_framebeam/archive-base+frames+0.json", `{"format":2,"topic":"frames","partition":0,"start":0}`)
	f, err := archive.Open(context.Background(), root)
	if err != nil {
		t.Fatal(err)
	}
	for k := range chunks {
		s := archive.ChunkSpan(chunk.ID{Partition: frames, Index: k}, archiveN)
		var b strings.Builder
		aw := archive.NewWriter(&b, s)
		for o := s.Start; o < s.End; o++ {
			r := w.record(o)
			if err := aw.Append(&r); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := aw.Close(); err != nil {
			t.Fatal(err)
		}
		put(t, f.Path(s), b.String())
	}
}

// folder is a new folder, in memory where there is such a disk: every file is synced.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "framebeam-retention-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func put(t testing.TB, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// run is a run over both.
func run(t testing.TB, out, arch string, rules Rules, now time.Time) *Run {
	t.Helper()
	r := &Run{Rules: rules, Now: now, Behind: -1, Totals: true}
	if out != "" {
		f, err := store.Open(context.Background(), out)
		if err == nil {
			r.Output, err = output.OpenExisting(context.Background(), f)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if arch != "" {
		var err error
		if r.Archive, err = archive.Open(context.Background(), arch); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func plan(t testing.TB, r *Run) *Plan {
	t.Helper()
	p, err := r.Plan(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// tree is every file below a folder but the journal's, with its content.
func tree(t testing.TB, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, p)
		if err != nil || strings.HasPrefix(name, "_framebeam") {
			return err
		}
		b, err := os.ReadFile(p)
		files[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// chunks are the numbers of the chunks of which a kind has files.
func chunks(t testing.TB, root, kind string, n int64) (ks []int64) {
	t.Helper()
	for name := range tree(t, root) {
		if strings.HasPrefix(name, kind+"/") {
			var start, end int64
			if _, err := fmt.Sscanf(filepath.Base(name), "frames+0+%d+%d", &start, &end); err == nil {
				ks = append(ks, start/n)
			}
		}
	}
	slices.Sort(ks)
	return ks
}
