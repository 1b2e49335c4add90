package steptest

import (
	"time"

	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

// Begin is the capture time of the first frame.
var Begin = time.Date(2024, 5, 1, 8, 0, 0, 0, time.UTC)

// Item is the n-th frame of a camera at the given rate, with raw BGR pixels (or
// gray, if there are as many) and what the per-frame stage found in it.
func Item(n int, fps float64, width, height int, pixels []byte, found ...result.Detection) element.Item {
	f := frame.Frame{
		Camera: "cam", Epoch: "e1", Sequence: int64(n),
		Captured: Begin.Add(time.Duration(float64(n) / fps * float64(time.Second))),
		Width:    width, Height: height, Channels: 3, Encoding: frame.Raw, Data: pixels,
	}
	if len(pixels) == width*height {
		f.Channels = 1
	}
	rec := frame.Record{Offset: 100 + int64(n), Timestamp: f.Captured.UnixMilli(), Key: []byte("cam"), Value: pixels}
	it := element.Item{Result: result.Of("frames", 0, &rec), Frame: f}
	it.Result.Describe(&f)
	it.Result.Detections = found
	return it
}
