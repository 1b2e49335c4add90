// Package frame defines a frame of a camera, the two formats in which it lies on Kafka
// (CloudEvents, and the original system's JSON), and checks of its image's header that
// need no decoder.
//
// A [Record] is what Kafka holds; a [Parser] makes a [Frame] of it or says why it
// cannot ([Poison]). The bytes in Frame.Data are those the collector encoded:
// nobody re-encodes them.
package frame

import (
	"fmt"
	"time"
)

// Encoding says how Frame.Data holds the pixels.
type Encoding string

const (
	// JPEG is a baseline or progressive JPEG.
	JPEG Encoding = "image/jpeg"
	// PNG is lossless.
	PNG Encoding = "image/png"
	// Raw is rows x cols x channels bytes without padding, in OpenCV's order
	// (BGR for three channels, gray for one).
	Raw Encoding = "application/x-raw-bgr"
)

// Frame is one picture of one camera.
type Frame struct {
	Camera   string    // id, see ValidCamera
	Epoch    string    // the unbroken stretch of the camera it belongs to; "" from the JSON format
	Sequence int64     // its number in the epoch, from 0; -1 from the JSON format, which has none
	Captured time.Time // capture time, UTC
	Width    int       // pixels
	Height   int       // pixels
	Channels int       // of Raw data: 1 or 3; otherwise 0 (the image says)
	Encoding Encoding
	Data     []byte
}

// ID names the frame for ever: camera/epoch/sequence.
func (f *Frame) ID() string { return fmt.Sprintf("%s/%s/%d", f.Camera, f.Epoch, f.Sequence) }

// Reason says why a record cannot be analysed. Reasons are part of the results
// and never change their meaning.
type Reason string

const (
	ReasonNoKey      Reason = "no_key"         // the record has no key, so it belongs to no camera
	ReasonBadKey     Reason = "bad_key"        // the key is not a valid camera id
	ReasonEmpty      Reason = "empty"          // the value is empty or null
	ReasonBadHeader  Reason = "bad_header"     // a required attribute is missing or malformed
	ReasonBadVersion Reason = "bad_version"    // unknown CloudEvents version or event type
	ReasonBadJSON    Reason = "bad_json"       // the JSON format cannot be parsed
	ReasonBadSize    Reason = "bad_size"       // rows x cols x type disagree with the data, or with the image
	ReasonTooLarge   Reason = "too_large"      // more pixels than MaxPixels, a longer side than MaxSide, or more scans than a picture of its size can mean
	ReasonNotImage   Reason = "not_an_image"   // neither JPEG nor PNG by its first bytes, or not decodable
	ReasonTruncated  Reason = "truncated"      // the image ends early
	ReasonCamera     Reason = "camera_differs" // key and content name different cameras
	// Of a whole batch of records (see package batch), each of which is lost:
	ReasonBatchTooLarge Reason = "batch_too_large" // it inflates to more than a reader takes
	ReasonBatchCorrupt  Reason = "batch_corrupt"   // it does not match its checksum, or is not made of records
	// ReasonAnalysisFailed is not the record's fault: a network gave what is not a
	// number, or a program of the user's (pipes) no answer, however often it was asked.
	// From a program another run may get one: of all results these alone are not
	// reproducible.
	ReasonAnalysisFailed Reason = "analysis_failed"
)

// Reasons are all that there are.
var Reasons = []Reason{
	ReasonNoKey, ReasonBadKey, ReasonEmpty, ReasonBadHeader, ReasonBadVersion, ReasonBadJSON, ReasonBadSize, ReasonTooLarge,
	ReasonNotImage, ReasonTruncated, ReasonCamera, ReasonBatchTooLarge, ReasonBatchCorrupt, ReasonAnalysisFailed,
}

// Poison is the error for a record that cannot be analysed: data, not a fault
// of the system. It costs one dead letter and never the job.
type Poison struct {
	Reason Reason
	Detail string // for people; deterministic, at most 200 bytes
}

func (p *Poison) Error() string { return string(p.Reason) + ": " + p.Detail }

// MaxCamera is the longest camera id in bytes.
const MaxCamera = 128

// ValidCamera reports whether id is a camera id: 1 to 128 of A-Z a-z 0-9 . _ -,
// but neither "." nor "..", so that it may become a part of a path.
func ValidCamera(id string) bool { return validToken(id, MaxCamera) }

// MaxTopic is Kafka's limit for the length of a topic's name.
const MaxTopic = 249

// CheckTopic refuses what is not the name of a Kafka topic, before it is sent
// anywhere or becomes a part of a path.
func CheckTopic(topic string) error {
	if !validToken(topic, MaxTopic) {
		return fmt.Errorf("topic %q: a topic's name is 1 to %d of A-Z a-z 0-9 . _ -, and neither . nor ..", topic, MaxTopic) //nolint:staticcheck // that is the name
	}
	return nil
}

func validToken(s string, longest int) bool {
	if s == "" || len(s) > longest || s == "." || s == ".." {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
