package result

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// timeLayout is RFC 3339 with microseconds: fixed width, so that lines sort.
const timeLayout = "2006-01-02T15:04:05.000000Z07:00"

// WriteJSONL writes one JSON object per row and line. Fields have the names and
// the order of the columns of the results files; times are RFC 3339 in UTC. What is
// unknown is null, as are numbers that JSON cannot say.
func WriteJSONL(w io.Writer, rows []Frame) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for i := range rows {
		if err := enc.Encode(toJSON(&rows[i])); err != nil {
			return fmt.Errorf("write results as JSON lines: %w", err)
		}
	}
	return nil
}

type jsonFrame struct {
	Topic      string          `json:"topic"`
	Partition  int32           `json:"partition"`
	Offset     int64           `json:"offset"`
	Timestamp  string          `json:"timestamp"`
	Camera     *string         `json:"camera"`
	Epoch      *string         `json:"epoch"`
	Sequence   *int64          `json:"sequence"`
	Captured   *string         `json:"captured"`
	Width      *int32          `json:"width"`
	Height     *int32          `json:"height"`
	Encoding   *string         `json:"encoding"`
	Bytes      int64           `json:"bytes"`
	Status     Status          `json:"status"`
	Reason     string          `json:"reason"`
	Detail     string          `json:"detail"`
	Quality    *jsonQuality    `json:"quality"`
	Detections []jsonDetection `json:"detections"`
	Events     []Event         `json:"events"`
	Features   []Feature       `json:"features"`
	Config     string          `json:"config"`
}

type jsonQuality struct {
	Brightness Number `json:"brightness"`
	Contrast   Number `json:"contrast"`
	Sharpness  Number `json:"sharpness"`
}

type jsonDetection struct {
	Analysis string `json:"analysis"`
	Label    string `json:"label"`
	X        int32  `json:"x"`
	Y        int32  `json:"y"`
	Width    int32  `json:"width"`
	Height   int32  `json:"height"`
	Area     Number `json:"area"`
	Score    Number `json:"score"`
	Track    int64  `json:"track"`
	State    string `json:"state"`
}

// Known is nil for what stands for unknown.
func Known[T comparable](v, unknown T) *T {
	if v == unknown {
		return nil
	}
	return &v
}

func toJSON(f *Frame) jsonFrame {
	j := jsonFrame{
		Topic: f.Topic, Partition: f.Partition, Offset: f.Offset,
		Timestamp: time.UnixMilli(f.Timestamp).UTC().Format(timeLayout),
		Camera:    Known(f.Camera, ""), Epoch: Known(f.Epoch, ""), Sequence: Known(f.Sequence, unknownSequence),
		Width: Known(f.Width, 0), Height: Known(f.Height, 0), Encoding: Known(f.Encoding, ""), Bytes: f.Bytes,
		Status: f.Status, Reason: f.Reason, Detail: f.Detail,
		Detections: make([]jsonDetection, 0, len(f.Detections)),
		Events:     append([]Event{}, f.Events...),
		Features:   append([]Feature{}, f.Features...),
		Config:     f.Config,
	}
	if f.Captured != 0 {
		t := time.UnixMicro(f.Captured).UTC().Format(timeLayout)
		j.Captured = &t
	}
	if q := f.Quality; q != nil {
		j.Quality = &jsonQuality{Number(q.Brightness), Number(q.Contrast), Number(q.Sharpness)}
	}
	for _, d := range f.Detections {
		j.Detections = append(j.Detections, jsonDetection{d.Analysis, d.Label, d.X, d.Y, d.Width, d.Height, Number(d.Area), Number(d.Score), d.Track, d.State})
	}
	return j
}
