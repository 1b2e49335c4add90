package tracing

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/tracing/tracingtest"
	"github.com/framebeam/framebeam/transforms/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheSampleIsOfTheShareAndOfTheFrameAlone(t *testing.T) {
	const n = 20000
	for _, share := range []float64{0, 0.001, 0.1, 1} {
		got := 0
		for i := range n {
			id := ID{"hall", "live-1", int64(i)}
			at, ok := id.sampled(share)
			if again, same := id.sampled(share); again != at || same != ok {
				t.Fatal(id)
			}
			if _, more := id.sampled(share * 2); ok && !more {
				t.Fatal("a larger sample has not what a smaller one has")
			}
			if ok {
				got++
			}
		}
		if want := share * n; math.Abs(float64(got)-want) > 4*math.Sqrt(want)+0.1 {
			t.Errorf("of a share of %v there are %d of %d", share, got, n)
		}
	}
}

func TestHeadersAreReadAsTheStandardSays(t *testing.T) {
	const good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	c, ok := ParseHeader(good)
	if !ok || c.Header() != good {
		t.Error(c, ok)
	}
	for text, want := range map[string]bool{
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03":      true,
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00":      false, // not sampled
		"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more": true,  // of a later version
		"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more":  false,
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more": false,
		"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01":      false,
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01":      false,
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01":      false,
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01":      false,
		"00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01":      false,
		"":       false,
		good[1:]: false,
	} {
		if _, ok := ParseHeader(text); ok != want {
			t.Errorf("%q: %v", text, ok)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		id := ID{rapid.String().Draw(t, "camera"), rapid.String().Draw(t, "epoch"), rapid.Int64().Draw(t, "sequence")}
		text, ok := Config{Sample: 1}.Header(id)
		at, read := ParseHeader(text)
		if want := (&Tracer{config: Config{Sample: 1}}); !ok || !read {
			t.Fatal(text)
		} else if p, _ := want.Published(id); p != at {
			t.Fatal(p, at)
		}
	})
}

// FuzzParseHeader: whatever a header holds, what is read of it is written as it was read.
func FuzzParseHeader(f *testing.F) {
	f.Add("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	f.Add("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more")
	f.Fuzz(func(t *testing.T, text string) {
		if c, ok := ParseHeader(text); ok {
			if again, ok := ParseHeader(c.Header()); !ok || again != c || !strings.HasPrefix(text[2:], c.Header()[2:53]) {
				t.Fatal(c, again)
			}
		}
	})
}

func TestTheEnvironmentSaysWhereSpansGo(t *testing.T) {
	for _, c := range []struct{ base, traces, want, wrong string }{
		{"", "", "", ""},
		{"http://localhost:4318", "", "http://localhost:4318/v1/traces", ""},
		{"http://localhost:4318/", "https://other/spans", "https://other/spans", ""},
		{"localhost:4318", "", "", "is not http://"},
		{"http://me:secret@localhost:4318", "", "", "has a password"},
		{"http://lo calhost:4318\x00secret", "", "", "is not a URL"},
	} {
		os.Unsetenv(endpointEnv)
		os.Unsetenv(tracesEndpointEnv)
		if !strings.Contains(c.base, "\x00") {
			t.Setenv(endpointEnv, c.base)
		} else {
			t.Setenv(endpointEnv, "http://[secret")
		}
		t.Setenv(tracesEndpointEnv, c.traces)
		got, err := FromEnvironment(0.5)
		if c.wrong == "" && (err != nil || got != (Config{0.5, c.want})) || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%q: %v, %v", c, got, err)
		}
	}
	for _, sample := range []float64{-1, 1.1, math.NaN()} {
		if _, err := FromEnvironment(sample); err == nil {
			t.Error(sample)
		}
	}
}

func TestSpansOfAFrameAreOneTraceWhoeverSendsThem(t *testing.T) {
	r := tracingtest.Start(t)
	config := Config{Sample: 1, Endpoint: r.Endpoint()}
	id := ID{"hall", "live-1", 7}
	text, _ := config.Header(id)
	begin := time.Unix(100, 0)
	for _, does := range []func(*Tracer){ // each as if in a process of its own
		func(c *Tracer) {
			at, _ := c.Frame(id)
			c.Span(at, Capture, begin, begin.Add(time.Second), Describe(id)...)
			c.Span(at.Under(Capture), Publish, begin, begin.Add(2*time.Second))
		},
		func(w *Tracer) {
			at, _ := OfRecord(&frame.Record{Headers: []frame.Header{{Key: frame.TraceHeader, Value: []byte(text)}}})
			w.Span(at, Read, begin, begin.Add(3*time.Second))
		},
		func(w *Tracer) {
			at, _ := w.Published(id)
			w.Span(at, Commit, begin, begin.Add(4*time.Second))
		},
	} {
		tr, err := Open(config)
		if err != nil {
			t.Fatal(err)
		}
		does(tr)
		tr.Close()
	}
	all := r.Spans()
	at, _ := ParseHeader(text)
	spans := all[fmt.Sprintf("%x", at.Trace)]
	if len(all) != 1 || len(spans) != 4 {
		t.Fatalf("%+v", all)
	}
	published := fmt.Sprintf("%x", at.Span)
	if spans[Capture].Parent != "" || spans[Publish].Parent != spans[Capture].ID || spans[Publish].ID != published ||
		spans[Read].Parent != published || spans[Commit].Parent != published || !spans[Read].End.Equal(begin.Add(3*time.Second)) ||
		spans[Capture].Attributes["framebeam.camera"] != "hall" || spans[Capture].Attributes["framebeam.sequence"] != "7" {
		t.Errorf("%+v", spans)
	}
}

func TestNobodyIsWaitedForWhoTakesNoSpans(t *testing.T) {
	tr, err := Open(Config{Sample: 1, Endpoint: "http://127.0.0.1:1/v1/traces"})
	if err != nil {
		t.Fatal(err)
	}
	at, _ := tr.Frame(ID{"hall", "live-1", 7})
	for range 3 * mostWaits {
		tr.Span(at, Read, time.Now(), time.Now())
	}
	begun := time.Now()
	tr.Close()
	if took := time.Since(begun); took > 2*patience {
		t.Error(took)
	}
	for _, off := range []Config{{}, {Sample: 1}, {Endpoint: "http://127.0.0.1:1"}} {
		if tr, err := Open(off); tr != nil || err != nil {
			t.Error(off, err)
		}
	}
	var none *Tracer
	none.Span(at, Read, time.Now(), time.Now())
	none.Flush()
	if _, ok := none.Published(ID{}); ok || none.Close() != nil {
		t.Error("nobody follows something")
	}
}
