package collector

import (
	"fmt"
	"testing"

	"github.com/framebeam/framebeam/tracing"
	"github.com/framebeam/framebeam/tracing/tracingtest"
	"github.com/framebeam/framebeam/transforms/frame"
)

// A frame of the sample has a header on its record, and its capture, encoding and publication are
// spans; nothing else of any record is another.
func TestFramesOfTheSampleAreFollowedToTheBrokers(t *testing.T) {
	r := tracingtest.Start(t)
	cfg := configOf(film(t, "scene-a", "scene:seed=7&size=64x48&frames=60&fps=10"))
	run := func(trace tracing.Config) (records []frame.Record) {
		b := start(t, nil)
		opts := options(b)
		opts.Trace = trace
		if _, err := Run(t.Context(), cfg, opts); err != nil {
			t.Fatal(err)
		}
		for p := range int32(partitions) {
			records = append(records, dump(t, b, p)...)
		}
		return records
	}
	plain, followed := run(tracing.Config{}), run(tracing.Config{Sample: 0.3, Endpoint: r.Endpoint()})
	spans := r.Spans()
	n := 0
	for i := range followed {
		rec := &followed[i]
		if at, ok := tracing.OfRecord(rec); ok {
			n++
			of := spans[fmt.Sprintf("%x", at.Trace)]
			capture, encode, publish := of[tracing.Capture], of[tracing.Encode], of[tracing.Publish]
			if publish.ID != fmt.Sprintf("%x", at.Span) || publish.Parent != capture.ID || encode.Parent != capture.ID || capture.Parent != "" ||
				encode.End.Sub(encode.Begin) <= 0 || publish.End.Before(publish.Begin) {
				t.Errorf("%+v", of)
			}
			rec.Headers = rec.Headers[:len(rec.Headers)-1]
		}
		if rec.Digest() != plain[i].Digest() || len(rec.Headers) != len(plain[i].Headers) {
			t.Errorf("record %d differs in more than the header", i)
		}
	}
	if len(followed) != len(plain) || len(plain) < 60 || n < 5 || n > 40 || len(spans) != n {
		t.Errorf("of %d frames %d are followed, in %d traces", len(followed), n, len(spans))
	}
}
