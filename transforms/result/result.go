// Package result defines what the analysis of one frame gives, how results
// travel between stages, and how a chunk of them is stored (Parquet) and shown
// (JSON Lines, text).
//
// There is exactly one [Frame] for every offset that the log holds: also for
// what could not be read (the dead letters), for repeats and for late frames.
package result

import (
	"bytes"
	"fmt"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/wire"
)

// Status says what became of a frame.
type Status string

const (
	// OK: analysed.
	OK Status = "ok"
	// Dead: it could not be read; Reason says why.
	Dead Status = "dead"
	// Repeat: a frame with this camera, epoch and sequence came before; not analysed again.
	Repeat Status = "repeat"
	// OutOfOrder: older than what its camera has already shown; not analysed.
	OutOfOrder Status = "out_of_order"
	// Skipped: its camera was not among those that were to be looked at, so nothing is
	// known of it but where it lies.
	Skipped Status = "skipped"
	// Source: no frame, but what happened to the camera's source; see [Frame.DescribeSource].
	Source Status = "source"
	// SourceRepeat: the same was said before.
	SourceRepeat Status = "source_repeat"
)

// OfSource reports whether the row is of what happened to a source, and of no frame.
func (s Status) OfSource() bool { return s == Source || s == SourceRepeat }

// Frame is all that one frame gave. [row] says how it lies in the results files.
type Frame struct {
	Topic     string
	Partition int32
	Offset    int64
	Timestamp int64  // the Kafka record's, in milliseconds since 1970 UTC
	Camera    string // "" when the record belongs to none
	Epoch     string // "" when unknown, as in the JSON format
	Sequence  int64  // -1 when unknown, as in the JSON format
	Captured  int64  // microseconds since 1970 UTC; 0 when unknown
	Width     int32  // pixels, as Height; 0 when unknown
	Height    int32
	Encoding  string // "" when unknown
	Bytes     int64  // size of the record's value
	Status    Status
	Reason    string // a frame.Reason for dead letters; of a source what it came to, a frame.SourceState
	Detail    string // for people
	// Quality is absent for frames that were not decoded.
	Quality    *Quality
	Detections []Detection
	Events     []Event
	// Features describe the picture for search and similarity.
	Features []Feature
	// Config is the digest of the configuration that the camera was analysed
	// with, 16 hex digits; "" for a dead letter that was not looked at.
	Config string
}

// Quality measures a frame's picture as such.
type Quality struct {
	Brightness float64 `parquet:"brightness"` // mean gray, 0 to 255
	Contrast   float64 `parquet:"contrast"`   // standard deviation of gray
	Sharpness  float64 `parquet:"sharpness"`  // variance of the Laplacian
}

// Detection is something found in a frame, in pixels of that frame.
type Detection struct {
	Analysis string  `parquet:"analysis,dict"` // what found it: "motion", "networks/ssd"
	Label    string  `parquet:"label,dict"`
	X        int32   `parquet:"x"`
	Y        int32   `parquet:"y"`
	Width    int32   `parquet:"width"`
	Height   int32   `parquet:"height"`
	Area     float64 `parquet:"area"`  // pixels inside the contour; 0 where there is none
	Score    float64 `parquet:"score"` // confidence 0 to 1; 1 where the method has none
	// Track is the object's id, the same in all its frames and used only once in a
	// partition: the offset of its first frame * 1000 + n. 0: not tracked.
	Track int64 `parquet:"track"`
	// State of a track: "tentative", "confirmed", "lost", "bridged" (not looked for in this frame); "" where there is none.
	State string `parquet:"state,dict"`
}

// Feature describes the picture of a frame, or a part of it.
type Feature struct {
	Analysis string `parquet:"analysis,dict" json:"analysis"`
	// Kind says how Data is to be read and compared; see the analysis.
	Kind string `parquet:"kind,dict" json:"kind"`
	Data []byte `parquet:"data,plain" json:"data"` // base64 in JSON
}

// PerFrame is what the analyses of a frame on its own gave.
type PerFrame struct {
	Quality    *Quality
	Detections []Detection
	Features   []Feature
	// Dropped is how many boxes lay outside of the picture, or had no pixel.
	Dropped int
}

// Of starts the result of a record of a partition; everything else is to be filled in.
func Of(topic string, partition int32, rec *frame.Record) Frame {
	return Frame{
		Topic: topic, Partition: partition, Offset: rec.Offset, Timestamp: rec.Timestamp,
		Camera: rec.Camera(), Sequence: -1, Bytes: int64(len(rec.Value)), Status: OK,
	}
}

// Kill marks the result as a dead letter.
func (f *Frame) Kill(p *frame.Poison) {
	f.Status, f.Reason, f.Detail = Dead, string(p.Reason), p.Detail
}

// Describe copies what is known of the frame itself.
func (f *Frame) Describe(fr *frame.Frame) {
	f.Epoch, f.Sequence, f.Captured = fr.Epoch, fr.Sequence, fr.Captured.UnixMicro()
	f.Width, f.Height, f.Encoding = int32(fr.Width), int32(fr.Height), string(fr.Encoding)
}

// DescribeSource makes it the row of what happened to a source: Reason is the state that it
// came to, Detail why, Captured when; Epoch and Sequence are those of the camera's last frame
// before.
func (f *Frame) DescribeSource(s *frame.SourceChange) {
	f.Status, f.Reason, f.Detail = Source, string(s.State), s.Reason
	f.Epoch, f.Sequence, f.Captured = s.Epoch, s.Sequence, s.At.UnixMicro()
}

// Marshal encodes the result for a shuffle and for keyed state.
func (f *Frame) Marshal() []byte {
	b := make([]byte, 0, 192+48*len(f.Detections))
	b = wire.String(b, f.Topic)
	b = wire.Int(b, int64(f.Partition))
	b = wire.Int(b, f.Offset)
	b = wire.Int(b, f.Timestamp)
	b = wire.String(b, f.Camera)
	b = wire.String(b, f.Epoch)
	b = wire.Int(b, f.Sequence)
	b = wire.Int(b, f.Captured)
	b = wire.Int(b, int64(f.Width))
	b = wire.Int(b, int64(f.Height))
	b = wire.String(b, f.Encoding)
	b = wire.Int(b, f.Bytes)
	b = wire.String(b, string(f.Status))
	b = wire.String(b, f.Reason)
	b = wire.String(b, f.Detail)
	b = appendQuality(b, f.Quality)
	b = appendDetections(b, f.Detections)
	b = wire.Uint(b, uint64(len(f.Events)))
	for i := range f.Events {
		b = f.Events[i].append(b)
	}
	b = wire.Uint(b, uint64(len(f.Features)))
	for _, x := range f.Features {
		b = wire.String(b, x.Analysis)
		b = wire.String(b, x.Kind)
		b = wire.Bytes(b, x.Data)
	}
	return wire.String(b, f.Config)
}

// Unmarshal is the inverse of [Frame.Marshal].
func Unmarshal(b []byte) (Frame, error) {
	r := wire.NewReader(b)
	f := Frame{
		Topic: r.String(), Partition: int32(r.Int()), Offset: r.Int(), Timestamp: r.Int(),
		Camera: r.String(), Epoch: r.String(), Sequence: r.Int(), Captured: r.Int(),
		Width: int32(r.Int()), Height: int32(r.Int()), Encoding: r.String(), Bytes: r.Int(),
		Status: Status(r.String()), Reason: r.String(), Detail: r.String(),
		Quality: readQuality(r), Detections: readDetections(r),
	}
	if n := r.Count(); n > 0 {
		f.Events = make([]Event, n)
		for i := range f.Events {
			f.Events[i].read(r)
		}
	}
	if n := r.Count(); n > 0 {
		f.Features = make([]Feature, n)
		for i := range f.Features {
			f.Features[i] = Feature{r.String(), r.String(), bytes.Clone(r.Bytes())}
		}
	}
	f.Config = r.String()
	if err := r.Close(); err != nil {
		return Frame{}, fmt.Errorf("decode result: %w", err)
	}
	return f, nil
}

func appendQuality(b []byte, q *Quality) []byte {
	b = wire.Bool(b, q != nil)
	if q != nil {
		b = wire.Float(b, q.Brightness)
		b = wire.Float(b, q.Contrast)
		b = wire.Float(b, q.Sharpness)
	}
	return b
}

func readQuality(r *wire.Reader) *Quality {
	if !r.Bool() {
		return nil
	}
	return &Quality{r.Float(), r.Float(), r.Float()}
}

func appendDetections(b []byte, ds []Detection) []byte {
	b = wire.Uint(b, uint64(len(ds)))
	for _, d := range ds {
		b = wire.String(b, d.Analysis)
		b = wire.String(b, d.Label)
		b = wire.Int(b, int64(d.X))
		b = wire.Int(b, int64(d.Y))
		b = wire.Int(b, int64(d.Width))
		b = wire.Int(b, int64(d.Height))
		b = wire.Float(b, d.Area)
		b = wire.Float(b, d.Score)
		b = wire.Int(b, d.Track)
		b = wire.String(b, d.State)
	}
	return b
}

func readDetections(r *wire.Reader) []Detection {
	n := r.Count()
	if n == 0 {
		return nil
	}
	ds := make([]Detection, n)
	for i := range ds {
		ds[i] = Detection{
			Analysis: r.String(), Label: r.String(),
			X: int32(r.Int()), Y: int32(r.Int()), Width: int32(r.Int()), Height: int32(r.Int()),
			Area: r.Float(), Score: r.Float(), Track: r.Int(), State: r.String(),
		}
	}
	return ds
}
