// Package capture turns a camera's source into frames: it reads pictures under
// a deadline, resizes, encodes, dates and numbers them.
//
// A file's frames depend on the file and the settings alone: the same file
// published again gives the same bytes under the same names. A live source
// gets a new epoch whenever it is opened, and is opened again for ever.
package capture

import (
	"errors"
	"fmt"
	"image"
	"io"
	"net/url"
	"os"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/ingest/capture/ffmpeg"
	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/testdata/scene"
	"github.com/framebeam/framebeam/transforms/frame"
)

// A Stream gives the pictures of one file, image folder or connection, in
// order. It is used by one goroutine.
type Stream interface {
	// Read stores the next picture in img, 8 bits BGR, and returns its time in
	// the stream, which may jump or repeat. The error is io.EOF at the end, an
	// *UnreadableError for one picture of several that cannot be read, after
	// which reading goes on; any other ends the stream.
	Read(img *gocv.Mat) (time.Duration, error)
	// Step is the nominal time between two pictures.
	Step() time.Duration
	Close() error
}

// UnreadableError says that one picture of a stream cannot be read.
type UnreadableError struct {
	Path string
	Err  error
}

func (e *UnreadableError) Error() string { return fmt.Sprintf("image %s: %v", e.Path, e.Err) }
func (e *UnreadableError) Unwrap() error { return e.Err }

// openStream opens what a task names.
func openStream(t *task) (Stream, error) {
	switch src := t.Camera.Source; src.Kind {
	case config.Video:
		return openVideo(src.Files[0])
	case config.Images:
		return openImages(src.Files, t.Camera.ImageFPS)
	case config.Scene:
		return openScene(src.Scene)
	default:
		if t.Camera.Interval > 0 {
			return openSnapshots(src, t.Camera.Interval, t.Camera.OpenTimeout)
		}
		return openLive(src, t.Camera.OpenTimeout)
	}
}

// fallbackStep is the time between two pictures where the source does not know.
const fallbackStep = 40 * time.Millisecond

// video is a film or a stream that FFmpeg reads.
type video struct {
	*ffmpeg.Film
	path string // "" for live sources
}

func openVideo(path string) (Stream, error) {
	f, err := ffmpeg.Open("file:"+path, "", ffmpeg.FileThreads)
	if err != nil {
		return nil, fmt.Errorf("video %s: %w", path, ofOpening(err, false, true))
	}
	if f.Odd() {
		fmt.Fprintln(os.Stderr, "the film asks to be shown at an angle: its pictures are as they were taken")
	}
	return &video{Film: f, path: path}, nil
}

// ffmpegOptions are FFmpeg's for URLs, unless this environment variable, which is
// also OpenCV's, has others: RTSP over UDP, where a lost packet spoils pictures, only
// from cameras that have nothing else.
const (
	ffmpegOptions    = "rtsp_flags;prefer_tcp"
	ffmpegOptionsEnv = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
)

// openLive opens a URL or a device; timeout is for the server's first answer.
// The error does not repeat the URL, which may hold a password.
func openLive(src config.Source, timeout time.Duration) (Stream, error) {
	if src.Kind == config.Device {
		return openDevice(src)
	}
	if err := answers(src.URL, timeout); err != nil {
		return nil, fmt.Errorf("%s %s: %w", src.Kind, src.Text, err)
	}
	options, ok := os.LookupEnv(ffmpegOptionsEnv)
	if !ok {
		options = ffmpegOptions
	}
	f, err := ffmpeg.Open(src.URL, options, ffmpeg.LiveThreads)
	if err != nil {
		u, bad := url.Parse(src.URL)
		return nil, fmt.Errorf("%s %s: %w", src.Kind, src.Text, ofOpening(err, bad == nil && u.User != nil, false))
	}
	return &video{Film: f}, nil
}

func (v *video) Read(img *gocv.Mat) (time.Duration, error) {
	stamp, err := v.Film.Read(img)
	switch {
	case err == nil:
		return stamp, nil
	case v.path == "" && err == io.EOF && v.Count().Pictures == 1:
		return 0, because(Stopped, "the stream ended after one picture: a URL that gives one picture for each request needs an interval")
	case v.path == "" && err == io.EOF && v.Count().Pictures == 0 && v.Count().Packets > 0:
		return 0, because(Undecodable, "no picture of the stream can be decoded (%s)", v.Codec())
	case v.path == "" && err == io.EOF:
		return 0, io.EOF
	case v.path == "":
		return 0, because(Broken, "the stream %v", err)
	case err != io.EOF:
		return 0, fmt.Errorf("video %s: %w", v.path, err)
	}
	if err := whole(v.Count(), v.Step()); err != nil {
		return 0, fmt.Errorf("video %s: %w", v.path, err)
	}
	return 0, io.EOF
}

// whole says what a film that was read to its end, of nominal step, lacks: part of it
// is damaged, or missing.
func whole(t ffmpeg.Tally, step time.Duration) error {
	switch {
	case t.Pictures == 0:
		return because(Undecodable, "no picture of it can be decoded")
	case t.Broken > 0 && t.Pictures < t.Packets:
		return because(Broken, "%d packets of %d cannot be decoded", t.Broken, t.Packets)
	case t.Exact && t.Packets < t.Expected:
		return because(Broken, "it ends after %d of %d packets", t.Packets, t.Expected)
	case t.Exact:
		return nil
	}
	wants, reached := t.Length, max(t.Reached, time.Duration(t.Packets)*step)
	if t.Expected > 0 {
		wants = time.Duration(t.Expected) * step
	}
	// A tenth is allowed for, since what headers say may be estimates, and a step, since
	// a film may end with pictures that are left out because nothing has changed.
	if reached < wants-wants/10-step {
		return because(Broken, "it can be read for %v of about %v only", reached.Round(time.Second/10), wants.Round(time.Second/10))
	}
	return nil
}

func (v *video) Step() time.Duration {
	if step := v.Film.Step(); step > 0 {
		return step
	}
	return fallbackStep
}

// device is a local camera, read with whatever OpenCV has for it.
type device struct {
	capture *gocv.VideoCapture
	step    time.Duration
}

func openDevice(src config.Source) (Stream, error) {
	c, err := gocv.VideoCaptureDevice(src.Device)
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("%s %s: %w", src.Kind, src.Text, ofDevice(src.Device))
	}
	d := &device{capture: c, step: fallbackStep}
	if fps := c.Get(gocv.VideoCaptureFPS); fps >= 0.01 && fps <= 1000 {
		d.step = time.Duration(float64(time.Second) / fps)
	}
	return d, nil
}

// ofDevice explains why a device cannot be opened.
func ofDevice(index int) *Trouble {
	path := fmt.Sprintf("/dev/video%d", index)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		f.Close()
	}
	switch {
	case errors.Is(err, os.ErrNotExist):
		return because(Missing, "OpenCV cannot open it: there is no %s; check that the camera is plugged in", path)
	case errors.Is(err, os.ErrPermission):
		return because(Missing, "OpenCV cannot open it: %v; the user may have to be of the group video", err)
	case err != nil:
		return because(Missing, "OpenCV cannot open it: %v", err)
	}
	return because(Unknown, "OpenCV cannot open it: another program may use it")
}

// Read gives no time: a device's pictures are dated when they come.
func (d *device) Read(img *gocv.Mat) (time.Duration, error) {
	if !d.capture.Read(img) || img.Empty() {
		return 0, io.EOF
	}
	return 0, nil
}

func (d *device) Step() time.Duration { return d.step }
func (d *device) Close() error        { return d.capture.Close() }

// images reads image files, one picture each.
type images struct {
	files []string
	step  time.Duration
	next  int
}

func openImages(files []string, fps float64) (Stream, error) {
	return &images{files: files, step: time.Duration(float64(time.Second) / fps)}, nil
}

func (s *images) Read(img *gocv.Mat) (time.Duration, error) {
	if s.next == len(s.files) {
		return 0, io.EOF
	}
	path, at := s.files[s.next], time.Duration(s.next)*s.step
	s.next++
	if err := readImage(path, img); err != nil {
		return at, &UnreadableError{Path: path, Err: err}
	}
	return at, nil
}

func (s *images) Step() time.Duration { return s.step }
func (s *images) Close() error        { return nil }

// maxImageFile is the largest image file that is read, in bytes.
const maxImageFile = 256 << 20

func readImage(path string, img *gocv.Mat) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() > maxImageFile {
		return fmt.Errorf("%d bytes are more than %d", info.Size(), maxImageFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return decodeImage(data, img)
}

func decodeImage(data []byte, img *gocv.Mat) error {
	if _, _, _, err := frame.CheckImage(data); err != nil {
		return err
	}
	decoded, err := gocv.IMDecode(data, gocv.IMReadColor)
	if err != nil {
		return err
	}
	if decoded.Empty() {
		decoded.Close()
		return errors.New("OpenCV cannot decode it")
	}
	img.Close()
	*img = decoded
	return nil
}

// errDropped is the error of a frame that a scene is told to lose.
var errDropped = errors.New("dropped, as its description says")

// generated renders a scene.
type generated struct {
	scene *scene.Scene
	next  int
}

func openScene(text string) (Stream, error) {
	s, err := scene.Parse(text)
	if err != nil {
		return nil, err
	}
	return &generated{scene: s}, nil
}

func (g *generated) Read(img *gocv.Mat) (time.Duration, error) {
	if g.next == g.scene.Frames() {
		return 0, io.EOF
	}
	i, at := g.next, time.Duration(g.next)*g.Step()
	bgr, truth := g.scene.Frame(i)
	g.next++
	if truth.Dropped {
		return at, &UnreadableError{Path: fmt.Sprintf("%d of the scene", i), Err: errDropped}
	}
	return at, fill(img, bgr, g.scene.Size())
}

// fill copies packed BGR pixels into img.
func fill(img *gocv.Mat, bgr []byte, size image.Point) error {
	if img.Rows() != size.Y || img.Cols() != size.X {
		img.Close()
		*img = gocv.NewMatWithSize(size.Y, size.X, gocv.MatTypeCV8UC3)
	}
	pixels, err := img.DataPtrUint8()
	if err != nil {
		return err
	}
	if n := copy(pixels, bgr); n != len(pixels) || n != len(bgr) {
		return fmt.Errorf("%d bytes are not a picture of %v", len(bgr), size)
	}
	return nil
}

func (g *generated) Step() time.Duration {
	return time.Duration(float64(time.Second) / g.scene.FPS())
}
func (g *generated) Close() error { return nil }
