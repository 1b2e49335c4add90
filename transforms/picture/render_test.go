package picture

import (
	"bytes"
	"context"
	"image/jpeg"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/result"
)

// renderAll renders every file of an output, as the pipeline does.
func renderAll(t *testing.T, cfg RenderConfig) (sum Rendered) {
	t.Helper()
	ctx := context.Background()
	r, err := OpenRenderer(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	files, err := r.out.Files(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		done, err := r.Render(ctx, f)
		if err != nil {
			t.Fatal(err)
		}
		sum.Packs, sum.Pictures = sum.Packs+done.Packs, sum.Pictures+done.Pictures
		sum.Missing, sum.Kept = sum.Missing+done.Missing, sum.Kept+done.Kept
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return sum
}

func listed(t *testing.T, out *output.Output, pattern string) []string {
	t.Helper()
	files, err := out.Folder().List(context.Background(), pattern)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestRenderMakesAPackOfEveryResultsFile(t *testing.T) {
	ctx := context.Background()
	l, rows := scene(t, 3*n)
	for i := n; i < 2*n; i++ {
		rows[i].Detections = nil
	}
	out := results(t, rows)
	cfg := RenderConfig{Output: out.Folder().Root(), Pack: l.spec(t)}
	want := Rendered{Packs: 2, Pictures: 21}
	files := []string{
		"images/frames+0/0000000000000000000/frames+0+0000000000000000000+0000000000000000031.zip",
		"images/frames+0/0000000000000000000/frames+0+0000000000000000064+0000000000000000095.zip",
	}
	var before [][]byte
	for range 2 {
		if diff := cmp.Diff(want, renderAll(t, cfg)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(files, listed(t, out, "images/frames+0/0000000000000000000/*.zip")); diff != "" {
			t.Fatal(diff)
		}
		var after [][]byte
		for _, f := range files {
			b, err := out.Folder().Read(ctx, f)
			if err != nil {
				t.Fatal(err)
			}
			after = append(after, b)
		}
		if before != nil && !cmp.Equal(before, after) {
			t.Error("rendered again, other bytes")
		}
		before = after
	}
	if l.closed != 2 {
		t.Errorf("the log was closed %d times of 2", l.closed)
	}

	// Retention has deleted half of the first chunk: its pictures stay.
	l.first = n / 2
	if diff := cmp.Diff(Rendered{Packs: 1, Pictures: 10, Missing: 6, Kept: 1}, renderAll(t, cfg)); diff != "" {
		t.Error(diff)
	}
	b, err := out.Folder().Read(ctx, files[0])
	if err != nil || !bytes.Equal(b, before[0]) {
		t.Errorf("pictures of deleted frames were replaced (%v)", err)
	}
}

func TestPicturesThatAreThereStayWhenFewerAreAskedFor(t *testing.T) {
	ctx := context.Background()
	l, rows := scene(t, 2*n)
	for i := range n {
		rows[i].Detections = nil
	}
	out := results(t, rows)
	cfg := RenderConfig{Output: out.Folder().Root(), Pack: l.spec(t)}
	packs := func() (all [][]byte) {
		for _, f := range listed(t, out, "images/frames+0/0000000000000000000/*.zip") {
			b, err := out.Folder().Read(ctx, f)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b)
		}
		return all
	}
	cfg.Pack.Which = WithDetections
	if got := renderAll(t, cfg); got.Packs != 1 {
		t.Errorf("with detections: %+v", got)
	}
	few := packs()
	cfg.Pack.Which = AllFrames
	if got := renderAll(t, cfg); got.Packs != 2 || got.Pictures != 2*n {
		t.Errorf("of all frames: %+v", got)
	}
	many := packs()
	if len(few) != 1 || len(many) != 2 || len(many[1]) <= len(few[0]) {
		t.Fatalf("%d packs, and then %d", len(few), len(many))
	}
	cfg.Pack.Which = WithDetections
	if got := renderAll(t, cfg); got.Packs != 2 || got.Pictures != 2*n {
		t.Errorf("with detections again: %+v", got)
	}
	if !cmp.Equal(many, packs()) {
		t.Error("fewer pictures, or others")
	}
}

func TestPicturesOfOtherChunksThatAPackShowsStayToo(t *testing.T) {
	_, rows := scene(t, n)
	chosen := []*result.Frame{&rows[3], &rows[7]}
	for i := range rows {
		rows[i].Offset += 100
	}
	shown := []string{entryName(&rows[3]), entryName(&rows[5]), "yard/7/0000000001-0000000000000000002.jpg", missingEntry}
	got := others(rows, chosen, shown)
	if len(got) != 2 || got[0] != &rows[5] || got[1].Offset != 2 || got[1].Camera != "yard" || got[1].Sequence != ofAnotherChunk {
		t.Errorf("%+v", got)
	}
}

func TestAPackTellsItsEntriesFromItsBeginning(t *testing.T) {
	l, rows := scene(t, n)
	out := results(t, rows)
	cfg := RenderConfig{Output: out.Folder().Root(), Pack: l.spec(t)}
	l.first = 10 // so that some are missing
	renderAll(t, cfg)
	b, err := out.Folder().Read(context.Background(), listed(t, out, "images/frames+0/0000000000000000000/*.zip")[0])
	if err != nil {
		t.Fatal(err)
	}
	want, _ := entries(t, b)
	got, err := entryNames(bytes.NewReader(b))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	for _, bad := range [][]byte{nil, b[:len(b)/2], []byte("not a pack of pictures at all, but long enough")} {
		if _, err := entryNames(bytes.NewReader(bad)); err == nil {
			t.Errorf("%d bytes are taken for a pack", len(bad))
		}
	}
}

func TestPicturesOfOneCameraLieApart(t *testing.T) {
	l, rows := scene(t, n)
	out := results(t, rows)
	cfg := RenderConfig{Output: out.Folder().Root(), Pack: l.spec(t), Cameras: []string{"yard", "attic"}}
	if diff := cmp.Diff(Rendered{Packs: 1, Pictures: 5}, renderAll(t, cfg)); diff != "" {
		t.Error(diff)
	}
	file := "images/camera=yard/frames+0/0000000000000000000/frames+0+0000000000000000000+0000000000000000031.zip"
	if diff := cmp.Diff([]string{file}, listed(t, out, "images/camera=yard/frames+0/0000000000000000000/*.zip")); diff != "" {
		t.Fatal(diff)
	}
	if all := listed(t, out, "images/frames+0/0000000000000000000/*.zip"); len(all) != 0 {
		t.Errorf("packs of all cameras: %q", all)
	}
	b, err := out.Folder().Read(context.Background(), file)
	if err != nil {
		t.Fatal(err)
	}
	names, _ := entries(t, b)
	for _, name := range names {
		if !strings.HasPrefix(name, "yard/") {
			t.Errorf("%s is of another camera", name)
		}
	}
	if _, err := ContactSheets(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"sheets/frames+0+yard.jpg"}, listed(t, out, "sheets/*")); diff != "" {
		t.Error(diff)
	}
	cfg.Cameras = []string{"../yard"}
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "../yard") {
		t.Errorf("error %v", err)
	}
}

func TestAnotherTimeZoneOfTheConfigurationHidesNoFrame(t *testing.T) {
	l, rows := scene(t, n)
	for i := range rows {
		rows[i].Captured += 3600_000_000
	}
	out := results(t, rows)
	if got := renderAll(t, RenderConfig{Output: out.Folder().Root(), Pack: l.spec(t)}); got.Missing != 0 || got.Pictures != 11 {
		t.Errorf("%+v", got)
	}
}

func TestPacksOfIncompleteChunksLieApart(t *testing.T) {
	if got := packFile("images/", output.File{Name: "results/frames+0/0/frames+0+0+31.parquet"}); got != "images/frames+0/0/frames+0+0+31.zip" {
		t.Error(got)
	}
	if got := packFile("images/", output.File{Name: "_partial/results/frames+0/frames+0+0+9.parquet", Partial: true}); got != "_partial/images/frames+0/frames+0+0+9.zip" {
		t.Error(got)
	}
}

func TestContactSheetsShowEachCamera(t *testing.T) {
	ctx := context.Background()
	l, rows := scene(t, 2*n)
	out := results(t, rows)
	cfg := RenderConfig{Output: out.Folder().Root(), Pack: l.spec(t)}
	files, err := ContactSheets(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"sheets/frames+0+gate.jpg", "sheets/frames+0+yard.jpg"}, files); diff != "" {
		t.Fatal(diff)
	}
	first, err := out.Folder().Read(ctx, files[0])
	if err != nil {
		t.Fatal(err)
	}
	m, err := jpeg.Decode(bytes.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Bounds().Size(); got.X != 4*320 || got.Y != 22+4*262 {
		t.Errorf("a sheet of %v", got)
	}
	// The last cell shows a frame, not darkness.
	if r, g, b, _ := m.At(4*320-20, 22+3*262+230).RGBA(); r+g+b < 100<<8 {
		t.Error("the last cell is dark")
	}
	if _, err := ContactSheets(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	again, err := out.Folder().Read(ctx, files[0])
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("drawn again, other bytes (%v)", err)
	}
	l.first = 2 * n
	l.end = 2 * n
	if _, err := ContactSheets(ctx, cfg); err != nil {
		t.Errorf("frames that are gone: %v", err)
	}
}

func TestEachStretchShowsItsFrameWithMostDetections(t *testing.T) {
	s := sampled{frames: 35}
	for i := range 40 { // five more than were counted
		r := result.Frame{Offset: int64(i)}
		if i == 4 || i == 5 || i == 20 {
			r.Detections = make([]result.Detection, 1+i/20)
		}
		s.pick(&r)
	}
	var offsets []int64
	for _, r := range s.picks {
		offsets = append(offsets, r.Offset)
	}
	want := []int64{0, 4, 5, 7, 9, 11, 14, 16, 18, 20, 22, 25, 27, 29, 31, 33}
	if diff := cmp.Diff(want, offsets); diff != "" {
		t.Error(diff)
	}
	few := sampled{frames: 3}
	for i := range 3 {
		few.pick(&result.Frame{Offset: int64(i)})
	}
	if len(few.picks) != 3 {
		t.Errorf("three frames give %d cells", len(few.picks))
	}
}
