// Package ffmpeg reads films and network cameras with FFmpeg's libraries, the ones
// that OpenCV itself is built on, because OpenCV hides what matters: it converts
// every picture as if it had the size and the pixel format of the first, which reads
// beyond its memory where that is not so, gives up where a film has sound for a
// while and no pictures, or one packet is damaged, cannot tell an end from an error,
// and turns pictures the wrong way. The pixels of a whole film and their times are
// OpenCV's, bit for bit.
package ffmpeg

/*
#cgo pkg-config: libavformat libavcodec libavutil libswscale opencv4
#cgo CFLAGS: -O2
#cgo CXXFLAGS: -std=c++11
#include <stdlib.h>
#include "film.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"time"
	"unsafe"

	"gocv.io/x/gocv"
)

// Film is an open film or stream. It is used by one goroutine.
type Film struct {
	p    *C.fb_film
	step time.Duration
	turn Turn
	odd  bool

	codec string
	size  image.Point

	decoded gocv.Mat // before it is turned
	between gocv.Mat
}

// Threads of a decoder. Each keeps a picture of its own, by which it is late, so live
// streams have few. Files have OpenCV's number, which their last pictures' times
// depend on.
var (
	FileThreads = min(int(C.fb_cpus()), 16)
	LiveThreads = min(FileThreads, 4)
)

// Open opens a file or URL. options are FFmpeg's, as key;value|key;value. The error is
// an *[OpenError], which says why, without the name.
func Open(url, options string, threads int) (*Film, error) {
	curl, coptions := C.CString(url), C.CString(options)
	defer C.free(unsafe.Pointer(curl))
	defer C.free(unsafe.Pointer(coptions))
	var msg [400]C.char
	var about C.fb_about
	var failure C.fb_failure
	f := &Film{}
	if C.fb_open(&f.p, curl, coptions, C.int(threads), &about, &failure, &msg[0], C.size_t(len(msg))) == 0 {
		return nil, &OpenError{
			Step: Step(failure.step), Code: int(failure.code), Codec: C.GoString(&failure.codec[0]), Said: C.GoString(&failure.said[0]),
			text: C.GoString(&msg[0]),
		}
	}
	f.codec, f.size = C.GoString(&about.codec[0]), image.Pt(int(about.width), int(about.height))
	if fps := 1 / float64(about.step); about.step > 0 && fps >= 0.01 && fps <= 1000 {
		f.step = time.Duration(float64(time.Second) / fps)
	}
	t := about.turn
	f.turn, f.odd = turnOf([4]int32{int32(t[0]), int32(t[1]), int32(t[2]), int32(t[3])})
	f.decoded, f.between = gocv.NewMat(), gocv.NewMat()
	if f.turn.Transpose {
		f.size = image.Pt(f.size.Y, f.size.X)
	}
	return f, nil
}

// Step is the nominal time between two pictures, 0 if it is not known.
func (f *Film) Step() time.Duration { return f.step }

// Codec is FFmpeg's name of the format of its pictures, "" if that is not known.
func (f *Film) Codec() string { return f.codec }

// Size is that of its pictures as Read gives them, as far as the header says; zero if
// it does not.
func (f *Film) Size() image.Point { return f.size }

// Odd reports whether the film asks to be shown at an angle, or sheared: its pictures
// are then as they were taken.
func (f *Film) Odd() bool { return f.odd }

// Read stores the next picture in img, as players show it, and returns its time in
// the stream. The error is io.EOF at the end.
func (f *Film) Read(img *gocv.Mat) (time.Duration, error) {
	var msg [400]C.char
	var p C.fb_picture
	switch C.fb_read(f.p, &p, &msg[0], C.size_t(len(msg))) {
	case 0:
		return 0, io.EOF
	case -1:
		return 0, errors.New(C.GoString(&msg[0]))
	}
	to := img
	if f.turn != (Turn{}) {
		to = &f.decoded
	}
	if w, h := int(p.width), int(p.height); to.Cols() != w || to.Rows() != h || to.Type() != gocv.MatTypeCV8UC3 {
		to.Close()
		*to = gocv.NewMatWithSize(h, w, gocv.MatTypeCV8UC3)
	}
	pixels, err := to.DataPtrUint8()
	if err != nil {
		return 0, fmt.Errorf("picture: %w", err)
	}
	C.fb_copy(f.p, (*C.uint8_t)(unsafe.SliceData(pixels)), C.size_t(to.Step()))
	f.turn.apply(f.decoded, &f.between, img)
	ms := float64(p.stamp)
	if math.IsNaN(ms) || math.Abs(ms) > 1e12 {
		ms = 0
	}
	return time.Duration(ms * float64(time.Millisecond)), nil
}

// Tally says how much of a film was read.
type Tally struct {
	Pictures int64
	Packets  int64         // of the video
	Expected int64         // packets, as the header or the index says; 0: not known
	Exact    bool          // Expected comes from a complete index
	Broken   int64         // packets that could not be decoded, after the first picture
	Reached  time.Duration // by any stream, also the sound
	Length   time.Duration // as the header says; 0: not known
}

// Count says how much of the film has been read.
func (f *Film) Count() Tally {
	var t C.fb_tally
	C.fb_count(f.p, &t)
	seconds := func(s C.double) time.Duration { return time.Duration(float64(s) * float64(time.Second)) }
	return Tally{
		Pictures: int64(t.pictures), Packets: int64(t.packets), Expected: int64(t.expected), Exact: t.exact != 0, Broken: int64(t.broken),
		Reached: seconds(t.reached), Length: seconds(t.length),
	}
}

// Close closes the film.
func (f *Film) Close() error {
	C.fb_close(f.p)
	f.p = nil
	return errors.Join(f.decoded.Close(), f.between.Close())
}
