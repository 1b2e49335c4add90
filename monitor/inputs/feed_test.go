package inputs_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/framebeam/framebeam/history/historytest"
	"github.com/framebeam/framebeam/monitor/inputs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// heard is what a view is told.
type heard struct {
	mu     sync.Mutex
	resets int
	day    time.Time
	rows   map[int64]int // how often, by offset
}

func (h *heard) take(u inputs.Update) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if u.Reset {
		h.resets++
		h.day, h.rows = u.Day, map[int64]int{}
	}
	for i := range u.Rows {
		h.rows[u.Rows[i].Offset]++
	}
}

// once reports whether so many rows were told since the last of so many resets, each once.
func (h *heard) once(resets, rows int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.rows {
		if n != 1 {
			return false
		}
	}
	return h.resets == resets && len(h.rows) == rows
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not come to that: %s", what)
		}
	}
}

// start runs inputs until the test ends.
func start(t *testing.T, opts inputs.Options, h *heard) *inputs.Inputs {
	t.Helper()
	in, err := inputs.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	in.OnRows(h.take)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan bool)
	go func() { in.Run(ctx); close(ended) }()
	t.Cleanup(func() {
		stop()
		<-ended
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	})
	return in
}

func state(in *inputs.Inputs, name string) inputs.State {
	for _, s := range in.States() {
		if s.Name == name {
			return s
		}
	}
	return inputs.State{}
}

func TestEveryRowOfTheDayIsToldOnceWhateverTheOutputDoes(t *testing.T) {
	root := filepath.Join(t.TempDir(), "out")
	// Two days long ago, of which the second one has the newest row.
	long := historytest.Output{Rows: 128, N: 32, Cameras: 2, Begin: time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC), Span: 48 * time.Hour}
	h := &heard{}
	in := start(t, inputs.Options{Output: root}, h)
	until(t, "it says that there is no output", func() bool { return !state(in, inputs.Output).OK })
	put := func(o historytest.Output) {
		t.Helper()
		if err := o.Write(t.Context(), root+"-new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(root+"-new", root); err != nil {
			t.Fatal(err)
		}
	}
	put(long)
	<-in.Ready()
	second := 0
	for r := range long.All {
		if !r.At().Before(long.Begin.AddDate(0, 0, 1)) {
			second++
		}
	}
	if !h.once(1, second) {
		t.Fatalf("%d resets, day %v, %d rows, want %d", h.resets, h.day, len(h.rows), second)
	}
	if want := long.Begin.AddDate(0, 0, 1); !h.day.Equal(want) || !state(in, inputs.Output).OK {
		t.Errorf("the day is %v, want %v; %+v", h.day, want, state(in, inputs.Output))
	}

	// It goes away and comes back as it was.
	if err := os.Rename(root, root+"-away"); err != nil {
		t.Fatal(err)
	}
	until(t, "it says that it is away", func() bool { return !state(in, inputs.Output).OK })
	if err := os.Rename(root+"-away", root); err != nil {
		t.Fatal(err)
	}
	until(t, "it is back", func() bool { return state(in, inputs.Output).OK })
	if !h.once(1, second) {
		t.Errorf("%d resets, %d rows", h.resets, len(h.rows))
	}

	// Another takes its place.
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	short := long
	short.Rows, short.Span = 96, 24*time.Hour
	put(short)
	until(t, "the other one is told", func() bool { return h.once(2, 96) })
}

func TestABadConfigurationFileChangesNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cameras.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("cameras:\n  - {id: gate, source: \"rtsp://a:${UNSET_PASSWORD}@b/c\"}\n")
	in := start(t, inputs.Options{Output: "none", Cameras: file}, &heard{})
	until(t, "the file is read", func() bool { return len(in.CameraIDs()) == 1 })
	write("cameras:\n  - {id: gate, nonsense: 1}\n")
	until(t, "it is told", func() bool { return !state(in, inputs.Cameras).OK })
	if ids := in.CameraIDs(); len(ids) != 1 || ids[0] != "gate" {
		t.Errorf("%v", ids)
	}
	write("cameras:\n  - {id: gate, source: a.mp4}\n  - {id: yard, source: b.mp4}\n")
	until(t, "it is well again", func() bool { return state(in, inputs.Cameras).OK && len(in.CameraIDs()) == 2 })

	// Another of the same length and time, as unpacking an archive leaves it.
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	write("cameras:\n  - {id: gate, source: a.mp4}\n  - {id: ford, source: b.mp4}\n")
	if err := os.Chtimes(file, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	until(t, "it is read", func() bool { return slices.Equal(in.CameraIDs(), []string{"gate", "ford"}) })
}
