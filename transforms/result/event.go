package result

import (
	"encoding/json"
	"math"
	"strings"

	"github.com/framebeam/framebeam/transforms/wire"
)

// Types of events, named after ONVIF's topics (ONVIF Analytics Service
// Specification and Imaging Service Specification) where these have one.
const (
	EventLineCrossed   = "LineDetector/Crossed"
	EventObjectsInside = "FieldDetector/ObjectsInside"
	EventLoitering     = "LoiteringDetector/ObjectIsLoitering"
	EventMotion        = "MotionRegionDetector/Motion"
	EventSceneChange   = "GlobalSceneChange"
	EventTooDark       = "ImageTooDark"
	EventTooBright     = "ImageTooBright"
	EventTooBlurry     = "ImageTooBlurry"
	EventSignalLoss    = "SignalLoss"
	EventFrozen        = "ImageFrozen"
	EventCovered       = "ImageCovered"
	EventSceneCut      = "SceneCut"
	EventKeyFrame      = "KeyFrame"
	EventFade          = "FadeToBlack"
	EventMissingRate   = "FramesMissingOften"
	// EventMotionSkipped says that motion could not be looked for in a frame because
	// the frame before it was too large to remember.
	EventMotionSkipped = "MotionSkipped"
)

// Types of events of the sequence stage itself.
const (
	EventEpochStarted  = "EpochStarted"
	EventFramesMissing = "FramesMissing"
	EventSilence       = "Silence"
	// EventEpochForgotten: of so many epochs only the last are remembered. A frame of
	// one that left the memory, published again, would be analysed again.
	EventEpochForgotten = "EpochForgotten"
	// EventCameraUnknown: nothing is remembered of a camera in whose log there was
	// time to forget it. It is new, or its frames, published again, are analysed again.
	EventCameraUnknown = "CameraUnknown"
)

// Types of events that follow from what a collector says of a camera's source. Begin and end
// of the first three: the end stands at the first frame after, its Value is the seconds from
// the begin. Snapshot is the last frame before, where it is known.
const (
	// EventSourceLost: the source cannot be opened, or gives nothing any more.
	EventSourceLost = "SourceLost"
	// EventSourceStopped: the collector was ended, or the camera left its configuration.
	EventSourceStopped = "SourceStopped"
	// EventSourceFailed: the source was given up, or files of it could not be read.
	EventSourceFailed = "SourceFailed"
	// EventSourceEnded: all files of the source have been played.
	EventSourceEnded = "SourceEnded"
)

// EventTypes are all types that events of Framebeam's own analyses and stages have. Other
// programs that analyse may have others.
var EventTypes = []string{
	EventLineCrossed, EventObjectsInside, EventLoitering, EventMotion, EventSceneChange, EventTooDark, EventTooBright, EventTooBlurry,
	EventSignalLoss, EventFrozen, EventCovered, EventSceneCut, EventKeyFrame, EventFade, EventMissingRate, EventMotionSkipped,
	EventEpochStarted, EventFramesMissing, EventSilence, EventEpochForgotten, EventCameraUnknown,
	EventSourceLost, EventSourceStopped, EventSourceFailed, EventSourceEnded,
}

// Transitions of events.
const (
	Begin = "begin"
	Peak  = "peak"
	End   = "end"
	Enter = "enter"
	Leave = "leave"
	// Crowd: as many are inside as count as a crowd.
	Crowd = "crowd"
	// Forward is from the left of a line to its right, Backward from the right to the left.
	Forward  = "forward"
	Backward = "backward"
)

// Event is something that happened at a frame. The tags are its columns in the results
// files and its names in JSON: in JSON Lines, and on the events topic.
type Event struct {
	// ID is the same whenever the same configuration of the analysis finds the
	// same event in the same log, and else another: 32 hex digits.
	ID       string `parquet:"id,plain" json:"id"`
	Analysis string `parquet:"analysis,dict" json:"analysis"`
	// Type is one of the types above.
	Type string `parquet:"type,dict" json:"type"`
	// Rule is the name of what was configured: a zone, a line; "" if there is none.
	Rule string `parquet:"rule,dict" json:"rule"`
	// Transition says what of it happened, in one of the words above; "" if nothing
	// else can.
	Transition string `parquet:"transition,dict" json:"transition"`
	Track      int64  `parquet:"track" json:"track"`      // the object; 0: none
	Label      string `parquet:"label,dict" json:"label"` // the object's class
	Value      Number `parquet:"value" json:"value"`      // what the type says: seconds, a count; 0 otherwise
	// Snapshot is the offset, in this partition, of the frame that shows it best.
	Snapshot int64  `parquet:"snapshot" json:"snapshot"`
	Detail   string `parquet:"detail,plain" json:"detail"` // for people; deterministic
}

// Number is a number that is null in JSON where it is none that JSON can say.
type Number float64

// MarshalJSON writes the number, or null.
func (n Number) MarshalJSON() ([]byte, error) {
	if f := float64(n); math.IsNaN(f) || math.IsInf(f, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON reads a number; null is not a number.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// OfStage is the Analysis of what the sequence stage itself tells.
const OfStage = "sequence"

// OfSource is the Analysis of events that follow from what a collector says of a source.
const OfSource = "source"

// OfAnalysis reports whether an analysis found the event, or the collector told of it, and
// it is not about the stage itself.
func OfAnalysis(e Event) bool { return e.Analysis != OfStage }

// each visits the event's fields in the order of its encoding.
func (e *Event) each(text func(*string), whole func(*int64), number func(*Number)) {
	text(&e.ID)
	text(&e.Analysis)
	text(&e.Type)
	text(&e.Rule)
	text(&e.Transition)
	whole(&e.Track)
	text(&e.Label)
	number(&e.Value)
	whole(&e.Snapshot)
	text(&e.Detail)
}

// append adds the event's encoding to b.
func (e *Event) append(b []byte) []byte {
	e.each(
		func(s *string) { b = wire.String(b, *s) },
		func(n *int64) { b = wire.Int(b, *n) },
		func(x *Number) { b = wire.Float(b, float64(*x)) },
	)
	return b
}

// read is the inverse of append.
func (e *Event) read(r *wire.Reader) {
	e.each(
		func(s *string) { *s = r.String() },
		func(n *int64) { *n = r.Int() },
		func(x *Number) { *x = Number(r.Float()) },
	)
}

// validText replaces bytes that are not UTF-8.
func (e *Event) validText() {
	e.each(func(s *string) { *s = strings.ToValidUTF8(*s, "\uFFFD") }, func(*int64) {}, func(*Number) {})
}
