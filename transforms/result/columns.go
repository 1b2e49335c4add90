package result

import (
	"time"

	"github.com/parquet-go/parquet-go"
)

// Columns are those of a row that are to be read, a set of the following. What tells which
// row it is and of when is always read: topic, partition, offset, timestamp, camera and
// captured.
type Columns uint

// Columns by what they are needed for.
const (
	OfEpoch      Columns = 1 << iota // epoch, sequence
	OfImage                          // width, height, encoding, bytes
	OfStatus                         // status, reason, detail
	OfQuality                        // quality
	OfDetections                     // detections
	OfEvents                         // events
	OfFeatures                       // features
	OfConfig                         // config
	AllColumns   = OfEpoch | OfImage | OfStatus | OfQuality | OfDetections | OfEvents | OfFeatures | OfConfig
)

// At is when the frame was captured or, if that is not known, when the log took it.
func (f *Frame) At() time.Time { return time.UnixMicro(f.at()) }

func (f *Frame) at() int64 {
	if f.Captured == 0 {
		return 1000 * f.Timestamp
	}
	return f.Captured
}

// leaf is a column of a results file. The tags of [row] say the same, and a test compares.
type leaf struct {
	path string // its names, with points between them
	of   Columns
	kind parquet.Kind
	set  func(f *Frame, item int, v cell)
}

// cell is a value of a column that is not NULL.
type cell struct {
	parquet.Value
	texts map[string]string // of the column: the same text many times is one string
}

func (c cell) text() string {
	b := c.ByteArray()
	s, ok := c.texts[string(b)]
	if !ok {
		s = string(b)
		c.texts[s] = s
	}
	return s
}

const (
	whole32 = parquet.Int32
	whole64 = parquet.Int64
	float   = parquet.Double
	text    = parquet.ByteArray
)

// Those that are always read, in their order: see [File.Each].
const placeLeaves = 6

var leaves = []leaf{
	{"topic", 0, text, func(f *Frame, _ int, v cell) { f.Topic = v.text() }},
	{"partition", 0, whole32, func(f *Frame, _ int, v cell) { f.Partition = v.Int32() }},
	{"offset", 0, whole64, func(f *Frame, _ int, v cell) { f.Offset = v.Int64() }},
	{"timestamp", 0, whole64, func(f *Frame, _ int, v cell) { f.Timestamp = v.Int64() }},
	{"camera", 0, text, func(f *Frame, _ int, v cell) { f.Camera = v.text() }},
	{"captured", 0, whole64, func(f *Frame, _ int, v cell) { f.Captured = v.Int64() }},

	{"epoch", OfEpoch, text, func(f *Frame, _ int, v cell) { f.Epoch = v.text() }},
	{"sequence", OfEpoch, whole64, func(f *Frame, _ int, v cell) { f.Sequence = v.Int64() }},
	{"width", OfImage, whole32, func(f *Frame, _ int, v cell) { f.Width = v.Int32() }},
	{"height", OfImage, whole32, func(f *Frame, _ int, v cell) { f.Height = v.Int32() }},
	{"encoding", OfImage, text, func(f *Frame, _ int, v cell) { f.Encoding = v.text() }},
	{"bytes", OfImage, whole64, func(f *Frame, _ int, v cell) { f.Bytes = v.Int64() }},
	{"status", OfStatus, text, func(f *Frame, _ int, v cell) { f.Status = Status(v.text()) }},
	{"reason", OfStatus, text, func(f *Frame, _ int, v cell) { f.Reason = v.text() }},
	{"detail", OfStatus, text, func(f *Frame, _ int, v cell) { f.Detail = v.text() }},
	{"quality.brightness", OfQuality, float, func(f *Frame, _ int, v cell) { f.quality().Brightness = v.Double() }},
	{"quality.contrast", OfQuality, float, func(f *Frame, _ int, v cell) { f.quality().Contrast = v.Double() }},
	{"quality.sharpness", OfQuality, float, func(f *Frame, _ int, v cell) { f.quality().Sharpness = v.Double() }},

	{"detections.list.element.analysis", OfDetections, text, func(f *Frame, i int, v cell) { item(&f.Detections, i).Analysis = v.text() }},
	{"detections.list.element.label", OfDetections, text, func(f *Frame, i int, v cell) { item(&f.Detections, i).Label = v.text() }},
	{"detections.list.element.x", OfDetections, whole32, func(f *Frame, i int, v cell) { item(&f.Detections, i).X = v.Int32() }},
	{"detections.list.element.y", OfDetections, whole32, func(f *Frame, i int, v cell) { item(&f.Detections, i).Y = v.Int32() }},
	{"detections.list.element.width", OfDetections, whole32, func(f *Frame, i int, v cell) { item(&f.Detections, i).Width = v.Int32() }},
	{"detections.list.element.height", OfDetections, whole32, func(f *Frame, i int, v cell) { item(&f.Detections, i).Height = v.Int32() }},
	{"detections.list.element.area", OfDetections, float, func(f *Frame, i int, v cell) { item(&f.Detections, i).Area = v.Double() }},
	{"detections.list.element.score", OfDetections, float, func(f *Frame, i int, v cell) { item(&f.Detections, i).Score = v.Double() }},
	{"detections.list.element.track", OfDetections, whole64, func(f *Frame, i int, v cell) { item(&f.Detections, i).Track = v.Int64() }},
	{"detections.list.element.state", OfDetections, text, func(f *Frame, i int, v cell) { item(&f.Detections, i).State = v.text() }},

	{"events.list.element.id", OfEvents, text, func(f *Frame, i int, v cell) { item(&f.Events, i).ID = string(v.ByteArray()) }},
	{"events.list.element.analysis", OfEvents, text, func(f *Frame, i int, v cell) { item(&f.Events, i).Analysis = v.text() }},
	{eventTypes, OfEvents, text, func(f *Frame, i int, v cell) { item(&f.Events, i).Type = v.text() }},
	{"events.list.element.rule", OfEvents, text, func(f *Frame, i int, v cell) { item(&f.Events, i).Rule = v.text() }},
	{"events.list.element.transition", OfEvents, text, func(f *Frame, i int, v cell) { item(&f.Events, i).Transition = v.text() }},
	{"events.list.element.track", OfEvents, whole64, func(f *Frame, i int, v cell) { item(&f.Events, i).Track = v.Int64() }},
	{"events.list.element.label", OfEvents, text, func(f *Frame, i int, v cell) { item(&f.Events, i).Label = v.text() }},
	{"events.list.element.value", OfEvents, float, func(f *Frame, i int, v cell) { item(&f.Events, i).Value = Number(v.Double()) }},
	{"events.list.element.snapshot", OfEvents, whole64, func(f *Frame, i int, v cell) { item(&f.Events, i).Snapshot = v.Int64() }},
	{"events.list.element.detail", OfEvents, text, func(f *Frame, i int, v cell) { item(&f.Events, i).Detail = string(v.ByteArray()) }},

	{"features.list.element.analysis", OfFeatures, text, func(f *Frame, i int, v cell) { item(&f.Features, i).Analysis = v.text() }},
	{"features.list.element.kind", OfFeatures, text, func(f *Frame, i int, v cell) { item(&f.Features, i).Kind = v.text() }},
	{"features.list.element.data", OfFeatures, text, func(f *Frame, i int, v cell) { item(&f.Features, i).Data = append([]byte{}, v.ByteArray()...) }},

	{"config", OfConfig, text, func(f *Frame, _ int, v cell) { f.Config = v.text() }},
}

const eventTypes = "events.list.element.type"

func (f *Frame) quality() *Quality {
	if f.Quality == nil {
		f.Quality = &Quality{}
	}
	return f.Quality
}

// item is that of a list, which grows by one if need be.
func item[T any](list *[]T, i int) *T {
	if i == len(*list) {
		var empty T
		*list = append(*list, empty)
	}
	return &(*list)[i]
}
