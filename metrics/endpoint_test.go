package metrics

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	testFrames = Counter("framebeam_test_frames_total", "Frames.", "camera")
	testLag    = Gauge("framebeam_test_lag_seconds", "Lag.", "camera").Joined(Highest)
	testLast   = Gauge("framebeam_test_last_seconds", "Last.", "camera", "kind").Joined(Lowest)
	testTook   = Histogram("framebeam_test_took_seconds", "How long.", "camera")
)

func get(t *testing.T, e *Endpoint, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	e.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestMetricsAreThoseThatAreThereWhenTheyAreAskedFor(t *testing.T) {
	e := New("test")
	n := 0.0
	remove := e.Collect(func(v *Values) {
		n++
		v.Set(testFrames, n, "hall")
		v.Set(testLag, 2, "hall")
		v.Set(testLag, 1, "hall")
		v.Set(testLast, 2, "hall", "")
		v.Set(testLast, 1, "hall", "")
		v.Observed(testTook, Spread{Count: 3, Sum: 1.5, Buckets: map[float64]uint64{0.1: 1, 1: 3}}, "hall")
		v.Observed(testTook, Spread{Count: 1, Sum: 1, Buckets: map[float64]uint64{0.1: 0, 1: 1}}, "hall")
	})
	get(t, e, "/metrics")
	code, text := get(t, e, "/metrics")
	for _, want := range []string{
		"# HELP framebeam_test_frames_total Frames.\n# TYPE framebeam_test_frames_total counter\nframebeam_test_frames_total{camera=\"hall\"} 2\n",
		"framebeam_test_lag_seconds{camera=\"hall\"} 2\n", "framebeam_test_last_seconds{camera=\"hall\",kind=\"\"} 1\n",
		"framebeam_test_took_seconds_bucket{camera=\"hall\",le=\"0.1\"} 1\n", "framebeam_test_took_seconds_bucket{camera=\"hall\",le=\"1\"} 4\n",
		"framebeam_test_took_seconds_count{camera=\"hall\"} 4\n", "framebeam_build_info{command=\"test\"", "process_resident_memory_bytes", "go_goroutines",
	} {
		if code != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("%d, without %q:\n%s", code, want, text)
		}
	}
	remove()
	if _, text := get(t, e, "/metrics"); strings.Contains(text, "hall") {
		t.Error("what was removed is still there")
	}
}

func TestCamerasBeyondTheBoundAreOneSeriesAndTheOthersKeepTheirs(t *testing.T) {
	e := New("test")
	var cameras []string
	e.Collect(func(v *Values) {
		for _, c := range cameras {
			v.Set(testFrames, 1, c)
			v.Set(testLag, float64(len(c)), c)
		}
	})
	for i := range MaxCameras {
		cameras = append(cameras, fmt.Sprintf("m%03d", i))
	}
	get(t, e, "/metrics")
	cameras = append(cameras, "a1", "a22") // before them by name
	_, text := get(t, e, "/metrics")
	series := regexp.MustCompile(`(?m)^framebeam_test_frames_total.*$`).FindAllString(text, -1)
	if len(series) != MaxCameras+1 || !strings.Contains(text, "framebeam_test_frames_total{camera=\"other\"} 2\n") ||
		!strings.Contains(text, "framebeam_test_lag_seconds{camera=\"other\"} 3\n") || strings.Contains(text, `"a1"`) {
		t.Errorf("%d series\n%s", len(series), strings.Join(series[:4], "\n"))
	}
	cameras = cameras[2:]
	if _, text = get(t, e, "/metrics"); !strings.Contains(text, `"a1"`) || strings.Contains(text, `"m000"`) || strings.Contains(text, `"other"`) {
		t.Error("what becomes free is not taken")
	}
}

// What a label holds can be anything: there are never more series than the bound, and sums stay.
func TestNoSumIsLostByTheBound(t *testing.T) {
	total := regexp.MustCompile(`(?m)^framebeam_test_frames_total\{.*\} (.*)$`)
	rapid.Check(t, func(r *rapid.T) {
		names := rapid.SliceOfN(rapid.String(), 0, 2*MaxCameras).Draw(r, "cameras")
		e := New("test")
		e.Collect(func(v *Values) {
			for _, n := range names {
				v.Set(testFrames, 1, n)
			}
		})
		code, text := get(t, e, "/metrics")
		sum, series := 0.0, total.FindAllStringSubmatch(text, -1)
		for _, s := range series {
			n, err := strconv.ParseFloat(s[1], 64)
			if err != nil {
				r.Fatal(err)
			}
			sum += n
		}
		if code != http.StatusOK || int(sum) != len(names) || len(series) > MaxCameras+1 {
			r.Fatalf("%d: %d series with %v in all, of %d", code, len(series), sum, len(names))
		}
	})
}

func TestAnAddressThatIsTakenIsSaid(t *testing.T) {
	e := New("test")
	s, err := e.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := e.Listen(s.Addr()); err == nil || !strings.Contains(err.Error(), s.Addr()+": another program listens there already") {
		t.Error(err)
	}
	if _, err := e.Listen("nowhere"); err == nil {
		t.Error("an address without a port is one")
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for path, want := range map[string]int{"/metrics": 200, "/": 200, "/healthz": 200, "/debug/pprof/": 404} {
		resp, err := client.Get("http://" + s.Addr() + path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	resp, err := client.Post("http://"+s.Addr()+"/metrics", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Error(resp.Status)
	}
}

func TestManyMayAskAtOnce(t *testing.T) {
	e := New("test")
	e.Collect(func(v *Values) { v.Set(testFrames, 1, "hall") })
	e.Ready("brokers", nil)
	h := e.Handler()
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			for _, path := range []string{"/metrics", "/readyz"} {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
				if w.Code != http.StatusOK && w.Code != http.StatusServiceUnavailable {
					t.Error(i, path, w.Code)
				}
			}
		})
	}
	wg.Wait()
}
