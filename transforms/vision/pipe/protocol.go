// Package pipe asks programs, in any language, what they find in pictures: each is
// given frames on its standard input and answers on its standard output, one by one
// (docs/pipe.md is its side of the matter). The counterpart of Spark's RDD.pipe.
//
// A [Pool] keeps a number of processes of a program, shared by all of this process that
// ask the same one. What a program does wrong (it ends, takes too long, answers
// nonsense) costs it its process, and the question is put to a fresh one.
package pipe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// Version is the protocol's; a program says it when it is ready.
const Version = 1

// Limits of an answer.
const (
	MaxAnswer     = 4 << 20 // bytes of its line
	MaxDetections = 1000
	MaxFeatures   = 16
	MaxFeature    = 64 << 10 // bytes of a feature's data
	MaxName       = 100      // bytes of a label or a feature's kind
)

// Formats of a question's data.
const (
	JPEG = "jpeg"
	PNG  = "png"
	BGR  = "bgr"  // three bytes a pixel: blue, green, red; row by row without padding
	Gray = "gray" // one byte a pixel
)

// Question is a frame that a program is asked about.
type Question struct {
	Format   string
	Width    int // pixels of the picture in Data; answers are in these pixels
	Height   int
	Camera   string
	Captured time.Time
	Data     []byte
}

// header is the line before the data.
func (q *Question) header(number int64) ([]byte, error) {
	b, err := json.Marshal(struct {
		Frame    int64     `json:"frame"`
		Format   string    `json:"format"`
		Width    int       `json:"width"`
		Height   int       `json:"height"`
		Camera   string    `json:"camera"`
		Captured time.Time `json:"captured"`
		Bytes    int       `json:"bytes"`
	}{number, q.Format, q.Width, q.Height, q.Camera, q.Captured.UTC(), len(q.Data)})
	if err != nil {
		return nil, fmt.Errorf("encode a question: %w", err)
	}
	return append(b, '\n'), nil
}

// Answer is what a program found.
type Answer struct {
	Detections []Detection
	Features   []Feature
}

// Detection is a box in pixels of the question, which may have fractions. It may lie
// outside of the picture or be empty: that is for whoever asked.
type Detection struct {
	Label               string
	X, Y, Width, Height float64
	Score               float64 // 0 to 1
	Area                float64 // pixels inside the contour; 0: none
}

// Feature describes the picture; see result.Feature.
type Feature struct {
	Kind string
	Data []byte
}

// unmarshal is strict: an unknown field is more likely a mistake than news.
func unmarshal(line []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if len(bytes.TrimSpace(line[d.InputOffset():])) > 0 {
		return errors.New("something follows the JSON on its line")
	}
	return nil
}

// parseReady reads the first line of a program.
func parseReady(line []byte) error {
	var r struct{ Ready int }
	if err := unmarshal(line, &r); err != nil {
		return fmt.Errorf("its first line is not {\"ready\":%d}: %w", Version, err)
	}
	if r.Ready != Version {
		return fmt.Errorf("it speaks version %d of the protocol, not %d", r.Ready, Version)
	}
	return nil
}

// parseAnswer reads the answer to the question of that number.
func parseAnswer(line []byte, number int64) (*Answer, error) {
	var in struct {
		Frame      *int64
		Error      string
		Detections []struct {
			Label               string
			X, Y, Width, Height *float64
			Score               *float64
			Area                float64
		}
		Features []Feature
	}
	if err := unmarshal(line, &in); err != nil {
		return nil, fmt.Errorf("wrong answer: %w", err)
	}
	wrong := func(format string, args ...any) (*Answer, error) {
		return nil, fmt.Errorf("wrong answer: "+format, args...)
	}
	switch {
	case in.Frame == nil:
		return wrong("it names no frame")
	case *in.Frame != number:
		return wrong("it is about frame %d, asked was %d", *in.Frame, number)
	case in.Error != "":
		return nil, fmt.Errorf("the program says: %.200s", in.Error)
	case len(in.Detections) > MaxDetections:
		return wrong("%d detections are more than %d", len(in.Detections), MaxDetections)
	case len(in.Features) > MaxFeatures:
		return wrong("%d features are more than %d", len(in.Features), MaxFeatures)
	}
	a := &Answer{Features: in.Features}
	for i, d := range in.Detections {
		if d.X == nil || d.Y == nil || d.Width == nil || d.Height == nil {
			return wrong("detection %d has no x, y, width or height", i)
		}
		out := Detection{d.Label, *d.X, *d.Y, *d.Width, *d.Height, 1, d.Area}
		if d.Score != nil {
			out.Score = *d.Score
		}
		switch {
		case !named(d.Label):
			return wrong("the label of detection %d is empty or longer than %d bytes", i, MaxName)
		case !(out.Score >= 0 && out.Score <= 1):
			return wrong("the score of detection %d is %v", i, out.Score)
		case !(out.Area >= 0):
			return wrong("the area of detection %d is %v", i, out.Area)
		}
		a.Detections = append(a.Detections, out)
	}
	for i, f := range a.Features {
		if !named(f.Kind) || len(f.Data) > MaxFeature {
			return wrong("feature %d has no kind, a longer one than %d bytes, or more data than %d", i, MaxName, MaxFeature)
		}
	}
	return a, nil
}

func named(s string) bool { return s != "" && len(s) <= MaxName && utf8.ValidString(s) }
