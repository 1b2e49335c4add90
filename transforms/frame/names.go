package frame

import (
	"regexp"
	"strconv"
)

// Numbered returns what a CloudEvent's headers say of the frame's epoch and sequence
// number; ok is false for every other record. Nothing else of it is looked at.
func (r *Record) Numbered() (epoch string, sequence int64, ok bool) {
	if t, _ := r.Header(headerType); t != EventType {
		return "", 0, false
	}
	epoch, _ = r.Header(headerEpoch)
	number, _ := r.Header(headerSequence)
	sequence, err := strconv.ParseInt(number, 10, 64)
	if id, _ := r.Header(headerID); err != nil || sequence < 0 || sequence > maxSequence || !ValidEpoch(epoch) ||
		id != (&Frame{Camera: r.Camera(), Epoch: epoch, Sequence: sequence}).ID() {
		return "", 0, false
	}
	return epoch, sequence, true
}

var live = regexp.MustCompile(`^\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{16}$`)

// LiveEpoch reports whether the collector gave this name to a stretch of a live
// source: when it began, and 64 random bits. Such a stretch never comes again, while
// a file that is published again has the same epoch.
func LiveEpoch(name string) bool { return live.MatchString(name) }
