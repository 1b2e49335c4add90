package similar

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/perframe"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/similarity"
)

const second = 1_000_000 // microseconds

// outputOf is an output folder of one complete chunk with these rows, numbered.
func outputOf(t *testing.T, rows []result.Frame) string {
	t.Helper()
	root := t.TempDir()
	folder, err := store.Open(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	n := int64(len(rows))
	out, err := output.Open(t.Context(), folder, output.OpenConfig{N: n, ConfigDigest: "digest"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Begin(t.Context(), chunk.Partition{Topic: "frames"}, 0); err != nil {
		t.Fatal(err)
	}
	w, err := output.OpenWriter(t.Context(), out.Spec())
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		rows[i].Topic, rows[i].Offset = "frames", int64(i)
	}
	end := chunk.End{ID: chunk.ID{Partition: chunk.Partition{Topic: "frames"}}, N: n, Offsets: chunk.Span(0, n)}
	if _, err := w.Commit(t.Context(), end, rows, nil, nil); err != nil {
		t.Fatal(err)
	}
	return root
}

// analysed is the rows of records with every feature.
func analysed(t *testing.T, records []frame.Record) []result.Frame {
	t.Helper()
	var specs []params.Spec
	for kind := range kinds {
		specs = append(specs, params.Spec{Kind: kind, Name: kind})
	}
	a, err := perframe.NewAnalyzer(perframe.Config{Profiles: []perframe.Profile{{Analyses: specs}}})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	var rows []result.Frame
	for i := range records {
		it, err := a.Analyze(chunk.Partition{Topic: "frames"}, &records[i])
		if err != nil || it.Result.Status != result.OK {
			t.Fatal(it.Result, err)
		}
		rows = append(rows, it.Result)
	}
	return rows
}

// found is what the query finds: likenesses, and the offsets behind them.
func found(t *testing.T, q Query) (likenesses []float64, offsets []int64) {
	t.Helper()
	var b, notes bytes.Buffer
	q.Format = "jsonl"
	if err := q.Write(t.Context(), &b, &notes); err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(&b); d.More(); {
		var line struct {
			Likeness float64
			Frame    struct{ Offset int64 }
		}
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		likenesses, offsets = append(likenesses, line.Likeness), append(offsets, line.Frame.Offset)
	}
	return likenesses, offsets
}

func TestAPictureIsFoundAgainAlthoughItWasScaledAndEncodedAnew(t *testing.T) {
	records := film.Records(film.Config{Cameras: 3, Frames: 24, Seed: 5, Width: 320, Height: 240})
	rows := analysed(t, records)
	root := outputOf(t, rows)
	const at = 31
	m, err := gocv.IMDecode(records[at].Value, gocv.IMReadColor)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	gocv.Resize(m, &m, image.Pt(200, 150), 0, 0, gocv.InterpolationArea)
	path := filepath.Join(t.TempDir(), "wanted.jpg")
	if !gocv.IMWriteWithParams(path, m, []int{gocv.IMWriteJpegQuality, 70}) {
		t.Fatal("not written")
	}
	for kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			likenesses, offsets := found(t, Query{Output: root, To: path, By: kind, Limit: 1000})
			if len(offsets) != len(rows) {
				t.Fatalf("%d frames of %d", len(offsets), len(rows))
			}
			if got, want := rows[offsets[0]].Camera, rows[at].Camera; got != want {
				t.Errorf("most like a frame of %s is one of %s: %v of %v", want, got, likenesses, offsets)
			}
			t.Log(likenesses[:3], offsets[:3])
		})
	}
}

// hashed is a row of a camera at a time, in seconds, whose hash differs in so many bits from 0.
func hashed(camera string, at, bits int) result.Frame {
	h := similarity.Hash(1)<<bits - 1
	return result.Frame{Camera: camera, Epoch: "e", Captured: second * int64(at), Status: result.OK,
		Features: []result.Feature{{Analysis: "perceptual_hash", Kind: similarity.KindHash, Data: h.Marshal()}}}
}

func TestTheMostAlikeFramesAreListedFirst(t *testing.T) {
	dead := hashed("gate", 14, 0)
	dead.Status = result.Dead
	root := outputOf(t, []result.Frame{
		hashed("gate", 0, 0), hashed("gate", 1, 4), hashed("yard", 1, 9), hashed("gate", 9, 2), // 0 to 3
		hashed("gate", 10, 8), hashed("yard", 12, 3), hashed("gate", 12, 3), dead, // 4 to 7
	})
	for _, c := range []struct {
		name string
		q    Query
		want []int64
	}{
		{"every frame", Query{}, []int64{0, 3, 5, 6, 1, 4, 2}},
		{"the best of each camera in each stretch", Query{Apart: 10 * time.Second}, []int64{0, 5, 6, 2}},
		{"no more than the limit", Query{Limit: 2}, []int64{0, 3}},
		{"one camera", Query{Cameras: []string{"yard"}}, []int64{5, 2}},
		{"from another frame on", Query{To: "frames/0@4"}, []int64{4, 2, 1, 5, 6, 3, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.q.Output = root
			if c.q.To == "" {
				c.q.To = "frames/0@0"
			}
			if c.q.Limit == 0 {
				c.q.Limit = 100
			}
			_, got := found(t, c.q)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOnlyFramesOfThePeriodAreListed(t *testing.T) {
	root := outputOf(t, []result.Frame{hashed("gate", 10, 0), hashed("gate", 20, 4), hashed("yard", 30, 9), hashed("gate", 40, 2)})
	q := Query{Output: root, To: "frames/0@0", Limit: 9}
	q.Period.From, q.Period.To = time.Unix(20, 0), time.Unix(40, 0)
	if _, got := found(t, q); !slices.Equal(got, []int64{1, 2}) {
		t.Error(got)
	}
}

func TestALongListIsCutAsItGrows(t *testing.T) {
	var rows []result.Frame
	for i := range 3000 {
		rows = append(rows, hashed(fmt.Sprintf("camera-%d", i%7), i, 63-i%64))
	}
	_, got := found(t, Query{Output: outputOf(t, rows), To: "frames/0@63", Limit: 5})
	if diff := cmp.Diff([]int64{63, 127, 191, 255, 319}, got); diff != "" {
		t.Error(diff)
	}
}

func TestLinesForPeopleBeginWithTheLikeness(t *testing.T) {
	root := outputOf(t, []result.Frame{hashed("gate", 0, 0), hashed("gate", 60, 16)})
	var b, notes bytes.Buffer
	if err := (&Query{Output: root, To: "frames/0@0", Limit: 9, Format: "text"}).Write(t.Context(), &b, &notes); err != nil {
		t.Fatal(err)
	}
	want := "1.000 1970-01-01T00:00:00.000000Z gate e/0 frames/0@0 ok\n" +
		"0.750 1970-01-01T00:01:00.000000Z gate e/0 frames/0@1 ok\n"
	if diff := cmp.Diff(want, b.String()+notes.String()); diff != "" {
		t.Error(diff)
	}
}

func TestWhatCannotBeComparedIsSaid(t *testing.T) {
	histogram := func(hue int) result.Frame {
		h := similarity.NewHistogram(hue, 1, 1, make([]uint32, hue))
		return result.Frame{Camera: "gate", Epoch: "e", Captured: 1, Status: result.OK,
			Features: []result.Feature{{Analysis: "histogram", Kind: similarity.KindHistogram, Data: h.Marshal()}}}
	}
	bare := outputOf(t, []result.Frame{{Camera: "gate", Epoch: "e", Captured: 1, Status: result.OK}})
	other := outputOf(t, []result.Frame{histogram(4), histogram(8)})
	text := filepath.Join(t.TempDir(), "text.jpg")
	if err := os.WriteFile(text, []byte("no picture"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, output, to, want string
	}{
		{"an output without features", bare, "frames/0@0", "histogram, perceptual_hash and keypoints store them"},
		{"a frame that is not there", bare, "frames/0@7", "frames/0@7 is neither a file nor a frame of the output"},
		{"a file that is not there", bare, "picture.jpg", "picture.jpg: no such file"},
		{"a file that is no picture", bare, text, "picture " + text + ": not_an_image"},
		{"histograms of other bins", other, "frames/0@0", "1 features could not be compared, frames/0@1: histogram: histograms of 4x1x1 and 8x1x1 bins"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b, notes bytes.Buffer
			err := (&Query{Output: c.output, To: c.to, Limit: 9, Format: "text"}).Write(t.Context(), &b, &notes)
			if got := fmt.Sprint(err) + notes.String(); !strings.Contains(got, c.want) {
				t.Errorf("it said %s", got)
			}
		})
	}
}

func TestEverythingWrongIsListed(t *testing.T) {
	q := Query{Cameras: []string{"a/b"}, Format: "xml", By: "smell", Apart: -1}
	err := q.Check()
	for _, want := range []string{"--output is missing", "--like is missing", "--by=smell", "--camera=a/b", "--limit=0", "--apart=-1ns", "--format=xml"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	if err := (&Query{Output: "out", To: "x.jpg", Limit: 1, Format: "text"}).Check(); err != nil {
		t.Error(err)
	}
}

func TestAFrameIsFoundInTheBeginningOfAChunkWhateverItsFileIsCalled(t *testing.T) {
	rows := analysed(t, film.Records(film.Config{Cameras: 1, Frames: 4, Seed: 5}))
	for _, topic := range []string{"frames", "_frames"} {
		root := t.TempDir()
		folder, err := store.Open(t.Context(), root)
		if err != nil {
			t.Fatal(err)
		}
		open := func(config string) *output.Output {
			t.Helper()
			out, err := output.Open(t.Context(), folder, output.OpenConfig{N: 4, ConfigDigest: config})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := out.Begin(t.Context(), chunk.Partition{Topic: topic}, 0); err != nil {
				t.Fatal(err)
			}
			return out
		}
		w, err := output.OpenWriter(t.Context(), open("A").Spec())
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			rows[i].Topic, rows[i].Offset = topic, int64(i)
		}
		end := chunk.End{ID: chunk.ID{Partition: chunk.Partition{Topic: topic}}, N: 4, Partial: true, UpTo: 2, Offsets: chunk.Span(0, 2)}
		if _, err := w.CommitPartial(t.Context(), end, rows[:2], nil); err != nil {
			t.Fatal(err)
		}
		for _, config := range []string{"A", "B"} {
			open(config) // B freezes what there is
			_, offsets := found(t, Query{Output: root, To: topic + "/0@1", Limit: 1})
			if len(offsets) != 1 || offsets[0] != 1 {
				t.Errorf("topic %s, configuration %s: found %v", topic, config, offsets)
			}
		}
	}
}
