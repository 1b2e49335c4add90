package picture

import (
	"archive/zip"
	"bytes"
	"context"
	"image/jpeg"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

func pack(t *testing.T, spec PackSpec, rows []result.Frame) (int, []byte) {
	t.Helper()
	ctx := context.Background()
	p, err := OpenPacker(ctx, spec, frame.ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	n, err := p.Pack(ctx, &b, chunk.End{ID: chunk.ID{Partition: chunk.Partition{Topic: topic}}}, rows)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	return n, b.Bytes()
}

func entries(t *testing.T, pack []byte) (names []string, content map[string][]byte) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(pack), int64(len(pack)))
	if err != nil {
		t.Fatal(err)
	}
	content = map[string][]byte{}
	for _, f := range z.File {
		if f.Method != zip.Store || f.Flags&8 != 0 {
			t.Errorf("%s: method %d, flags %x: stored entries must say their size first", f.Name, f.Method, f.Flags)
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, f.Name)
		content[f.Name] = b
	}
	return names, content
}

func TestAPackHasTheFramesWithDetections(t *testing.T) {
	l, rows := scene(t, 8)
	rows[3].Status = result.Repeat
	n, b := pack(t, l.spec(t), rows)
	names, content := entries(t, b)
	want := []string{
		"gate/e1/0000000000-0000000000000000000.jpg",
		"gate/e1/0000000003-0000000000000000006.jpg",
	}
	if diff := cmp.Diff(want, names); diff != "" || n != len(want) {
		t.Errorf("n %d, entries %s", n, diff)
	}
	m, err := jpeg.Decode(bytes.NewReader(content[want[1]]))
	if err != nil {
		t.Fatal(err)
	}
	if m.Bounds().Dx() != 160 || m.Bounds().Dy() != 120 {
		t.Errorf("picture of %v", m.Bounds())
	}
	// The box's edge is green, its inside is the bright square.
	if r, g, b, _ := m.At(28, 41).RGBA(); g>>8 < 150 || r>>8 > 120 || b>>8 > 120 {
		t.Errorf("the box's upper edge is %d %d %d", r>>8, g>>8, b>>8)
	}
	if r, g, b, _ := m.At(28, 50).RGBA(); r>>8 < 180 || g>>8 < 180 || b>>8 < 180 {
		t.Errorf("inside the box it is %d %d %d", r>>8, g>>8, b>>8)
	}
}

func TestAPackMayHaveAllFrames(t *testing.T) {
	l, rows := scene(t, 8)
	rows[5].Kill(&frame.Poison{Reason: frame.ReasonEmpty})
	spec := l.spec(t)
	spec.Which = AllFrames
	n, b := pack(t, spec, rows)
	if names, _ := entries(t, b); n != 7 || len(names) != 7 {
		t.Errorf("n %d, entries %q", n, names)
	}
}

func TestAPackMayHaveEventsAndTheirSnapshots(t *testing.T) {
	l, rows := scene(t, 10)
	offset := func(i int) int64 { return rows[i].Offset }
	of := func(i, snapshot int) { // an event in frame i
		rows[i].Events = append(rows[i].Events, result.Event{Analysis: "activity", Type: "Motion", Snapshot: offset(snapshot)})
	}
	of(8, 6) // of this chunk
	of(9, 1) // of a chunk before
	rows[7].Events = append(rows[7].Events, result.Event{Analysis: "sequence", Type: "Silence", Snapshot: offset(7)})
	spec := l.spec(t)
	spec.Which = WithEvents
	n, b := pack(t, spec, rows[5:])
	names, _ := entries(t, b)
	var want []string
	for _, i := range []int{1, 6, 8, 9} {
		want = append(want, entryName(&rows[i]))
	}
	if diff := cmp.Diff(want, names); diff != "" || n != len(want) {
		t.Errorf("n %d, entries %s", n, diff)
	}
}

func TestNothingToShowIsNoPack(t *testing.T) {
	l, rows := scene(t, 3)
	if n, b := pack(t, l.spec(t), rows[1:]); n != 0 || len(b) != 0 {
		t.Errorf("n %d, %d bytes", n, len(b))
	}
}

func TestEqualFramesAndResultsGiveEqualBytes(t *testing.T) {
	l, rows := scene(t, 12)
	spec := l.spec(t)
	spec.Which = AllFrames
	_, a := pack(t, spec, rows)
	_, b := pack(t, spec, slices.Clone(rows))
	if !bytes.Equal(a, b) {
		t.Error("two packs of the same differ")
	}
}

func TestFramesThatCannotBeHadAreListed(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(*memLog)
		missing map[string]string // offset: why
	}{
		{"deleted by retention", func(l *memLog) { l.first = 4 }, map[string]string{"0": "begins after", "3": "begins after"}},
		{"deleted while they are read", func(l *memLog) { l.shrinks = 8 }, map[string]string{"6": "begins after"}},
		{"gaps", func(l *memLog) { delete(l.records, 3); delete(l.records, 9) }, map[string]string{"3": "gap", "9": "gap"}},
		{"a log that is shorter now", func(l *memLog) { l.end = 6 }, map[string]string{"6": "ends before", "9": "ends before"}},
		{"another frame at the offset", func(l *memLog) { r := l.records[5]; r.Offset = 3; l.records[3] = r }, map[string]string{"3": "another frame"}},
		{"a record that cannot be read", func(l *memLog) { r := l.records[3]; r.Value = r.Value[:9]; l.records[3] = r }, map[string]string{"3": "cannot be read"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, rows := scene(t, 12)
			c.change(l)
			n, b := pack(t, l.spec(t), rows)
			names, content := entries(t, b)
			if n != len(names) || n != 4-len(c.missing)+1 {
				t.Errorf("n %d, entries %q", n, names)
			}
			notes := strings.Split(strings.TrimSpace(string(content["missing frames.txt"])), "\n")
			if len(notes) != len(c.missing) {
				t.Fatalf("notes %q", notes)
			}
			for _, note := range notes {
				m := regexp.MustCompile(`^offset (\d+) camera (gate|yard) epoch e1 sequence \d+: (.*)$`).FindStringSubmatch(note)
				if m == nil || c.missing[m[1]] == "" || !strings.Contains(m[3], c.missing[m[1]]) {
					t.Errorf("note %q, want one of %v", note, c.missing)
				}
			}
		})
	}
}

func TestNamesOfPicturesAreSafePathsAndDiffer(t *testing.T) {
	rows := []result.Frame{
		{Camera: "gate", Epoch: "e", Sequence: 1, Offset: 5},
		{Camera: "gate", Epoch: "e", Sequence: 1, Offset: 6}, // published twice
		{Camera: "gate", Epoch: "e", Sequence: 15, Offset: 6},
		{Camera: "gate", Epoch: "", Sequence: -1, Offset: 7},
		{Camera: "gate", Epoch: "0000000000000000007.jpg", Sequence: 1, Offset: 8},
		{Camera: "gate", Epoch: "..", Sequence: 1, Offset: 9},
		{Camera: "gate", Epoch: "%2E.", Sequence: 1, Offset: 9},
		{Camera: "gate", Epoch: "a/b", Sequence: 1, Offset: 9},
		{Camera: "gate", Epoch: "a\\b\x00é", Sequence: 1, Offset: 9},
		{Camera: "...", Epoch: "e", Sequence: 1, Offset: 9},
	}
	seen := map[string]bool{}
	for _, r := range rows {
		name := entryName(&r)
		parts := strings.Split(name, "/")
		for i, p := range parts {
			if p == "" || strings.Trim(p, ".") == "" || strings.ContainsAny(p, "\\\x00 ") {
				t.Errorf("%q is no safe path", name)
			}
			if dir := strings.Join(parts[:i], "/"); seen[dir] {
				t.Errorf("%q lies in %q, which is a file", name, dir)
			}
		}
		if seen[name] || len(parts) > 3 {
			t.Errorf("%q collides", name)
		}
		seen[name] = true
	}
}

func TestAWrongPackSpecNamesEveryViolation(t *testing.T) {
	err := PackSpec{Which: "some", Quality: 101}.Validate()
	if err == nil || !strings.Contains(err.Error(), "some") || !strings.Contains(err.Error(), "101") {
		t.Errorf("error %v", err)
	}
}
