package frame

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/framebeam/framebeam/transforms/config/timezone"
)

const (
	// DefaultMaxPixels is the most pixels an image may have: 8192 x 8192.
	DefaultMaxPixels int64 = 64 << 20
	// DefaultMaxSide is the longest side an image may have, in pixels.
	DefaultMaxSide = 16384

	// OpenCV refuses to decode more than this (CV_IO_MAX_IMAGE_PIXELS, _WIDTH, _HEIGHT).
	opencvMaxPixels int64 = 1 << 30
	opencvMaxSide         = 1 << 20
)

// ParseOptions are how records are parsed. They are part of the configuration
// on which results depend. The zero value is the default.
type ParseOptions struct {
	// Zone is the IANA name of the time zone in which the JSON format's timestamps
	// are written, as they do not say it. Default "UTC".
	Zone string
	// MaxPixels is the most pixels a frame may have. Default DefaultMaxPixels.
	MaxPixels int64
	// MaxSide is the most pixels a frame may be wide or high. Default DefaultMaxSide.
	MaxSide int
}

// Validate returns every violation, joined.
func (o ParseOptions) Validate() error {
	var errs []error
	if _, err := timezone.Load(o.Zone); err != nil {
		errs = append(errs, err)
	}
	if o.MaxPixels < 0 || o.MaxPixels > opencvMaxPixels {
		errs = append(errs, fmt.Errorf("max pixels %d is not in 1 to %d", o.MaxPixels, opencvMaxPixels))
	}
	if o.MaxSide < 0 || o.MaxSide > opencvMaxSide {
		errs = append(errs, fmt.Errorf("max side %d is not in 1 to %d", o.MaxSide, opencvMaxSide))
	}
	return errors.Join(errs...)
}

// Parser makes frames of records. It is immutable and safe for concurrent use.
type Parser struct {
	zone   *time.Location
	limits limits
}

// NewParser returns a parser, or every violation in o.
func NewParser(o ParseOptions) (*Parser, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("parse options: %w", err)
	}
	p := &Parser{limits: defaultLimits}
	p.zone, _ = timezone.Load(o.Zone)
	if o.MaxPixels > 0 {
		p.limits.pixels = o.MaxPixels
	}
	if o.MaxSide > 0 {
		p.limits.side = o.MaxSide
	}
	return p, nil
}

// Parse makes a frame of a record of either format: with any ce_ header it is a
// CloudEvent, otherwise the original system's JSON.
//
// A frame that Parse returned has been checked as far as that is possible
// without decoding: its size is within the limits, Width and Height are those of
// the image, and the image is complete from its first byte to its end mark.
// Data may alias rec.Value. The error is always a [*Poison], also of a record that is no
// frame but says what happened to a source ([Record.OfSource]).
func (p *Parser) Parse(rec *Record) (Frame, error) {
	f, poison := p.parse(rec)
	if poison != nil {
		return Frame{}, poison
	}
	return f, nil
}

func (p *Parser) parse(rec *Record) (Frame, *Poison) {
	if why, ok := rec.why(); ok {
		return Frame{}, why
	}
	camera, poison := cameraOf(rec)
	if poison != nil {
		return Frame{}, poison
	}
	if isCloudEvent(rec) {
		return p.parseCloudEvent(camera, rec)
	}
	if ct, _ := rec.Header(headerContentType); strings.HasPrefix(ct, "application/cloudevents") {
		return Frame{}, poisonf(ReasonBadVersion, "CloudEvents in structured mode (%.80q) are not read, only in binary mode", ct)
	}
	return p.parseJSON(camera, rec)
}

// cameraOf is the camera of a record that has a value.
func cameraOf(rec *Record) (string, *Poison) {
	camera := rec.Camera()
	switch {
	case camera == "" && len(rec.Key) == 0:
		return "", poisonf(ReasonNoKey, "the record has no key")
	case camera == "":
		return "", poisonf(ReasonBadKey, "the key %.80q is not a camera id", rec.Key)
	case len(rec.Value) == 0:
		return "", poisonf(ReasonEmpty, "the value is empty")
	}
	return camera, nil
}

// maxDetail is the longest Poison.Detail in bytes.
const maxDetail = 200

func poisonf(r Reason, format string, args ...any) *Poison {
	s := fmt.Sprintf(format, args...)
	if len(s) > maxDetail {
		s = s[:maxDetail]
		for !utf8.ValidString(s) {
			s = s[:len(s)-1]
		}
	}
	return &Poison{Reason: r, Detail: s}
}

// Captured times travel as nanoseconds since 1970 in 64 bits, and Kafka knows no
// negative timestamps.
var (
	firstTime = time.Unix(0, 0)
	lastTime  = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
)

func inTime(t time.Time) bool { return !t.Before(firstTime) && t.Before(lastTime) }
