package reload

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/metrics"
)

func TestWhatBecameOfAChangeIsMeasured(t *testing.T) {
	e, s := metrics.New("test"), &State{}
	s.Measure(e, "cameras")
	text := func() string {
		w := httptest.NewRecorder()
		e.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		return w.Body.String()
	}
	if got := text(); !strings.Contains(got, `framebeam_config_last_reload_success{file="cameras"} 1`) || strings.Contains(got, "reload_timestamp") {
		t.Error(got)
	}
	s.noticed(Reload{At: time.Unix(7, 0), Err: "no such camera"}, "")
	s.noticed(Reload{At: time.Unix(8, 0), Digest: "a"}, "a")
	s.noticed(Reload{At: time.Unix(9, 0), Err: "no such camera"}, "")
	for _, want := range []string{"success{file=\"cameras\"} 0\n", "timestamp_seconds{file=\"cameras\"} 9\n", "reloads_total{file=\"cameras\"} 1\n", "failures_total{file=\"cameras\"} 2\n"} {
		if got := text(); !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}
