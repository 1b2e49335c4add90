package clip

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/gif"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/history/events"
	"github.com/framebeam/framebeam/ingest/capture/ffmpeg"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

// write makes a clip in a file of this name, in a folder of the test.
func write(t *testing.T, s *Source, cut Cut, form Form, name string) (Made, error) {
	t.Helper()
	if form.As == "" {
		form.As = FormOf(name)
	}
	if form.Longest == 0 {
		form.Longest = DefaultLongest
	}
	return s.Write(t.Context(), cut, form, filepath.Join(t.TempDir(), name))
}

// film reads a film: when its pictures are shown, in milliseconds, and how near they are to
// those that the shots were made of, in dB.
func film(t *testing.T, file string, shots []shot) (at []int64, worst float64) {
	t.Helper()
	f, err := ffmpeg.Open("file:"+file, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img := gocv.NewMat()
	defer func() { img.Close() }()
	worst = math.Inf(1)
	for i := 0; ; i++ {
		when, err := f.Read(&img)
		if errors.Is(err, io.EOF) {
			return at, worst
		}
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, when.Round(time.Millisecond).Milliseconds())
		if i < len(shots) {
			want := shots[i].picture()
			if want.Cols() == img.Cols() && want.Rows() == img.Rows() {
				worst = min(worst, psnr(want, img))
			}
			want.Close()
		}
	}
}

func psnr(a, b gocv.Mat) float64 {
	x, y := a.ToBytes(), b.ToBytes()
	var sum float64
	for i := range x {
		d := float64(x[i]) - float64(y[i])
		sum += d * d
	}
	return 10 * math.Log10(255*255/max(1e-9, sum/float64(len(x))))
}

func TestAClipHasItsFramesAtTheTimesOfTheirCapture(t *testing.T) {
	gate := steady("gate", 30)
	for i := range gate { // not at a steady rate
		gate[i].ms += i % 3 * 20
	}
	var both []shot
	for i, s := range steady("yard", 30) {
		both = append(both, gate[i], s)
	}
	l, out := logged(t, both)
	var files [2][]byte
	for i, output := range []string{out, ""} {
		s := open(t, l, output)
		made, err := write(t, s, between("gate", 500, 2000), Form{}, "a.mp4")
		if err != nil {
			t.Fatal(err)
		}
		wanted := gate[5:20]
		if made.Frames != len(wanted) || len(made.Gaps) != 0 || made.LeftOut != 0 || made.Epochs != 1 {
			t.Errorf("%+v", made)
		}
		at, worst := film(t, made.File, wanted)
		var want []int64
		for _, w := range wanted {
			want = append(want, int64(w.ms-wanted[0].ms))
		}
		if !slices.Equal(at, want) || worst < 30 {
			t.Errorf("pictures at %v, want %v; within %.1f dB", at, want, worst)
		}
		if files[i], err = os.ReadFile(made.File); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("with an output and without one the clips differ")
	}
}

func TestGapsAreHeldAndTold(t *testing.T) {
	shots := steady("gate", 40)
	shots = slices.Delete(shots, 10, 15) // missing by their numbers
	for i := 20; i < len(shots); i++ {   // and a silence
		shots[i].ms += 7000
		shots[i].epoch = "e2"
	}
	l, out := logged(t, shots)
	for _, output := range []string{out, ""} {
		made, err := write(t, open(t, l, output), between("gate", 0, 60_000), Form{}, "a.mp4")
		if err != nil {
			t.Fatal(err)
		}
		if len(made.Gaps) != 2 || made.Gaps[0].Missing != 5 || made.Gaps[0].Length != 600*time.Millisecond ||
			made.Gaps[1].Length != 7100*time.Millisecond || made.Epochs != 2 || made.Frames != 35 {
			t.Errorf("%+v", made)
		}
		at, _ := film(t, made.File, nil)
		if len(at) != 35 || at[20]-at[19] != 7100 {
			t.Errorf("pictures at %v", at)
		}
	}
}

func TestDamagedFramesAreLeftOutAndTold(t *testing.T) {
	shots := steady("gate", 12)
	shots[4].damaged, shots[7].damaged = true, true
	l, out := logged(t, shots)
	for _, output := range []string{out, ""} {
		made, err := write(t, open(t, l, output), between("gate", 0, 60_000), Form{}, "a.mp4")
		if err != nil {
			t.Fatal(err)
		}
		if made.Frames != 10 || made.LeftOut != 2 || len(made.Notes) != 2 || !strings.Contains(made.Notes[0], "@4, 2026-01-02T03:04:05.4Z: it c") ||
			!strings.Contains(made.Notes[0], "truncated") {
			t.Errorf("%+v", made)
		}
		var b bytes.Buffer
		made.Text(&b, time.UTC)
		if !strings.Contains(b.String(), "2 frames are left out") {
			t.Error(b.String())
		}
		if at, _ := film(t, made.File, nil); len(at) != 10 {
			t.Errorf("%d pictures", len(at))
		}
	}
}

func TestFramesOfAnotherSizeAreFitted(t *testing.T) {
	for _, size := range [][2]int{{97, 63}, {95, 65}, {200, 50}, {40, 200}, {3, 3}} {
		shots := steady("gate", 9)
		for i := 3; i < 6; i++ {
			shots[i].w, shots[i].h = max(13, size[0]), max(20, size[1])
		}
		l, out := logged(t, shots)
		for _, name := range []string{"a.mp4", "a.gif"} {
			if made, err := write(t, open(t, l, out), between("gate", 0, 60_000), Form{}, name); err != nil || made.Frames != 9 {
				t.Errorf("%v: %+v, %v", size, made, err)
			}
		}
		slices.Reverse(shots[:6]) // odd ones first
		for i := range shots {
			shots[i].ms, shots[i].sequence = 100*i, int64(i)
		}
		l, out = logged(t, shots)
		made, err := write(t, open(t, l, out), between("gate", 0, 60_000), Form{}, "a.mp4")
		if err != nil {
			t.Fatal(err)
		}
		if at, _ := film(t, made.File, nil); len(at) != 9 {
			t.Errorf("%v: %d pictures", size, len(at))
		}
	}
}

func TestAClipMayBeImagesOrAGIF(t *testing.T) {
	l, out := logged(t, steady("gate", 8))
	s := open(t, l, out)
	cut := between("gate", 200, 500)
	name := func(i int) string { return fmt.Sprintf("20260102T030405.%d00000Z-%019d.jpg", i, i) }

	made, err := write(t, s, cut, Form{As: Images}, "folder")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(made.File)
	if err != nil || len(entries) != 3 {
		t.Fatal(entries, err)
	}
	id := keyPartition("gate", []int32{0, 1})
	for i, e := range entries {
		b, err := os.ReadFile(filepath.Join(made.File, e.Name()))
		if err != nil || e.Name() != name(i+2) || !bytes.Equal(b, l[id][i+2].Value) {
			t.Errorf("%s is not the frame's own bytes: %v", e.Name(), err)
		}
	}

	if made, err = write(t, s, cut, Form{}, "a.zip"); err != nil {
		t.Fatal(err)
	}
	z, err := zip.OpenReader(made.File)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if len(z.File) != 3 || z.File[0].Name != name(2) {
		t.Errorf("%d images, %s", len(z.File), z.File[0].Name)
	}

	if made, err = write(t, s, cut, Form{}, "a.gif"); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(made.File)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if g, err := gif.DecodeAll(f); err != nil || !slices.Equal(g.Delay, []int{10, 10, 10}) {
		t.Errorf("%v, %v", g.Delay, err)
	}
}

func TestAClipEndsWhenItIsAsLongAsItMayBe(t *testing.T) {
	l, out := logged(t, steady("gate", 40))
	made, err := write(t, open(t, l, out), between("gate", 0, 60_000), Form{Longest: 2 * time.Second}, "a.mp4")
	if err != nil || !made.Ended || made.Frames != 20 || made.Length != 2*time.Second {
		t.Errorf("%+v, %v", made, err)
	}
}

func TestWhereThereIsNothingNothingIsWritten(t *testing.T) {
	l, out := logged(t, steady("gate", 4))
	for _, output := range []string{out, ""} {
		made, err := write(t, open(t, l, output), between("yard", 0, 60_000), Form{}, "a.mp4")
		if !errors.Is(err, ErrNoFrames) {
			t.Error(err)
		}
		if left, err := os.ReadDir(filepath.Dir(made.File)); err != nil || len(left) != 0 {
			t.Error(left, err)
		}
	}
}

// stalling is a log that gives nothing from an offset on, at all or so many times.
type stalling struct {
	*memLog
	at    int64
	times int
}

func (l *stalling) Read(ctx context.Context, p chunk.Partition, from, to int64, most int, wait time.Duration) ([]frame.Record, int64, error) {
	if from >= l.at && l.times != 0 {
		l.times--
		return nil, from, nil
	}
	return l.memLog.Read(ctx, p, from, min(to, max(l.at, from+1)), most, wait)
}

func TestALogThatStallsDoesNotEndAClip(t *testing.T) {
	for times, want := range map[int]string{0: "", 2: "", -1: "offset 20: nothing comes, though the log ends at 40"} {
		t.Run(fmt.Sprint(times), func(t *testing.T) {
			l, _ := logged(t, steady("gate", 40))
			spec := l.spec(t)
			logsMu.Lock()
			logs[t.Name()] = &stalling{l, 20, times}
			logsMu.Unlock()
			s, err := Open(t.Context(), Where{Log: spec, Topic: topic})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			made, err := write(t, s, between("gate", 0, 60_000), Form{}, "a.zip")
			if want == "" && (err != nil || made.Frames != 40) || want != "" && !strings.Contains(fmt.Sprint(err), want) {
				t.Errorf("%d frames, %v", made.Frames, err)
			}
		})
	}
}

// happened are steady shots with events.
func happened() []shot {
	shots := steady("gate", 60)
	event := func(i int, id, typ string) {
		shots[i].events = append(shots[i].events, result.Event{ID: id, Analysis: "lines/a", Type: typ, Rule: "a", Snapshot: int64(i - 2)})
	}
	event(20, "aaaa0000000000000000000000000001", result.EventLineCrossed)
	event(30, "aaaa0000000000000000000000000002", result.EventLineCrossed)
	event(30, "bbbb0000000000000000000000000003", result.EventLoitering)
	return shots
}

func TestEventsAreFoundByWhatTheirIdsBeginWith(t *testing.T) {
	l, out := logged(t, happened())
	s := open(t, l, out)
	for id, want := range map[string]string{
		"bbbb":                             "bbbb0000000000000000000000000003",
		"aaaa0000000000000000000000000002": "aaaa0000000000000000000000000002",
		"aaaa":                             "error: event aaaa: at least two begin so",
		"cccc":                             "error: event cccc: the output has no such event",
		"AAAA":                             "error: \"AAAA\" is no event's id",
		"aa":                               "error: \"aa\" is no event's id",
	} {
		e, err := Find(t.Context(), s.Scan(), id)
		got := ""
		if err == nil {
			got = e.ID
		} else {
			got = "error: " + err.Error()
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
}

func TestAClipIsAroundItsEvent(t *testing.T) {
	l, out := logged(t, happened())
	s := open(t, l, out)
	around, err := Select(t.Context(), s.Scan(), events.Filter{Types: []string{result.EventLineCrossed}}, 9)
	if err != nil || len(around) != 2 {
		t.Fatal(around, err)
	}
	if some, err := Select(t.Context(), s.Scan(), events.Filter{}, 2); err != nil || len(some) != 2 {
		t.Error(some, err)
	}
	if name := around[0].FileName(".mp4"); name != "20260102T030407.000Z-gate-a-aaaa0000.mp4" {
		t.Error(name)
	}
	cut := Around(&around[0], time.Second, 500*time.Millisecond)
	plain, err := write(t, s, cut, Form{}, "a.mp4")
	if err != nil || plain.Frames != 16 || plain.From != begin.Add(time.Second) && !plain.From.Equal(begin.Add(time.Second)) {
		t.Errorf("%+v, %v", plain, err)
	}
	drawn, err := write(t, s, cut, Form{Boxes: true}, "a.mp4")
	if err != nil || drawn.Frames != 16 {
		t.Errorf("%+v, %v", drawn, err)
	}
	a, err1 := os.ReadFile(plain.File)
	b, err2 := os.ReadFile(drawn.File)
	if err := errors.Join(err1, err2); err != nil || bytes.Equal(a, b) {
		t.Errorf("nothing is drawn, %v", err)
	}
	data, err := s.Picture(t.Context(), &around[0], time.UTC)
	if err != nil || len(data) < 500 {
		t.Errorf("%d bytes of a picture, %v", len(data), err)
	}
}

func TestAStillIsTheFrameOfTheMomentOrTheLastBefore(t *testing.T) {
	l, out := logged(t, append(steady("gate", 30), shot{camera: "gate", ms: 900_000, epoch: "e2"}))
	id := keyPartition("gate", []int32{0, 1})
	for _, output := range []string{out, ""} {
		s := open(t, l, output)
		for ms, want := range map[int]int{0: 0, 1549: 15, 1600: 16, 2_900: 29, 500_000: 29, 900_000: 30, 999_999: 30} {
			still, err := s.Still(t.Context(), "gate", begin.Add(time.Duration(ms)*time.Millisecond), Form{}, ".jpg")
			if err != nil || still.Row.Offset != int64(want) || !bytes.Equal(still.Data, l[id][want].Value) {
				t.Errorf("at %d ms: %+v, %v", ms, still, err)
			}
		}
		if _, err := s.Still(t.Context(), "gate", begin.Add(-time.Millisecond), Form{}, ".jpg"); !errors.Is(err, ErrNoFrames) {
			t.Error(err)
		}
		if still, err := s.Still(t.Context(), "gate", begin, Form{}, ".png"); err != nil || !bytes.HasPrefix(still.Data, []byte("\x89PNG")) {
			t.Error(err)
		}
	}
}

// What a collector says of a source lies among the frames, and is none.
func TestASourceThatIsLostIsNoFrameAndItsPictureIsTheLastBefore(t *testing.T) {
	shots := steady("gate", 12)
	shots[5] = shot{camera: "gate", ms: 500, epoch: "e1", sequence: 4, lost: true, events: []result.Event{
		{ID: "aaaa0000000000000000000000000001", Analysis: result.OfSource, Type: result.EventSourceLost, Transition: result.Begin, Snapshot: 5},
	}}
	l, out := logged(t, shots)
	for _, output := range []string{out, ""} {
		made, err := write(t, open(t, l, output), between("gate", 0, 60_000), Form{}, "a.mp4")
		if err != nil || made.Frames != 11 || made.LeftOut != 0 {
			t.Errorf("%+v, %v", made, err)
		}
	}
	s := open(t, l, out)
	e, err := Find(t.Context(), s.Scan(), "aaaa")
	if err != nil {
		t.Fatal(err)
	}
	if data, err := s.Picture(t.Context(), e, time.UTC); err != nil || len(data) == 0 {
		t.Error(err)
	}
	l, out = logged(t, shots[5:])
	s = open(t, l, out)
	if e, err = Find(t.Context(), s.Scan(), "aaaa"); err != nil {
		t.Fatal(err)
	}
	e.Snapshot = 0
	if _, err := s.Picture(t.Context(), e, time.UTC); !errors.Is(err, ErrNoFrames) {
		t.Error(err)
	}
}
