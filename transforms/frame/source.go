package frame

import (
	"encoding/json"
	"mime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// SourceType is the CloudEvents type of what happened to a camera's source; a format
// that is not compatible gets another one. Members may be added to the JSON under the
// same type.
const SourceType = "com.framebeam.source.v1"

// SourceState is what a source has come to.
type SourceState string

const (
	// SourceStarted: a collector has begun with a live source and has its first frame.
	SourceStarted SourceState = "started"
	// SourceLost: a live source cannot be opened, or was and gives nothing any more. The
	// collector opens it again and again.
	SourceLost SourceState = "lost"
	// SourceBack: a live source that was lost gives frames again; it follows the first.
	SourceBack SourceState = "back"
	// SourceStopped: the collector looks no longer after a live source: it was ended, or
	// the camera left its configuration.
	SourceStopped SourceState = "stopped"
	// SourceEnded: all files of a source have been played to their ends.
	SourceEnded SourceState = "ended"
	// SourceFailed: the collector has given a source up, or files of it could not be read.
	SourceFailed SourceState = "failed"
)

// Valid reports whether the state is one of those above.
func (s SourceState) Valid() bool {
	switch s {
	case SourceStarted, SourceLost, SourceBack, SourceStopped, SourceEnded, SourceFailed:
		return true
	}
	return false
}

const (
	// MaxSourceReason is the longest SourceChange.Reason in bytes.
	MaxSourceReason = 500
	// maxSourceValue is the longest value of a record in bytes. The longest reason takes
	// six times its length where all of it has to be escaped.
	maxSourceValue = 4 << 10

	headerSubject   = "ce_subject"
	sourceMediaType = "application/json"
)

// SourceChange is something that happened to a camera's source, as its collector saw it.
// It lies in the log among the camera's frames, after those that were captured before.
type SourceChange struct {
	Camera string // id, see ValidCamera
	State  SourceState
	// At is when it happened, UTC, whole microseconds: by the collector's clock or, of
	// files, by that of their frames. No two changes of a camera after one frame to one
	// state have the same.
	At     time.Time
	Reason string // for people, without secrets; "" if there is nothing to say; at most MaxSourceReason bytes
	// Epoch and Sequence are those of the last frame that was captured; "" and -1: none
	// was by this collector.
	Epoch    string
	Sequence int64
}

// ID names the change for ever: camera/state/time or, with a frame before,
// camera/state/time/epoch/sequence.
func (s *SourceChange) ID() string {
	id := s.Camera + "/" + string(s.State) + "/" + s.At.UTC().Format(time.RFC3339Nano)
	if s.Epoch != "" {
		id += "/" + s.Epoch + "/" + strconv.FormatInt(s.Sequence, 10)
	}
	return id
}

type sourceValue struct {
	State    SourceState `json:"state"`
	Reason   string      `json:"reason"`
	Epoch    *string     `json:"epoch"`
	Sequence *int64      `json:"sequence"`
}

// CloudEvent is the change as a record of the frames topic: a CloudEvent 1.0 in binary
// mode whose key is the camera, whose subject is the state and whose value is JSON. The
// record's timestamp is At and its offset 0. A reason that is too long is cut. Camera,
// state and epoch must be valid: [ParseSource] refuses the record otherwise.
func (s *SourceChange) CloudEvent() Record {
	c := *s
	c.At = s.At.UTC().Truncate(time.Microsecond)
	v := sourceValue{State: c.State, Reason: cut(strings.ToValidUTF8(c.Reason, "\uFFFD"), MaxSourceReason)}
	if c.Epoch != "" {
		v.Epoch, v.Sequence = &c.Epoch, &c.Sequence
	}
	value, _ := json.Marshal(v) // texts and numbers only
	return Record{
		Timestamp: c.At.UnixMilli(),
		Key:       []byte(c.Camera),
		Headers: []Header{
			{headerSpecVersion, []byte(specVersion)},
			{headerID, []byte(c.ID())},
			{headerSource, []byte("/cameras/" + c.Camera)},
			{headerType, []byte(SourceType)},
			{headerSubject, []byte(c.State)},
			{headerTime, []byte(c.At.Format(time.RFC3339Nano))},
			{headerContentType, []byte(sourceMediaType)},
		},
		Value: value,
	}
}

// OfSource reports whether the record says what happened to a source, and is no frame:
// it is for [ParseSource] then, and [Parser.Parse] refuses it.
func (r *Record) OfSource() bool {
	t, _ := r.Header(headerType)
	return t == SourceType
}

// ParseSource reads a record that [Record.OfSource] tells of. It depends on no options.
// Members of the JSON that it does not know are passed over. The error is always a
// [*Poison].
func ParseSource(rec *Record) (SourceChange, error) {
	s, poison := parseSource(rec)
	if poison != nil {
		return SourceChange{}, poison
	}
	return s, nil
}

func parseSource(rec *Record) (SourceChange, *Poison) {
	camera, poison := cameraOf(rec)
	if poison != nil {
		return SourceChange{}, poison
	}
	h := headers{rec: rec}
	if v := h.text(headerSpecVersion); h.poison == nil && v != specVersion {
		return SourceChange{}, poisonf(ReasonBadVersion, "CloudEvents version %.80q is not %q", v, specVersion)
	}
	if v := h.text(headerType); h.poison == nil && v != SourceType {
		return SourceChange{}, poisonf(ReasonBadVersion, "event type %.80q is not %q", v, SourceType)
	}
	h.text(headerSource)
	id := h.text(headerID)
	s := SourceChange{Camera: camera, At: h.time(headerTime), Sequence: -1}
	kind := h.text(headerContentType)
	if h.poison != nil {
		return SourceChange{}, h.poison
	}
	if media, _, err := mime.ParseMediaType(kind); err != nil || media != sourceMediaType {
		return SourceChange{}, poisonf(ReasonBadHeader, "%s is %.80q, not %s", headerContentType, kind, sourceMediaType)
	}
	var v sourceValue
	if n := len(rec.Value); n > maxSourceValue {
		return SourceChange{}, poisonf(ReasonBadJSON, "%d bytes are more than %d", n, maxSourceValue)
	}
	if err := json.Unmarshal(rec.Value, &v); err != nil {
		return SourceChange{}, poisonf(ReasonBadJSON, "%v", err)
	}
	switch {
	case !v.State.Valid():
		return SourceChange{}, poisonf(ReasonBadJSON, "state %.80q is none that is known", string(v.State))
	case len(v.Reason) > MaxSourceReason:
		return SourceChange{}, poisonf(ReasonBadJSON, "the reason has %d bytes, more than %d", len(v.Reason), MaxSourceReason)
	case (v.Epoch == nil) != (v.Sequence == nil):
		return SourceChange{}, poisonf(ReasonBadJSON, "of epoch and sequence there is only one")
	case v.Epoch != nil && (!ValidEpoch(*v.Epoch) || *v.Sequence < 0 || *v.Sequence > maxSequence):
		return SourceChange{}, poisonf(ReasonBadJSON, "epoch %.80q, sequence %d is no frame", *v.Epoch, *v.Sequence)
	}
	s.State, s.Reason = v.State, v.Reason
	if v.Epoch != nil {
		s.Epoch, s.Sequence = *v.Epoch, *v.Sequence
	}
	if c, _, ok := strings.Cut(id, "/"); ok && c != camera {
		return SourceChange{}, poisonf(ReasonCamera, "the key is %q, %s says %.60q", camera, headerID, c)
	}
	if id != s.ID() {
		return SourceChange{}, poisonf(ReasonBadHeader, "%s %.80q is not camera/state/time/epoch/sequence", headerID, id)
	}
	s.At = s.At.Truncate(time.Microsecond)
	return s, nil
}

// cut shortens a text to at most n bytes, between two characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
