package prometheus

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/framebeam/framebeam/cli"
	"github.com/framebeam/framebeam/ingest/capture"
	"github.com/framebeam/framebeam/testdata/command"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/frame"
)

func TestMain(m *testing.M) {
	capture.Child()
	command.Become("framebeam", cli.Main)
	os.Exit(m.Run())
}

// program is where one of Prometheus' programs is: installed, or unpacked by scripts/deps.sh.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = filepath.Abs("../../.prometheus/usr/bin/" + name)
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("NOT TESTED: there is no %s here (make deps-test unpacks Debian's)", name)
	}
	return path
}

func TestPromtoolFindsNothingWrong(t *testing.T) {
	tool := program(t, "promtool")
	for _, args := range [][]string{
		{"check", "rules", "framebeam.rules.yml"}, {"check", "config", "prometheus.yml"}, {"test", "rules", "framebeam.rules.test.yml"},
	} {
		if out, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}

// camera gives a picture for each request, unless it is off.
type camera struct {
	*httptest.Server
	off   atomic.Bool
	shown atomic.Int64
}

func newCamera(t *testing.T) *camera {
	c := &camera{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if c.off.Load() {
			http.Error(w, "no power", http.StatusServiceUnavailable)
			return
		}
		img := image.NewGray(image.Rect(0, 0, 64, 48))
		for i := range img.Pix {
			img.Pix[i] = color.Gray{Y: byte(c.shown.Add(1))}.Y
		}
		w.Header().Set("Content-Type", "image/jpeg")
		_ = jpeg.Encode(w, img, nil)
	}))
	t.Cleanup(c.Close)
	return c
}

// start starts a process, and shows what it said if the test fails.
func start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	out := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%v said:\n%s", cmd.Args, out)
		}
	})
}

// freePort is one that nobody has.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// server is a Prometheus.
type server struct {
	t   *testing.T
	url string
}

func (s server) ask(path string, v any) error {
	ctx, stop := context.WithTimeout(s.t.Context(), 5*time.Second)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(v)
}

// value is an expression's first result, 0 if there is none.
func (s server) value(expr string) (v float64) {
	var got struct {
		Data struct{ Result []struct{ Value [2]any } }
	}
	if err := s.ask("/api/v1/query?query="+url.QueryEscape(expr), &got); err == nil && len(got.Data.Result) > 0 {
		text, _ := got.Data.Result[0].Value[1].(string)
		_, _ = fmt.Sscan(text, &v)
	}
	return v
}

// firing reports whether an alert fires; known is false if that cannot be asked.
func (s server) firing(alert string) (fires, known bool) {
	var got struct {
		Status string
		Data   struct {
			Alerts []struct {
				State  string
				Labels struct{ Alertname string }
			}
		}
	}
	if err := s.ask("/api/v1/alerts", &got); err != nil || got.Status != "success" {
		return false, false
	}
	for _, a := range got.Data.Alerts {
		fires = fires || a.Labels.Alertname == alert && a.State == "firing"
	}
	return fires, true
}

func (s server) eventually(what string, holds func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			var all any
			_ = s.ask("/api/v1/alerts", &all)
			s.t.Fatalf("after a minute it does not hold that %s; alerts: %v", what, all)
		}
	}
}

func (s server) fires(alert string) {
	s.t.Helper()
	s.eventually(alert+" fires", func() bool { fires, known := s.firing(alert); return known && fires })
}

func (s server) resolves(alert string) {
	s.t.Helper()
	s.eventually(alert+" is over", func() bool { fires, known := s.firing(alert); return known && !fires })
}

// impatient are the rules, with seconds instead of minutes.
func impatient(t *testing.T) string {
	text, err := os.ReadFile("framebeam.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	quick := regexp.MustCompile(`for: \d+m`).ReplaceAllString(string(text), "for: 0s")
	return regexp.MustCompile(`\[\d+[mh]\]`).ReplaceAllString(quick, "[3s]")
}

// A real Prometheus scrapes a real collector and a real job, and its rules fire when something
// is wrong, and no longer when it is mended.
func TestAPrometheusIsToldOfACollectorAndAJob(t *testing.T) {
	prometheus := program(t, "prometheus")
	b, cam, dir := trial.Start(t, nil), newCamera(t), t.TempDir()
	cameras := write(t, dir, "cameras.yaml", fmt.Sprintf("cameras:\n  - {id: hall, source: %q, interval: 100ms}\n", cam.URL+"/picture.jpg"))
	brokers := "--brokers=" + strings.Join(b.Addrs(), ",")
	collector, job, own := freePort(t), freePort(t), freePort(t)
	ingest := func() *exec.Cmd {
		cmd := command.New(t, "framebeam", "", "ingest", "--config", cameras, brokers, "--listen-metrics", collector)
		start(t, cmd)
		return cmd
	}
	running := ingest()
	start(t, command.New(t, "framebeam", "", "analyze", brokers, "--output", filepath.Join(dir, "out"), "--chunk=8", "--listen-metrics", job))

	write(t, dir, "framebeam.rules.yml", impatient(t))
	config := write(t, dir, "prometheus.yml", fmt.Sprintf(`
global: {scrape_interval: 250ms, evaluation_interval: 250ms}
rule_files: [framebeam.rules.yml]
scrape_configs:
  - {job_name: framebeam-ingest, static_configs: [{targets: [%q]}]}
  - {job_name: framebeam-analyze, static_configs: [{targets: [%q]}]}
`, collector, job))
	start(t, exec.CommandContext(t.Context(), prometheus, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "tsdb"), "--web.listen-address="+own))
	s := server{t, "http://" + own}

	s.eventually("all is well", func() bool {
		return s.value(`count(up == 1)`) == 2 && s.value(`framebeam_camera_frames_sent_total{camera="hall"}`) > 8 && s.value(`framebeam_job_results_total`) > 0
	})
	for _, alert := range []string{"FramebeamCameraLost", "FramebeamProcessGone", "FramebeamDeadLetters"} {
		s.resolves(alert)
	}

	cam.off.Store(true)
	s.fires("FramebeamCameraLost")
	cam.off.Store(false)
	s.resolves("FramebeamCameraLost")

	var junk []frame.Record
	for range 16 {
		junk = append(junk, frame.Record{Key: []byte("yard"), Value: []byte("no picture"), Timestamp: time.Now().UnixMilli()})
	}
	trial.Add(t, b, 0, junk)
	s.fires("FramebeamDeadLetters")

	if err := running.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.fires("FramebeamProcessGone")
	ingest()
	s.resolves("FramebeamProcessGone")
	s.resolves("FramebeamDeadLetters")
	s.eventually("the job says how far it is", func() bool { return s.value(`framebeam_partition_processed_offset{partition="0"}`) > 0 })
}
