package historytest

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/cellmap"
	"github.com/framebeam/framebeam/transforms/vision/similarity"
)

// Every so many frames of a camera, or offsets of a partition, something happens.
const (
	visitEvery = 120 // frames of a camera: something comes, and is seen in the first 40 of them
	visitLasts = 40
	epochEvery = 20_000 // frames of a camera
	lossEvery  = 5_000
	deadEvery  = 10_007 // offsets
)

// Names of what the rows tell of.
const (
	Line = "door"  // a line that visits cross in their middle, in turns forward and backward
	Zone = "porch" // a zone that they enter and leave
)

var labels = [...]string{"person", "car", "dog"}

// CameraName is the id of camera i.
func CameraName(i int) string { return fmt.Sprintf("camera-%02d", i) }

// Row is the row of an offset.
func (o Output) Row(partition int32, offset int64) result.Frame {
	o = o.withDefaults()
	p := int64(o.Partitions)
	cameras := (int64(o.Cameras)-int64(partition)-1)/p + 1 // of this partition
	camera := int(partition) + int(offset%cameras)*o.Partitions
	seq := offset / cameras
	frames := o.Offsets(partition)/cameras + 1
	captured := o.Begin.UnixMicro() + int64(float64(o.Span.Microseconds())/float64(frames)*float64(seq)) + int64(camera)*1000
	f := result.Frame{
		Topic: o.Topic, Partition: partition, Offset: offset, Timestamp: captured/1000 + 20, Camera: CameraName(camera),
		Epoch: fmt.Sprintf("%06d", seq/epochEvery), Sequence: seq % epochEvery, Captured: captured,
		Width: 640, Height: 480, Encoding: string(frame.JPEG), Bytes: 40_000 + mix(partition, offset)%20_000, Status: result.OK,
		Config: "c0ffee0000000000",
	}
	if offset%deadEvery == deadEvery-1 {
		f.Epoch, f.Sequence, f.Captured, f.Width, f.Height, f.Encoding, f.Config = "", -1, 0, 0, 0, "", ""
		f.Kill(&frame.Poison{Reason: frame.ReasonTruncated, Detail: "the image ends early"})
		return f
	}
	h := mix(partition, offset)
	f.Quality = &result.Quality{Brightness: 90 + float64(h%1000)/25, Contrast: 40 + float64(h%100)/10, Sharpness: 200 + float64(h%777)}
	if o.Features {
		f.Features = []result.Feature{{Analysis: "perceptual_hash", Kind: similarity.KindHash, Data: binary.LittleEndian.AppendUint64(nil, uint64(h))}}
	}
	if o.Cells {
		cells(&f, seq, camera)
	}
	o.stage(&f, seq)
	if !o.Plain {
		visit(&f, seq, cameras, camera)
	}
	for i := range f.Events {
		var id [16]byte
		binary.BigEndian.PutUint64(id[:], uint64(mix(partition, offset)))
		binary.BigEndian.PutUint64(id[8:], uint64(offset)<<16|uint64(partition&0xff)<<8|uint64(i))
		f.Events[i].ID = hex.EncodeToString(id[:])
	}
	return f
}

// stage adds what the sequence stage itself tells.
func (o Output) stage(f *result.Frame, seq int64) {
	add := func(typ, detail string) {
		f.Events = append(f.Events, result.Event{Analysis: result.OfStage, Type: typ, Snapshot: f.Offset, Detail: detail})
	}
	switch {
	case seq%epochEvery == 0:
		add(result.EventEpochStarted, "epoch "+f.Epoch)
	case seq%lossEvery == lossEvery/2:
		add(result.EventFramesMissing, fmt.Sprintf(result.MissingDetail, 1+seq%7, f.Sequence))
	case seq%lossEvery == lossEvery/3:
		add(result.EventSilence, fmt.Sprintf(result.SilenceDetail, time.Duration(10+seq%50)*time.Second))
	}
}

// visit adds something that comes from the left, crosses the line and a zone, and goes.
func visit(f *result.Frame, seq, cameras int64, camera int) {
	at, number := (seq+int64(camera)*17)%visitEvery, (seq+int64(camera)*17)/visitEvery
	if at >= visitLasts {
		return
	}
	back := number%3 == 0
	step := at
	if back {
		step = visitLasts - 1 - at
	}
	track := max(0, f.Offset-at*cameras)*1000 + 1
	label := labels[number%int64(len(labels))]
	x, y := int32(10+step*14), int32(200+step%5)
	f.Detections = append(f.Detections,
		result.Detection{Analysis: "motion", Label: "motion", X: x - 2, Y: y - 2, Width: 54, Height: 94, Area: 3900.5 + float64(step), Score: 1},
		result.Detection{Analysis: "tracking", Label: label, X: x, Y: y, Width: 50, Height: 90, Score: 0.5 + float64(step)/100, Track: track, State: "confirmed"})
	event := func(analysis, typ, rule, transition string, value float64) {
		f.Events = append(f.Events, result.Event{
			Analysis: analysis, Type: typ, Rule: rule, Transition: transition, Track: track, Label: label, Value: result.Number(value), Snapshot: f.Offset,
		})
	}
	switch at {
	case visitLasts / 4:
		event("zones", result.EventObjectsInside, Zone, result.Enter, 0)
	case visitLasts / 2:
		transition := result.Forward
		if back {
			transition = result.Backward
		}
		event("lines", result.EventLineCrossed, Line, transition, 0)
	case visitLasts * 3 / 4:
		event("zones", result.EventObjectsInside, Zone, result.Leave, float64(visitLasts/2))
	}
}

// cells adds cells of one or two rules that move on from left to right, of cameras with odd
// numbers in a grid that does not fit the picture.
func cells(f *result.Frame, seq int64, camera int) {
	at := (seq + int64(camera)*17) % visitEvery
	if at < 5 || at >= 3*visitLasts/2 {
		return
	}
	g := cellmap.Grid{Columns: 64, Rows: 48, Side: 10}
	if camera%2 == 1 {
		g = cellmap.Grid{Columns: 59, Rows: 44, Side: 11}
	}
	for i, rule := range []string{"activity/near", "activity/far"}[:1+at%2] {
		m := cellmap.Make(g.Columns * g.Rows)
		for y := int(at) % 8; y < g.Rows; y += 7 + 3*i {
			for x := int(at); x < min(int(at)+6-i, g.Columns); x++ {
				m.Mark(y*g.Columns + x)
			}
		}
		f.Features = append(f.Features, result.Feature{Analysis: rule, Kind: g.Kind(), Data: m})
	}
}

// mix is a number that looks random and is not negative.
func mix(partition int32, offset int64) int64 {
	x := uint64(offset)*0x9e3779b97f4a7c15 + uint64(partition)*0xbf58476d1ce4e5b9
	x ^= x >> 31
	x *= 0x94d049bb133111eb
	x ^= x >> 29
	return int64(x >> 1)
}
