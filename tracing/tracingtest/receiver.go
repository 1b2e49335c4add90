// Package tracingtest takes spans by OTLP over HTTP, for tests.
package tracingtest

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Span is a span that came.
type Span struct {
	Trace, ID, Parent, Name string // ids in hex
	Begin, End              time.Time
	Attributes              map[string]string
}

// Receiver takes spans.
type Receiver struct {
	*httptest.Server
	mu    sync.Mutex
	spans []Span
}

// Start starts a receiver, which is closed with the test. Its spans go to URL/v1/traces.
func Start(t testing.TB) *Receiver {
	r := &Receiver{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		var in collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &in)
		}
		if err != nil || req.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%s: %v", req.Header.Get("Content-Type"), err)
			http.Error(w, "no spans", http.StatusBadRequest)
			return
		}
		r.take(&in)
		w.Header().Set("Content-Type", "application/x-protobuf")
	})
	r.Server = httptest.NewServer(mux)
	t.Cleanup(r.Close)
	return r
}

func (r *Receiver) take(in *collector.ExportTraceServiceRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, of := range in.GetResourceSpans() {
		for _, scope := range of.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				span := Span{
					Trace: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()), Parent: hex.EncodeToString(s.GetParentSpanId()),
					Name: s.GetName(), Begin: time.Unix(0, int64(s.GetStartTimeUnixNano())), End: time.Unix(0, int64(s.GetEndTimeUnixNano())),
					Attributes: map[string]string{},
				}
				for _, a := range s.GetAttributes() {
					if v := a.GetValue(); v.GetStringValue() != "" {
						span.Attributes[a.GetKey()] = v.GetStringValue()
					} else {
						span.Attributes[a.GetKey()] = fmt.Sprint(v.GetIntValue())
					}
				}
				r.spans = append(r.spans, span)
			}
		}
	}
}

// Endpoint is where spans are sent.
func (r *Receiver) Endpoint() string { return r.URL + "/v1/traces" }

// Spans are those that came, by trace and name.
func (r *Receiver) Spans() map[string]map[string]Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string]map[string]Span{}
	for _, s := range r.spans {
		if all[s.Trace] == nil {
			all[s.Trace] = map[string]Span{}
		}
		all[s.Trace][s.Name] = s
	}
	return all
}
