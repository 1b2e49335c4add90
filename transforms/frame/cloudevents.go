package frame

import (
	"strconv"
	"strings"
	"time"
)

// A frame as a CloudEvent 1.0 in Kafka's binary mode: the record's value is the
// image, its key the camera, and the attributes are headers.
const (
	// EventType is the CloudEvents type of a frame; a format that is not
	// compatible gets another one.
	EventType = "com.framebeam.frame.v1"

	specVersion = "1.0"

	headerPrefix      = "ce_"
	headerSpecVersion = "ce_specversion"
	headerID          = "ce_id"
	headerSource      = "ce_source"
	headerType        = "ce_type"
	headerTime        = "ce_time"
	headerSequence    = "ce_sequence"
	headerEpoch       = "ce_epoch"
	headerContentType = "content-type"
	headerWidth       = "width"
	headerHeight      = "height"
	headerChannels    = "channels" // of raw frames only
)

// MaxEpoch is the longest epoch in bytes.
const MaxEpoch = 128

// maxSequence is the highest sequence number: the number after it still fits.
const maxSequence = 1<<63 - 2

// ValidEpoch reports whether e may be an epoch: 1 to 128 of A-Z a-z 0-9 . _ -,
// but neither "." nor "..".
func ValidEpoch(e string) bool { return validToken(e, MaxEpoch) }

// CloudEvent is the frame as a record; its value is f.Data itself. The record's
// timestamp is the capture time and its offset 0. The frame's camera, epoch,
// sequence and size must be valid: [Parser.Parse] refuses the record otherwise.
func (f *Frame) CloudEvent() Record {
	headers := []Header{
		{headerSpecVersion, []byte(specVersion)},
		{headerID, []byte(f.ID())},
		{headerSource, []byte("/cameras/" + f.Camera)},
		{headerType, []byte(EventType)},
		{headerTime, []byte(f.Captured.UTC().Format(time.RFC3339Nano))},
		{headerSequence, strconv.AppendInt(nil, f.Sequence, 10)},
		{headerEpoch, []byte(f.Epoch)},
		{headerContentType, []byte(f.Encoding)},
		{headerWidth, strconv.AppendInt(nil, int64(f.Width), 10)},
		{headerHeight, strconv.AppendInt(nil, int64(f.Height), 10)},
	}
	if f.Encoding == Raw {
		headers = append(headers, Header{headerChannels, strconv.AppendInt(nil, int64(f.Channels), 10)})
	}
	return Record{Timestamp: f.Captured.UnixMilli(), Key: []byte(f.Camera), Headers: headers, Value: f.Data}
}

func isCloudEvent(rec *Record) bool {
	for i := range rec.Headers {
		if strings.HasPrefix(rec.Headers[i].Key, headerPrefix) {
			return true
		}
	}
	return false
}

func (p *Parser) parseCloudEvent(camera string, rec *Record) (Frame, *Poison) {
	h := headers{rec: rec}
	if v := h.text(headerSpecVersion); h.poison == nil && v != specVersion {
		return Frame{}, poisonf(ReasonBadVersion, "CloudEvents version %.80q is not %q", v, specVersion)
	}
	if v := h.text(headerType); h.poison == nil && v != EventType {
		return Frame{}, poisonf(ReasonBadVersion, "event type %.80q is not %q", v, EventType)
	}
	h.text(headerSource)
	f := Frame{
		Camera:   camera,
		Epoch:    h.text(headerEpoch),
		Sequence: h.number(headerSequence, 0, maxSequence),
		Captured: h.time(headerTime),
		Encoding: h.encoding(),
		Width:    int(h.number(headerWidth, 1, 1<<31-1)),
		Height:   int(h.number(headerHeight, 1, 1<<31-1)),
		Data:     rec.Value,
	}
	if f.Encoding == Raw {
		f.Channels = int(h.number(headerChannels, 1, 3))
	}
	id := h.text(headerID)
	switch {
	case h.poison != nil:
		return Frame{}, h.poison
	case !ValidEpoch(f.Epoch):
		return Frame{}, poisonf(ReasonBadHeader, "%s %.80q is not an epoch", headerEpoch, f.Epoch)
	}
	if c, _, ok := strings.Cut(id, "/"); ok && c != camera {
		return Frame{}, poisonf(ReasonCamera, "the key is %q, %s says %.60q", camera, headerID, c)
	}
	if id != f.ID() {
		return Frame{}, poisonf(ReasonBadHeader, "%s %.80q is not camera/epoch/sequence", headerID, id)
	}
	if f.Encoding == Raw {
		if poison := p.checkRaw(&f); poison != nil {
			return Frame{}, poison
		}
		return f, nil
	}
	enc, width, height, poison := checkImage(f.Data, p.limits)
	switch {
	case poison != nil:
		return Frame{}, poison
	case enc != f.Encoding:
		return Frame{}, poisonf(ReasonBadHeader, "%s is %s, the image is %s", headerContentType, f.Encoding, enc)
	case width != f.Width || height != f.Height:
		return Frame{}, poisonf(ReasonBadSize, "the headers say %d x %d pixels, the image %d x %d", f.Width, f.Height, width, height)
	}
	return f, nil
}

// checkRaw compares the size of raw pixels with what is said of them.
func (p *Parser) checkRaw(f *Frame) *Poison {
	if f.Channels != 1 && f.Channels != 3 {
		return poisonf(ReasonBadSize, "%d channels are neither 1 nor 3", f.Channels)
	}
	if poison := p.limits.check(f.Width, f.Height); poison != nil {
		return poison
	}
	if want := int64(f.Width) * int64(f.Height) * int64(f.Channels); int64(len(f.Data)) != want {
		return poisonf(ReasonBadSize, "%d x %d pixels of %d channels are %d bytes, not %d", f.Width, f.Height, f.Channels, want, len(f.Data))
	}
	return nil
}

// headers reads required headers and keeps the first thing that is wrong.
type headers struct {
	rec    *Record
	poison *Poison
}

func (h *headers) wrong(format string, args ...any) {
	if h.poison == nil {
		h.poison = poisonf(ReasonBadHeader, format, args...)
	}
}

func (h *headers) text(key string) string {
	v, _ := h.rec.Header(key)
	if v == "" {
		h.wrong("header %s is missing", key)
	}
	return v
}

// number reads a decimal number without sign or leading zeros.
func (h *headers) number(key string, least, most int64) int64 {
	v := h.text(key)
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != v || n < least || n > most {
		h.wrong("header %s %.80q is not a number from %d to %d", key, v, least, most)
		return 0
	}
	return n
}

func (h *headers) time(key string) time.Time {
	v := h.text(key)
	t, err := time.Parse(time.RFC3339Nano, v)
	if err != nil || !inTime(t) {
		h.wrong("header %s %.80q is not a time (RFC 3339) from 1970 to 2261", key, v)
		return time.Time{}
	}
	return t.UTC()
}

func (h *headers) encoding() Encoding {
	switch e := Encoding(h.text(headerContentType)); e {
	case JPEG, PNG, Raw:
		return e
	default:
		h.wrong("header %s %.80q is none of %s, %s, %s", headerContentType, string(e), JPEG, PNG, Raw)
		return ""
	}
}
