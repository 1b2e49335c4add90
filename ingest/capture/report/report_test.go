package report_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/ingest/capture/report"
)

func encode(t testing.TB, reports ...report.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := report.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reports {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func decode(data []byte) (all []report.Report, err error) {
	r := report.NewReader(bytes.NewReader(data))
	if err := r.Begin(); err != nil {
		return nil, err
	}
	for {
		m, err := r.Next()
		if err != nil {
			return all, err
		}
		all = append(all, m)
	}
}

var every = []report.Report{
	&report.Opened{Codec: "h264", Transport: "tcp", Width: 640, Height: 480, Step: 40 * time.Millisecond},
	&report.Epoch{Name: "file-0123"},
	&report.Frame{Sequence: 7, Captured: 1714550400000, Width: 3, Height: 2, Channels: 3, Data: make([]byte, 18), Encode: 3 * time.Millisecond},
	&report.Progress{Limited: 3, Unreadable: 1, Late: 5, Published: 1 << 40, Sequence: 1 << 41, ClockSteps: 2, Captured: 1714550400000},
	&report.Note{Level: slog.LevelWarn, Text: "picture left out", Attrs: []string{"reason", "cut off"}},
	&report.Ended{Reason: "no such file", Kind: "missing"},
}

func TestReportsArriveAsTheyWereSent(t *testing.T) {
	got, err := decode(encode(t, every...))
	if err != io.EOF {
		t.Error(err)
	}
	if diff := cmp.Diff(every, got); diff != "" {
		t.Error(diff)
	}
	rapid.Check(t, func(t *rapid.T) {
		f := &report.Frame{
			Sequence: rapid.Int64Min(0).Draw(t, "sequence"), Captured: rapid.Int64().Draw(t, "captured"),
			Width: rapid.IntRange(1, 16).Draw(t, "width"), Height: rapid.IntRange(1, 16).Draw(t, "height"),
			Channels: rapid.IntRange(0, 4).Draw(t, "channels"), Data: rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "data"),
		}
		var b bytes.Buffer
		w, _ := report.NewWriter(&b)
		if err := w.Write(f); err != nil {
			t.Fatal(err)
		}
		got, err := decode(b.Bytes())
		if diff := cmp.Diff([]report.Report{f}, got); diff != "" || err != io.EOF {
			t.Fatal(err, diff)
		}
	})
}

func TestATextThatIsTooLongIsCut(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	got, err := decode(encode(t, &report.Note{Text: long, Attrs: []string{"a", long}}, &report.Ended{Reason: long}))
	if err != io.EOF || len(got) != 2 {
		t.Fatal(len(got), err)
	}
	if n, e := got[0].(*report.Note), got[1].(*report.Ended); !strings.HasPrefix(n.Text, "xxx") || !strings.HasPrefix(e.Reason, "xxx") {
		t.Error(len(n.Text), len(e.Reason))
	}
}

func TestWhatIsImpossibleIsRefusedBeforeMemoryIsTaken(t *testing.T) {
	frame := func(w, h, size uint64) []byte {
		b := append(encode(t), 3, 0, 0, 0, 0)
		begin := len(b)
		b = binary.AppendVarint(binary.AppendVarint(b, 0), 0)
		for _, v := range []uint64{w, h, 3, 0, size} {
			b = binary.AppendUvarint(b, v)
		}
		binary.LittleEndian.PutUint32(b[begin-4:], uint32(len(b)-begin))
		return b
	}
	for name, data := range map[string][]byte{
		"another protocol":                     []byte("HTTP/1.1 400"),
		"another version":                      append(encode(t)[:7], 99),
		"an unknown kind":                      append(encode(t), 77, 0, 0, 0, 0),
		"a head of 4 GB":                       append(encode(t), 1, 255, 255, 255, 255),
		"a frame without width":                frame(0, 10, 10),
		"a frame that is too wide":             frame(1<<40, 1, 10),
		"more pixels than any pipeline reads":  frame(16384, 16384, 10),
		"an image of more bytes than its size": frame(10, 10, 1<<30),
		"an image of no bytes":                 frame(10, 10, 0),
		"bytes after the head's end":           append(encode(t), 1, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := decode(data)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, report.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
			t.Errorf("%s: %d bytes were allocated", name, took)
		}
	}
}

func TestAStreamThatIsCutIsNotTakenForItsEnd(t *testing.T) {
	for _, r := range every {
		whole := encode(t, r)
		for n := len(report.Magic) + 1; n < len(whole); n++ {
			if got, err := decode(whole[:n]); !errors.Is(err, io.ErrUnexpectedEOF) || len(got) > 0 {
				t.Errorf("%T cut at %d of %d bytes: %v, %v", r, n, len(whole), got, err)
			}
		}
	}
}

// FuzzReader: whatever a process sends, reading ends with an error, memory stays
// bounded, and what was read is written as it was read.
func FuzzReader(f *testing.F) {
	f.Add(encode(f, every...))
	for _, r := range every {
		f.Add(encode(f, r))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decode(data)
		if err == nil {
			t.Fatal("no error at the end")
		}
		again, err := decode(encode(t, got...))
		if diff := cmp.Diff(got, again); err != io.EOF || diff != "" {
			t.Fatal(err, diff)
		}
	})
}
