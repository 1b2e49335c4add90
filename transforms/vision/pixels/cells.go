package pixels

/*
#include "opencv.h"
*/
import "C"

import "unsafe"

// CellMeans gives the mean of each square of size x size pixels of a gray picture of
// that width, row by row, those at the right and lower edge smaller: times scale (at
// most 256), rounded. Its sums are of integers, so it is the same on every machine.
func CellMeans(means []uint16, pixels []byte, width, size, scale int) {
	height := len(pixels) / width
	if n := ((width + size - 1) / size) * ((height + size - 1) / size); len(means) != n || len(pixels) != width*height || n == 0 {
		panic("pixels: cells of another picture") // C++ would write beyond them
	}
	C.fb_cell_means((*C.uint8_t)(unsafe.SliceData(pixels)), C.int(width), C.int(height), C.int(size), C.int(scale),
		(*C.uint16_t)(unsafe.SliceData(means)))
}
