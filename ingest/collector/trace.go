package collector

import (
	"sync"
	"time"

	"github.com/framebeam/framebeam/tracing"
	"github.com/framebeam/framebeam/transforms/frame"
)

// traces follow frames of the sample as far as the brokers. A nil one follows none.
type traces struct {
	config tracing.Config
	tracer *tracing.Tracer // nil: nobody takes spans

	mu    sync.Mutex
	begun map[tracing.Context]time.Time // publications under way
}

// mostFollowed is how many publications are followed at once: there are as many under way as
// queues hold while brokers are away.
const mostFollowed = 4096

// newTraces follows frames; close it when nothing is sent any more.
func newTraces(c tracing.Config) (*traces, error) {
	if c.Sample <= 0 {
		return nil, nil
	}
	t, err := tracing.Open(c)
	return &traces{config: c, tracer: t, begun: map[tracing.Context]time.Time{}}, err
}

func (t *traces) close() {
	if t != nil {
		t.tracer.Close()
	}
}

// captured says how long a frame took until it was here. Of a file's frame the capture is what
// its encoding was.
func (t *traces) captured(f *frame.Frame, encode time.Duration, live bool) {
	if t == nil {
		return
	}
	id := tracing.Of(f)
	at, ok := t.tracer.Frame(id)
	if !ok {
		return
	}
	now := time.Now()
	begin := now.Add(-encode)
	if live && f.Captured.Before(begin) {
		begin = f.Captured
	}
	t.tracer.Span(at, tracing.Capture, begin, now, tracing.Describe(id)...)
	t.tracer.Span(at.Under(tracing.Capture), tracing.Encode, now.Add(-encode), now)
}

// put puts the header on the record of a frame of the sample, whose publication begins.
func (t *traces) put(f *frame.Frame, rec *frame.Record) {
	if t == nil {
		return
	}
	text, ok := t.config.Header(tracing.Of(f))
	if !ok {
		return
	}
	rec.Headers = append(rec.Headers, frame.Header{Key: frame.TraceHeader, Value: []byte(text)})
	if at, ok := tracing.ParseHeader(text); ok && t.tracer != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		if len(t.begun) < mostFollowed {
			t.begun[at] = time.Now()
		}
	}
}

// acknowledged ends the publication of records. Repeats of them are not told.
func (t *traces) acknowledged(records []frame.Record) {
	if t == nil || t.tracer == nil {
		return
	}
	for i := range records {
		at, ok := tracing.OfRecord(&records[i])
		if !ok {
			continue
		}
		t.mu.Lock()
		begun, ok := t.begun[at]
		delete(t.begun, at)
		t.mu.Unlock()
		if ok {
			top := tracing.Context{Trace: at.Trace}
			t.tracer.Span(top.Under(tracing.Capture), tracing.Publish, begun, time.Now())
		}
	}
}
