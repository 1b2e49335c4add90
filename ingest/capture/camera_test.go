package capture

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/testdata/samples"
	"github.com/framebeam/framebeam/transforms/frame"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

var begin = time.Date(2024, 5, 1, 8, 0, 0, 0, time.UTC)

// files returns a camera that plays files, with the defaults.
func files(kind config.Kind, paths ...string) config.Camera {
	return config.Camera{
		ID: "yard", Source: config.Source{Kind: kind, Text: paths[0], Files: paths, Scene: paths[0]},
		Size: image.Pt(64, 48), Encoding: frame.JPEG, Quality: 90, Passes: 1, Start: begin, ImageFPS: 10,
		OpenTimeout: 30 * time.Second, ReadTimeout: 10 * time.Second,
	}
}

func collect(t *testing.T, cfg config.Camera, opts Options) []*frame.Frame {
	t.Helper()
	frames, err := try(cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	return frames
}

// try captures in this process, which is sooner done than in another.
func try(cfg config.Camera, opts Options) (frames []*frame.Frame, err error) {
	opts.start = inside(openStream, systemClock)
	return tryProcesses(cfg, opts)
}

func tryProcesses(cfg config.Camera, opts Options) (frames []*frame.Frame, err error) {
	opts.Log = quiet
	err = New(cfg, opts).Run(context.Background(), func(f *frame.Frame) error {
		frames = append(frames, f)
		return nil
	})
	return frames, err
}

func epochs(frames []*frame.Frame) (list []string) {
	for _, f := range frames {
		if len(list) == 0 || list[len(list)-1] != f.Epoch {
			list = append(list, f.Epoch)
		}
	}
	return list
}

func sample(t *testing.T, name string) string {
	t.Helper()
	path, err := samples.Path(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// fake is a stream of n pictures of one colour each.
type fake struct {
	n, next int
	closed  *atomic.Int64
}

func (s *fake) Read(img *gocv.Mat) (time.Duration, error) {
	if s.next == s.n {
		return 0, io.EOF
	}
	pixels := make([]byte, 64*48*3)
	for i := range pixels {
		pixels[i] = byte(s.next)
	}
	at := time.Duration(s.next) * s.Step()
	s.next++
	return at, fill(img, pixels, image.Pt(64, 48))
}
func (s *fake) Step() time.Duration { return 100 * time.Millisecond }
func (s *fake) Close() error        { s.closed.Add(1); return nil }

func TestARealVideoGivesTheSameFramesEachTime(t *testing.T) {
	cfg := files(config.Video, sample(t, "vtest.avi"))
	cfg.MaxFPS = 1
	cfg.Start = time.Time{} // the file's modification time
	first := collect(t, cfg, Options{})
	if diff := cmp.Diff(first, collect(t, cfg, Options{})); diff != "" {
		t.Error(diff)
	}
	info, err := os.Stat(cfg.Source.Files[0])
	if err != nil {
		t.Fatal(err)
	}
	// 795 pictures at 10 a second.
	if len(first) != 80 || !first[0].Captured.Equal(info.ModTime().UTC().Truncate(time.Millisecond)) {
		t.Errorf("%d frames from %v", len(first), first[0].Captured)
	}
	for i, f := range first {
		if f.Sequence != int64(i) || f.Captured.Sub(first[0].Captured) != time.Duration(i)*time.Second {
			t.Fatalf("frame %d: sequence %d at %v", i, f.Sequence, f.Captured.Sub(first[0].Captured))
		}
		rec := f.CloudEvent()
		parser, err := frame.NewParser(frame.ParseOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(&rec); err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
	}
}

func TestPixelsAreWhatOpenCVGives(t *testing.T) {
	path := sample(t, "tree.avi")
	v, err := gocv.VideoCaptureFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	img, resized := gocv.NewMat(), gocv.NewMat()
	defer img.Close()
	defer resized.Close()
	native := files(config.Video, path)
	native.Size, native.Encoding = image.Point{}, frame.Raw
	scaled := files(config.Video, path)
	scaled.Size, scaled.Encoding = image.Pt(640, 480), frame.PNG
	big, small := collect(t, scaled, Options{}), collect(t, native, Options{})
	for i := range small {
		if !v.Read(&img) {
			t.Fatalf("%d frames, OpenCV reads %d", len(small), i)
		}
		gocv.Resize(img, &resized, image.Pt(640, 480), 0, 0, gocv.InterpolationCubic)
		png, err := gocv.IMDecode(big[i].Data, gocv.IMReadColor)
		if err != nil {
			t.Fatal(err)
		}
		if string(img.ToBytes()) != string(small[i].Data) || string(resized.ToBytes()) != string(png.ToBytes()) {
			t.Errorf("frame %d differs", i)
		}
		png.Close()
		if s := small[i]; s.Width != 320 || s.Height != 240 || s.Channels != 3 || big[i].Width != 640 || big[i].Channels != 0 {
			t.Fatalf("frame %d: %d x %d x %d", i, s.Width, s.Height, s.Channels)
		}
	}
	if v.Read(&img) {
		t.Error("OpenCV reads more")
	}
}

func TestAFilesEpochFollowsFromContentStartSettingsAndPass(t *testing.T) {
	original := files(config.Video, sample(t, "tree.avi"))
	epoch := epochs(collect(t, original, Options{}))[0]
	if !frame.ValidEpoch(epoch) {
		t.Error(epoch)
	}
	copied := original
	data, err := os.ReadFile(original.Source.Files[0])
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "copy.avi")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	copied.Source.Files = []string{path}
	if got := epochs(collect(t, copied, Options{}))[0]; got != epoch {
		t.Errorf("a copy of the file has epoch %s, not %s", got, epoch)
	}
	for name, change := range map[string]func(*config.Camera, *Options){
		"encoding": func(c *config.Camera, _ *Options) { c.Encoding = frame.PNG },
		"quality":  func(c *config.Camera, _ *Options) { c.Quality = 91 },
		"size":     func(c *config.Camera, _ *Options) { c.Size = image.Pt(65, 48) },
		"rate":     func(c *config.Camera, _ *Options) { c.MaxFPS = 5 },
		"start":    func(c *config.Camera, _ *Options) { c.Start = begin.Add(time.Millisecond) },
		"content":  func(c *config.Camera, _ *Options) { c.Source.Files = []string{sample(t, "Megamind.avi")} },
		"salt":     func(_ *config.Camera, o *Options) { o.Salt = Salt() },
	} {
		c, o := original, Options{}
		change(&c, &o)
		if got := epochs(collect(t, c, o))[0]; got == epoch {
			t.Errorf("another %s has the same epoch", name)
		}
	}
	if Salt() == Salt() { //nolint:staticcheck // each call gives another
		t.Error("salts repeat")
	}
}

func TestFilesFollowEachOtherInEpochsOfTheirOwn(t *testing.T) {
	cfg := files(config.Video, sample(t, "tree.avi"), sample(t, "tree.avi"))
	cfg.Passes = 2
	frames := collect(t, cfg, Options{})
	if len(frames) != 4*68 || len(epochs(frames)) != 4 {
		t.Errorf("%d frames in %d epochs", len(frames), len(epochs(frames)))
	}
	for i := 1; i < len(frames); i++ {
		a, b := frames[i-1], frames[i]
		if !b.Captured.After(a.Captured) || b.Captured.Sub(a.Captured) > 2*time.Second {
			t.Errorf("frame %d at %v after %v", i, b.Captured, a.Captured)
		}
		if b.Epoch == a.Epoch && b.Sequence != a.Sequence+1 || b.Epoch != a.Epoch && b.Sequence != 0 {
			t.Errorf("frame %d: %s after %s", i, b.ID(), a.ID())
		}
	}
}

func TestWhatIsPublishedAlreadyIsLeftOutAndChangesNothingElse(t *testing.T) {
	cfg := files(config.Video, sample(t, "tree.avi"), sample(t, "tree.avi"))
	cfg.Passes, cfg.MaxFPS = 2, 7
	all := collect(t, cfg, Options{})
	names := epochs(all)
	published := map[string]int64{names[0]: 1000, names[1]: 3, "another": 5}
	var want []*frame.Frame
	for _, f := range all {
		if f.Sequence >= published[f.Epoch] {
			want = append(want, f)
		}
	}
	if got := collect(t, cfg, Options{Published: published}); len(want) == len(all) || !cmp.Equal(got, want) {
		t.Errorf("%d frames, want %d of %d", len(got), len(want), len(all))
	}
}

// hanging is a stream that after its pictures answers no more.
type hanging struct {
	fake
	release chan struct{}
}

func (s *hanging) Read(img *gocv.Mat) (time.Duration, error) {
	if s.next == s.n {
		<-s.release
	}
	return s.fake.Read(img)
}

func TestFilesAfterOneThatHangsAreDatedAlikeWhateverOfItIsPublished(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.avi")
	if err := os.WriteFile(bad, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	defer close(release)
	var closed atomic.Int64
	open := func(t *task) (Stream, error) {
		if t.Name == bad {
			return &hanging{fake{n: 3, closed: &closed}, release}, nil
		}
		return openStream(t)
	}
	cfg := files(config.Video, bad, sample(t, "tree.avi"))
	cfg.ReadTimeout = time.Second
	all, err := tryProcesses(cfg, Options{start: inside(open, systemClock)})
	names := epochs(all)
	if err == nil || len(names) != 2 {
		t.Fatalf("%d epochs, %v", len(names), err)
	}
	got, err := tryProcesses(cfg, Options{start: inside(open, systemClock), Published: map[string]int64{names[0]: 1000, names[1]: 5}})
	if want := all[3+5:]; err == nil || !cmp.Equal(got, want) {
		t.Errorf("%d frames of epochs %v, want %d of %v", len(got), epochs(got), len(want), names[1:])
	}
}

func TestALoopOfWhichMaxFPSLeavesNothingOfAPassGoesOn(t *testing.T) {
	cfg := files(config.Scene, "scene:seed=1&size=32x24&frames=5&fps=10")
	cfg.Passes, cfg.MaxFPS = 9, 0.5
	if frames := collect(t, cfg, Options{}); len(epochs(frames)) != 3 { // 4.5 seconds
		t.Errorf("%d frames of epochs %v", len(frames), epochs(frames))
	}
}

func TestAFileThatIsLostWhileItIsLoopedIsToldOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "1.png")
	writePNG(t, path, 5)
	cfg := files(config.Images, path)
	cfg.Passes = 4
	opened := 0
	lost := errors.New("no such file any more")
	open := func(t *task) (Stream, error) {
		if opened++; opened > 2 {
			return nil, lost
		}
		return openStream(t)
	}
	cam := New(cfg, Options{Log: quiet, start: inside(open, systemClock)})
	frames := 0
	err := cam.Run(context.Background(), func(*frame.Frame) error { frames++; return nil })
	if err == nil || strings.Count(err.Error(), lost.Error()) != 1 || frames != 2 {
		t.Errorf("%d frames, %v", frames, err)
	}
}

func TestALoopOfWhichEverythingIsPublishedGoesOn(t *testing.T) {
	cfg := files(config.Video, sample(t, "tree.avi"))
	cfg.Passes = 3
	all := collect(t, cfg, Options{})
	names := epochs(all)
	cfg.Passes = 0
	done := errors.New("done")
	cam := New(cfg, Options{Log: quiet, Published: map[string]int64{names[0]: 1000, names[1]: 1000}})
	err := cam.Run(context.Background(), func(f *frame.Frame) error {
		if f.Epoch != names[2] || f.Sequence != 0 {
			t.Error(f.ID())
		}
		return done
	})
	if err != done || cam.Counters.Published.Load() != 2*68 {
		t.Errorf("%v, %d published", err, cam.Counters.Published.Load())
	}
}

func writePNG(t *testing.T, path string, shade uint8) {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 64, 48))
	for i := range img.Pix {
		img.Pix[i] = shade
	}
	img.SetGray(1, 1, color.Gray{Y: 255 - shade})
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
}

func TestAnUnreadableImageLeavesAGap(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	for i, name := range []string{"1.png", "2.png", "3.png", "4.png"} {
		paths = append(paths, filepath.Join(dir, name))
		writePNG(t, paths[i], uint8(50*i))
	}
	data, err := os.ReadFile(paths[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(paths[1], data[:len(data)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	cam := New(files(config.Images, paths...), Options{Log: quiet})
	var got []int64
	err = cam.Run(context.Background(), func(f *frame.Frame) error {
		if want := begin.Add(time.Duration(f.Sequence) * 100 * time.Millisecond); !f.Captured.Equal(want) {
			t.Errorf("sequence %d at %v, want %v", f.Sequence, f.Captured, want)
		}
		got = append(got, f.Sequence)
		return nil
	})
	if err != nil || !cmp.Equal(got, []int64{0, 2, 3}) || cam.Counters.Unreadable.Load() != 1 {
		t.Errorf("sequences %v, %d unreadable, %v", got, cam.Counters.Unreadable.Load(), err)
	}
}

func TestABrokenFileDoesNotKeepTheOthersFromPlaying(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken.avi")
	if err := os.WriteFile(broken, []byte("no video"), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg := files(config.Video, broken, sample(t, "tree.avi"))
	cfg.Passes = 2
	frames, err := try(cfg, Options{})
	if err == nil || !strings.Contains(err.Error(), "camera yard: video "+broken) || strings.Count(err.Error(), "\n") > 0 {
		t.Error(err)
	}
	if len(frames) != 2*68 {
		t.Errorf("%d frames", len(frames))
	}
	cfg = files(config.Video, broken)
	cfg.Passes = 0 // for ever, but there is nothing to play
	if _, err := try(cfg, Options{}); err == nil {
		t.Error("no error")
	}
}

// live returns a camera whose source is not a file.
func live() config.Camera {
	cfg := files(config.URL, "rtsp://camera.example/")
	cfg.Start = time.Time{}
	return cfg
}

func TestALiveSourceIsOpenedAgainUnderANewEpoch(t *testing.T) {
	var closed atomic.Int64
	opens := 0
	var pauses []time.Duration
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cam := New(live(), Options{Log: quiet,
		start: inside(func(*task) (Stream, error) {
			if opens++; opens == 2 {
				return nil, errors.New("refused")
			}
			return &fake{n: 2, closed: &closed}, nil // few enough that none can be late
		}, systemClock),
		wait: func(ctx context.Context, d time.Duration) error { pauses = append(pauses, d); return ctx.Err() },
	})
	var frames []*frame.Frame
	err := cam.Run(ctx, func(f *frame.Frame) error {
		if frames = append(frames, f); len(epochs(frames)) == 3 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for i, f := range frames {
		if !frame.ValidEpoch(f.Epoch) || time.Since(f.Captured).Abs() > time.Minute {
			t.Errorf("%s at %v", f.ID(), f.Captured)
		}
		if i > 0 && !f.Captured.After(frames[i-1].Captured) {
			t.Errorf("frame %d at %v after %v", i, f.Captured, frames[i-1].Captured)
		}
	}
	if frames[0].Sequence != 0 || cam.Counters.Failures.Load() != 3 {
		t.Errorf("first sequence %d, %d failures", frames[0].Sequence, cam.Counters.Failures.Load())
	}
	// Half a second, doubling, give or take half.
	for i, p := range pauses {
		if want := 500 * time.Millisecond << i; p < want/2 || p > want*3/2 {
			t.Errorf("pause %d is %v, want about %v", i, p, want)
		}
	}
}

func TestALiveSourceDoesNotWaitForASlowMachine(t *testing.T) {
	var closed atomic.Int64
	// The source runs freely; the first frame is held until it has ended.
	stream := &fake{n: 50, closed: &closed}
	ended := make(chan struct{})
	opens := 0
	ctx, cancel := context.WithCancel(context.Background())
	cam := New(live(), Options{Log: quiet,
		start: inside(func(*task) (Stream, error) {
			if opens++; opens == 1 {
				return &tailed{fake: stream, ended: ended}, nil
			}
			return nil, errors.New("gone")
		}, systemClock),
		wait: func(ctx context.Context, _ time.Duration) error { cancel(); return ctx.Err() },
	})
	var got []int64
	err := cam.Run(ctx, func(f *frame.Frame) error {
		if len(got) == 0 {
			<-ended
		}
		got = append(got, f.Sequence)
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	late := cam.Counters.Late.Load()
	if late == 0 || int64(len(got))+late != 50 || got[len(got)-1] != 49 {
		t.Errorf("got sequences %v, %d late", got, late)
	}
}

func TestARealConnectionThatEndsIsOpenedAgain(t *testing.T) {
	dir := filepath.Dir(sample(t, "tree.avi"))
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	cfg := live()
	url := strings.Replace(server.URL, "//", "//user:hunter2@", 1) + "/tree.avi"
	var err error
	if cfg.Source, err = config.ParseSource(url, "", os.LookupEnv); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var said bytes.Buffer
	cam := New(cfg, Options{Log: slog.New(slog.NewTextHandler(&said, nil)), wait: func(ctx context.Context, _ time.Duration) error {
		return ctx.Err()
	}})
	var frames []*frame.Frame
	err = cam.Run(ctx, func(f *frame.Frame) error {
		if frames = append(frames, f); len(epochs(frames)) == 3 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || len(epochs(frames)) != 3 {
		t.Errorf("%d frames in %d epochs, %v", len(frames), len(epochs(frames)), err)
	}
	// How many come through depends on this machine's speed; none is unaccounted for.
	if all := int64(len(frames)) + cam.Counters.Late.Load(); all < 2*68 {
		t.Errorf("%d frames and %d late are not two times 68", len(frames), cam.Counters.Late.Load())
	}
	if strings.Contains(said.String(), "hunter2") || !strings.Contains(said.String(), "camera=yard") {
		t.Error(said.String())
	}
}

// tailed closes ended when the stream has ended.
type tailed struct {
	*fake
	ended chan struct{}
}

func (s *tailed) Read(img *gocv.Mat) (time.Duration, error) {
	at, err := s.fake.Read(img)
	if err == io.EOF {
		close(s.ended)
	}
	return at, err
}

func TestAnErrorOfTheReceiverEndsTheCamera(t *testing.T) {
	full := errors.New("full")
	cam := New(files(config.Video, sample(t, "tree.avi")), Options{Log: quiet})
	if err := cam.Run(context.Background(), func(*frame.Frame) error { return full }); err != full {
		t.Error(err)
	}
}
