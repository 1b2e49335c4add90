package pixels

/*
#cgo pkg-config: opencv4
#cgo CXXFLAGS: -std=c++11 -O3
#include "opencv.h"
*/
import "C"

import (
	"runtime"
	"sync"
	"unsafe"

	"gocv.io/x/gocv"
)

// gocv 0.31 has no setNumThreads, does not catch exceptions, and copies the
// image before decoding it: hence the few lines of C++ beside this file.

var singleThreaded sync.Once

// SingleThreaded makes OpenCV compute everything in the calling thread, for the
// whole process: some of its functions split an image by the number of threads,
// and results must not depend on that. Engines and runs bring the parallelism.
// Call it in every DoFn's Setup and before any other use of OpenCV.
func SingleThreaded() { singleThreaded.Do(func() { C.fb_single_threaded() }) }

func threads() int { return int(C.fb_threads()) }

// Version is OpenCV's, such as "4.6.0".
func Version() string { return gocv.OpenCVVersion() }

// Build names all that the pixels' last bits may depend on: OpenCV's version,
// the CPU architecture, and the instruction sets OpenCV was built for ("*" marks
// those chosen at run time, "?" those that this CPU lacks).
func Build() string {
	var b [512]C.char
	C.fb_cpu_features(&b[0], C.size_t(len(b)))
	return "OpenCV " + Version() + " " + runtime.GOARCH + " " + C.GoString(&b[0])
}

// decode decodes a JPEG or PNG into dst, which is empty afterwards when OpenCV
// says that it is neither. msg is what OpenCV threw, if anything.
func decode(data []byte, png, gray bool, width, height int, dst *gocv.Mat) (msg string, ok bool) {
	var b [256]C.char
	ok = C.fb_decode(unsafe.Pointer(unsafe.SliceData(data)), C.size_t(len(data)), truth(png), truth(gray),
		C.int(width), C.int(height), unsafe.Pointer(dst.Ptr()), &b[0], C.size_t(len(b))) == 1
	return C.GoString(&b[0]), ok
}

// raw copies or converts data, whose length was checked, into dst.
func raw(data []byte, channels int, gray bool, width, height int, dst *gocv.Mat) (msg string, ok bool) {
	var b [256]C.char
	ok = C.fb_raw(unsafe.Pointer(unsafe.SliceData(data)), C.int(channels), truth(gray),
		C.int(width), C.int(height), unsafe.Pointer(dst.Ptr()), &b[0], C.size_t(len(b))) == 1
	return C.GoString(&b[0]), ok
}

func truth(b bool) C.int {
	if b {
		return 1
	}
	return 0
}
