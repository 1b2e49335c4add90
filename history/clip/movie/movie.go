// Package movie writes films with FFmpeg's libraries: MP4 with H.264 that a browser plays,
// and GIF. Every picture has its own time. Equal pictures and times give equal bytes, with
// the same libraries on the same kind of processor.
package movie

/*
#cgo pkg-config: libavformat libavcodec libavutil libswscale
#cgo CFLAGS: -O2
#include <stdlib.h>
#include "movie.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"gocv.io/x/gocv"
)

// ErrNoEncoder says that no H.264 encoder is to be had.
var ErrNoEncoder = errors.New("FFmpeg's libraries on this machine have no H.264 encoder (libx264, libopenh264), which an MP4 needs; " +
	"a GIF and images need none")

// Formats of films.
const (
	MP4 = "mp4"
	GIF = "gif"
)

// h264 are the encoders that may be there, the best first.
var h264 = []string{"libx264", "libopenh264"}

// Check is [ErrNoEncoder] where films of a format cannot be made.
func Check(format string) error {
	_, err := encoder(format, h264)
	return err
}

func encoder(format string, names []string) (string, error) {
	if format == GIF {
		return GIF, nil
	}
	for _, name := range names {
		c := C.CString(name)
		has := C.fb_movie_has(c) != 0
		C.free(unsafe.Pointer(c))
		if has {
			return name, nil
		}
	}
	return "", ErrNoEncoder
}

// Movie is a film that is being written. It is used by one goroutine.
type Movie struct {
	p             *C.fb_movie
	width, height int
	last          time.Duration
	any           bool
}

// Create begins a film in a file of this machine, which is replaced. Its pictures are
// width x height pixels, which must be even for an MP4. rate is about how many there are a
// second, which an encoder wants to know; their own times count.
func Create(path, format string, width, height int, rate float64) (*Movie, error) {
	name, err := encoder(format, h264)
	if err != nil {
		return nil, err
	}
	if width < 2 || height < 2 || format == MP4 && (width%2 != 0 || height%2 != 0) {
		return nil, fmt.Errorf("a film of %d x %d pixels: width and height must be even", width, height)
	}
	m := &Movie{width: width, height: height}
	var msg [400]C.char
	cpath, cname := C.CString("file:"+path), C.CString(name)
	defer C.free(unsafe.Pointer(cpath))
	defer C.free(unsafe.Pointer(cname))
	if C.fb_movie_open(&m.p, cpath, cname, C.int(width), C.int(height), C.double(rate), &msg[0], C.size_t(len(msg))) == 0 {
		return nil, fmt.Errorf("film %s %w", path, said(&msg[0]))
	}
	return m, nil
}

// Add adds an 8-bit BGR picture that is shown from a time on, which must be later than
// that of the one before. One that stands for itself (key) can be jumped to.
func (m *Movie) Add(bgr gocv.Mat, at time.Duration, key bool) error {
	if bgr.Type() != gocv.MatTypeCV8UC3 || bgr.Cols() != m.width || bgr.Rows() != m.height {
		return fmt.Errorf("a film of %d x %d: a picture of %d x %d", m.width, m.height, bgr.Cols(), bgr.Rows())
	}
	if m.any && at <= m.last {
		return fmt.Errorf("a film's picture at %v comes after the one at %v", at, m.last)
	}
	pixels, err := bgr.DataPtrUint8()
	if err != nil {
		return fmt.Errorf("picture: %w", err)
	}
	var msg [400]C.char
	if C.fb_movie_add(m.p, (*C.uint8_t)(unsafe.SliceData(pixels)), C.size_t(bgr.Step()), C.int64_t(at.Microseconds()),
		truth(key), &msg[0], C.size_t(len(msg))) == 0 {
		return fmt.Errorf("film: a picture %w", said(&msg[0]))
	}
	m.last, m.any = at, true
	return nil
}

// Finish ends the file. The last picture is shown until a time.
func (m *Movie) Finish(until time.Duration) error {
	var msg [400]C.char
	if C.fb_movie_finish(m.p, C.int64_t(until.Microseconds()), &msg[0], C.size_t(len(msg))) == 0 {
		return fmt.Errorf("film %w", said(&msg[0]))
	}
	return nil
}

// said is what FFmpeg has said of a failure; a full disk is [syscall.ENOSPC].
func said(msg *C.char) error {
	text := C.GoString(msg)
	if what, full := strings.CutSuffix(text, ": No space left on device"); full {
		return fmt.Errorf("%s: %w", what, syscall.ENOSPC)
	}
	return errors.New(text)
}

// Close frees what the film holds, finished or not.
func (m *Movie) Close() {
	C.fb_movie_close(m.p)
	m.p = nil
}

func truth(b bool) C.int {
	if b {
		return 1
	}
	return 0
}
