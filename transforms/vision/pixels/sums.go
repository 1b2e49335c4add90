package pixels

/*
#include "opencv.h"
*/
import "C"

import (
	"errors"
	"unsafe"

	"gocv.io/x/gocv"
)

// Sums are exact sums over the pixels of a gray picture.
type Sums struct {
	Pixels           int64
	Gray             int64
	GraySquares      int64
	Laplacian        int64
	LaplacianSquares int64
}

// SumsOf adds up an 8-bit gray picture and its Laplacian (the 3x3 kernel
// 0 1 0 / 1 -4 1 / 0 1 0, the picture mirrored at its edges, as OpenCV's
// Laplacian with aperture 1) in one pass over the pixels. In integers, so the
// sums are the same on every machine.
func SumsOf(gray gocv.Mat) (Sums, error) {
	var s [4]C.int64_t
	if C.fb_sums(unsafe.Pointer(gray.Ptr()), &s[0]) == 0 {
		return Sums{}, errors.New("sums: not an 8-bit gray picture")
	}
	return Sums{int64(gray.Total()), int64(s[0]), int64(s[1]), int64(s[2]), int64(s[3])}, nil
}
