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
	"math"
	"os"
	"time"

	"gocv.io/x/gocv"

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

// EndsEarlyError is the end of a video file that says of itself that it should
// be longer: probably it is damaged.
type EndsEarlyError struct {
	Path        string
	Read, Wants time.Duration
}

func (e *EndsEarlyError) Error() string {
	return fmt.Sprintf("video %s: can be read for %v of about %v only", e.Path, e.Read.Round(time.Second), e.Wants.Round(time.Second))
}

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
		return openLive(src, t.Camera.OpenTimeout)
	}
}

// fallbackStep is the time between two pictures where the source does not know.
const fallbackStep = 40 * time.Millisecond

// video reads through OpenCV's FFmpeg, or, for a device, whatever OpenCV has.
type video struct {
	capture *gocv.VideoCapture
	path    string // "" for live sources
	step    time.Duration
	length  time.Duration // as the file says; 0 if it does not
	read    time.Duration // how far reading has come
	count   int           // of pictures
}

// openVideo opens a video file. Only FFmpeg is asked, so that which frames a
// file gives does not depend on what else OpenCV was built with.
func openVideo(path string) (Stream, error) {
	if f, err := os.Open(path); err != nil { // OpenCV would not say why
		return nil, err
	} else if err := f.Close(); err != nil {
		return nil, err
	}
	c, err := gocv.VideoCaptureFileWithAPI(path, gocv.VideoCaptureFFmpeg)
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("video %s: not a video that OpenCV's FFmpeg can open", path)
	}
	v := newVideo(c)
	v.path = path
	if frames := c.Get(gocv.VideoCaptureFrameCount); frames > 0 && frames < 1e9 {
		v.length = time.Duration(frames * float64(v.step))
	}
	return v, nil
}

// openLive opens a URL or a device; timeout is for the server's first answer.
// The error does not repeat the URL, which may hold a password.
func openLive(src config.Source, timeout time.Duration) (Stream, error) {
	var c *gocv.VideoCapture
	var err error
	if src.Kind == config.Device {
		c, err = gocv.VideoCaptureDevice(src.Device)
	} else {
		if err := answers(src.URL, timeout); err != nil {
			return nil, fmt.Errorf("%s %s: %w", src.Kind, src.Text, err)
		}
		c, err = gocv.VideoCaptureFileWithAPI(src.URL, gocv.VideoCaptureFFmpeg)
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("%s %s: OpenCV cannot open it", src.Kind, src.Text)
	}
	return newVideo(c), nil
}

func newVideo(c *gocv.VideoCapture) *video {
	v := &video{capture: c, step: fallbackStep}
	if fps := c.Get(gocv.VideoCaptureFPS); fps >= 0.01 && fps <= 1000 {
		v.step = time.Duration(float64(time.Second) / fps)
	}
	return v
}

func (v *video) Read(img *gocv.Mat) (time.Duration, error) {
	if !v.capture.Read(img) || img.Empty() {
		// OpenCV does not tell an end from an error. A tenth is allowed for:
		// lengths in headers are estimates.
		if v.path != "" && v.read < v.length-v.length/10 {
			return 0, &EndsEarlyError{Path: v.path, Read: v.read, Wants: v.length}
		}
		return 0, io.EOF
	}
	ms := v.capture.Get(gocv.VideoCapturePosMsec)
	if math.IsNaN(ms) || math.Abs(ms) > 1e12 {
		ms = 0
	}
	stamp := time.Duration(ms * float64(time.Millisecond))
	// Timestamps may fall back: that of a picture which the decoder held until the
	// end is 0.
	v.count++
	v.read = max(v.read, stamp+v.step, time.Duration(v.count)*v.step)
	return stamp, nil
}

func (v *video) Step() time.Duration { return v.step }
func (v *video) Close() error        { return v.capture.Close() }

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
