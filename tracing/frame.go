// Package tracing follows single frames from their capture to the commit of their chunk, as
// OpenTelemetry traces, of a sample of all frames.
//
// Everything about a trace follows from its frame's identity: whether the frame is one of the
// sample, the trace's id and those of its spans. So each stage knows by itself, wherever it runs and
// however often, and nothing has to be carried along with a frame, beside the header traceparent
// (W3C Trace Context) that the collector puts on its record for others. Spans are telemetry: no
// result depends on whether there are any.
package tracing

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/framebeam/framebeam/transforms/frame"
)

// Names of spans, in the order of a frame's way. Those after [Publish] are below it.
const (
	Capture       = "capture"        // from the capture, of a live source, until it is encoded
	Encode        = "encode"         // resizing and encoding
	Publish       = "publish"        // until the brokers acknowledged it
	Read          = "read"           // the call of the source that read it
	Analyze       = "analyze frame"  // analyses of the frame on its own
	Sequence      = "sequence"       // analyses in sequence, of the run that it was in
	PublishEvents = "publish events" // until its events were acknowledged
	Commit        = "commit chunk"   // writing the chunk that it is in
)

// ID is who a frame is.
type ID struct {
	Camera, Epoch string
	Sequence      int64
}

// Of is who a frame is.
func Of(f *frame.Frame) ID { return ID{f.Camera, f.Epoch, f.Sequence} }

// Context is a place in a trace: that of the span which others are below.
type Context struct {
	Trace [16]byte
	Span  [8]byte // 0: none, the trace begins
}

// digest is what all of a trace is made of.
func (id ID) digest() [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "framebeam trace 1\x00%s\x00%s\x00%d", id.Camera, id.Epoch, id.Sequence))
}

// sampled reports whether a frame is in a sample of that share of all, and where its trace
// begins.
func (id ID) sampled(share float64) (Context, bool) {
	if share <= 0 {
		return Context{}, false
	}
	d := id.digest()
	// 53 bits are what a float64 has.
	if float64(binary.BigEndian.Uint64(d[24:])>>11)/(1<<53) >= share {
		return Context{}, false
	}
	return Context{Trace: [16]byte(d[:16])}, true
}

// span is the id of the span of that name.
func (c Context) span(name string) (id [8]byte) {
	d := sha256.Sum256(append(c.Trace[:], name...))
	return [8]byte(d[:8])
}

// Under is the place below the span of that name.
func (c Context) Under(name string) Context { return Context{c.Trace, c.span(name)} }

// Header is the value of the header traceparent for who goes on below here.
func (c Context) Header() string {
	return "00-" + hex.EncodeToString(c.Trace[:]) + "-" + hex.EncodeToString(c.Span[:]) + "-01"
}

// headerBytes is how long a header of version 00 is.
const headerBytes = 55

// ParseHeader reads a header traceparent; ok is false if it is none that says that the trace is
// sampled. Of versions after 00 what 00 has is read (W3C Trace Context, 3.2.2.2 and 3.2.4).
func ParseHeader(text string) (c Context, ok bool) {
	if len(text) < headerBytes || strings.ToLower(text) != text || text[:2] == "ff" || text[:2] == "00" && len(text) != headerBytes ||
		len(text) > headerBytes && text[headerBytes] != '-' || text[2] != '-' || text[35] != '-' || text[52] != '-' {
		return Context{}, false
	}
	var flags, version [1]byte
	for _, part := range []struct {
		to   []byte
		text string
	}{{version[:], text[:2]}, {c.Trace[:], text[3:35]}, {c.Span[:], text[36:52]}, {flags[:], text[53:55]}} {
		if _, err := hex.Decode(part.to, []byte(part.text)); err != nil {
			return Context{}, false
		}
	}
	if c.Trace == ([16]byte{}) || c.Span == ([8]byte{}) || flags[0]&1 == 0 {
		return Context{}, false
	}
	return c, true
}

// OfRecord is the place that a record's header names; ok is false if it is not in a sample.
func OfRecord(rec *frame.Record) (c Context, ok bool) {
	text, has := rec.Header(frame.TraceHeader)
	if !has {
		return Context{}, false
	}
	return ParseHeader(text)
}
