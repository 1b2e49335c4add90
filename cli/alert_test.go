package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/broker/brokertest"
	"github.com/framebeam/framebeam/testdata/command"
)

// A film goes the whole way: captured, analysed, its events published, and each told with its
// picture; a second process tells nothing again.
func TestAnAlertIsToldWithItsPicture(t *testing.T) {
	b := brokertest.Start(t, broker.Options{})
	type told struct {
		ID   string
		Data struct {
			Text, Alert string
			Picture     []byte
			NoPicture   string `json:"no_picture"`
		}
	}
	got := make(chan told, 1000)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m told
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		got <- m
	}))
	defer s.Close()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cameras := file("cameras.yaml", "cameras:\n  - {id: yard, source: 'scene:seed=7&size=160x120&frames=60&fps=10'}\n")
	rules := file("alerts.yaml", fmt.Sprintf(`
picture_wait: 20s
targets: [{name: ops, webhook: {url: %q}}]
rules: [{name: motion, types: [MotionRegionDetector/Motion, CameraUnknown, EpochStarted], picture: true, targets: ops}]
`, s.URL))
	kafka, out := "--brokers="+strings.Join(b.Addrs(), ","), "--output="+filepath.Join(dir, "out")
	for _, args := range [][]string{
		{"ingest", "--config", cameras, kafka, "--create-topic", "--partitions=1"},
		{"analyze", kafka, out, "--until=now", "--events-topic=events", "--events-partitions=1"},
	} {
		if said, err := command.New(t, "framebeam", "", args...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, said)
		}
	}
	alert := func(until func()) string {
		cmd := command.New(t, "framebeam", "", "alert", "--config", rules, kafka, out, "--events-topic=events", "--begin=earliest",
			"--state="+filepath.Join(dir, "state"), "--listen-metrics=localhost:0")
		var stdout bytes.Buffer
		cmd.Stdout = &stdout
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Process.Kill()
		lines := bufio.NewScanner(stderr)
		var said strings.Builder
		for lines.Scan() {
			fmt.Fprintln(&said, lines.Text())
			if _, at, ok := strings.Cut(lines.Text(), "metrics: "); ok {
				go func() {
					for lines.Scan() { //nolint:revive // so that it does not wait
					}
				}()
				until()
				if metrics := get(t, strings.Fields(strings.Trim(at, `"`))[0]); !strings.Contains(metrics, `framebeam_alerts_lag_records{kind="webhook",target="ops"}`) {
					t.Errorf("there are no metrics of alerts:\n%s", metrics)
				}
				break
			}
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v\n%s", err, &said)
		}
		return stdout.String()
	}
	var all []told
	if said := alert(func() {
		for {
			select {
			case m := <-got:
				all = append(all, m)
			case <-time.After(time.Minute):
				t.Error("nothing is told")
				return
			}
			if len(all) >= 1 && len(got) == 0 {
				return
			}
		}
	}); !strings.Contains(said, "ops: ") {
		t.Error(said)
	}
	for len(got) > 0 {
		all = append(all, <-got)
	}
	seen := map[string]bool{}
	for _, m := range all {
		if seen[m.ID] {
			t.Error("told twice: ", m.ID)
		}
		seen[m.ID] = true
		if _, err := jpeg.Decode(bytes.NewReader(m.Data.Picture)); err != nil {
			t.Errorf("%s: %v, %q", m.Data.Text, err, m.Data.NoPicture)
		}
	}
	t.Logf("%d alerts", len(all))
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		t.Error(err)
	}
	return b.String()
}

func TestATestMessageSaysWhatEachTargetAnswers(t *testing.T) {
	good := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "thank you") }))
	defer good.Close()
	bad := httptest.NewServer(http.NotFoundHandler())
	defer bad.Close()
	file := filepath.Join(t.TempDir(), "alerts.yaml")
	text := fmt.Sprintf("targets:\n  - {name: good, webhook: {url: %q}}\n  - {name: bad, webhook: {url: %q}}\nrules: [{name: a, targets: [good, bad]}]\n", good.URL, bad.URL)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := run(t, "alert", "test", "--config", file)
	if code != program.Failed || !strings.Contains(stdout, "200 OK thank you") || !strings.Contains(stdout, "FAILED: 404 Not Found") || !strings.Contains(stderr, "1 of 2 targets") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if code, stdout, _ := run(t, "alert", "test", "--config", file, "--target", "good"); code != program.Done || strings.Contains(stdout, "bad") {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
	if code, _, stderr := run(t, "alert", "--config", file, "--begin", "now"); code != program.Usage ||
		!strings.Contains(stderr, "--events-topic is missing") || !strings.Contains(stderr, "--state is missing") || !strings.Contains(stderr, "--begin=now: not latest or earliest") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}
