package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/broker/brokertest"
	"github.com/framebeam/framebeam/pipelines/launch"
)

// has reports whether there is a finding like that.
func has(all []Finding, level Level, check, found string) bool {
	for _, f := range all {
		if f.Level == level && strings.HasPrefix(f.Check, check) && strings.Contains(f.Found, found) {
			return true
		}
	}
	return false
}

func text(t *testing.T, all []Finding) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, "text", all); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTopicsAreJudgedByWhatFramesAndEventsNeed(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{
		{Name: "good", Partitions: 4, Configs: map[string]string{"max.message.bytes": "16777216", "retention.bytes": "1000000", "retention.ms": "-1"}},
		{Name: "bad", Configs: map[string]string{
			"max.message.bytes": "1000", "retention.ms": "60000", "cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime", "compression.type": "gzip",
		}},
		{Name: "short", Configs: map[string]string{"retention.ms": "3600000"}},
	}})
	cameras := filepath.Join(t.TempDir(), "cameras.yaml")
	var file strings.Builder
	file.WriteString("cameras:\n")
	for i := range 40 {
		fmt.Fprintf(&file, "  - {id: c%d, source: 'scene:seed=1&size=64x48&frames=1&fps=1'}\n", i)
	}
	if err := os.WriteFile(cameras, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	w := What{Brokers: b.Addrs(), Topic: "good", Events: "short", Cameras: cameras}
	all := Look(t.Context(), w)
	for _, want := range []struct {
		level        Level
		check, found string
	}{
		{OK, "OpenCV", "OpenCV 4.6"}, {OK, "brokers", "without TLS"}, {OK, "cameras ", "40 cameras"}, {OK, "topic good", "4 partitions, all with a leader"},
		{Warn, "topic good", "one broker alone"}, {Warn, "topic short", "retention.ms is 1h0m0s"},
	} {
		if !has(all, want.level, want.check, want.found) {
			t.Errorf("no %+v in\n%s", want, text(t, all))
		}
	}
	if Failed(all) {
		t.Error(text(t, all))
	}
	w.Topic, w.Events = "bad", "none"
	all = Look(t.Context(), w)
	for _, want := range []struct {
		level        Level
		check, found string
	}{
		{Fail, "topic bad", "cleanup.policy is compact"}, {Warn, "topic bad", "max.message.bytes is 1000 B"}, {Warn, "topic bad", "retention.ms is 1m0s"},
		{Warn, "topic bad", "LogAppendTime"}, {Warn, "topic bad", "compression.type is gzip"}, {Warn, "topic bad", "1 partitions for 40 cameras"}, {Fail, "topic none", ""},
	} {
		if !has(all, want.level, want.check, want.found) {
			t.Errorf("no %+v in\n%s", want, text(t, all))
		}
	}
	for _, f := range all {
		if f.Level == Fail && f.Do == "" {
			t.Errorf("%+v does not say what to do", f)
		}
	}
}

func TestBrokersThatAreNotThereAreToldAtOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	begin := time.Now()
	all := Look(t.Context(), What{Brokers: []string{addr}, Topic: "frames"})
	if !has(all, Fail, "brokers", "connection refused") || !has(all, Fail, "topic frames", "") || time.Since(begin) > 15*time.Second {
		t.Errorf("in %v:\n%s", time.Since(begin), text(t, all))
	}
}

func TestFoldersAreTriedAndLeftAsTheyWere(t *testing.T) {
	dir := t.TempDir()
	all := Look(t.Context(), What{Output: filepath.Join(dir, "new", "out"), Archive: dir})
	for _, check := range []string{"output ", "archive "} {
		if !has(all, OK, check, "can be written") || !has(all, OK, check, "are free") && !has(all, Warn, check, "are free") {
			t.Error(text(t, all))
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 1 || len(left) == 1 && left[0].Name() != "_temporary" {
		t.Error(left, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if all := Look(t.Context(), What{Output: filepath.Join(file, "out")}); !has(all, Fail, "output ", "cannot be written") {
		t.Error(text(t, all))
	}
}

func TestFilesAreReadWithAllThatIsWrongWithThem(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file.yaml")
	if err := os.WriteFile(file, []byte("camras: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	all := Look(t.Context(), What{Cameras: file, Analyses: file, Alerts: file})
	for _, check := range []string{"cameras ", "analyses ", "alerts "} {
		if !has(all, Fail, check, "file.yaml:1: ") {
			t.Errorf("%s: %s", check, text(t, all))
		}
	}
}

func TestFlinkIsAskedWhatItIs(t *testing.T) {
	answer, date := `{"taskmanagers":2,"slots-total":4,"slots-available":4,"flink-version":"1.19.3"}`, ""
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if date != "" {
			w.Header().Set("Date", date)
		}
		fmt.Fprint(w, answer)
	}))
	defer s.Close()
	look := func() []Finding {
		r := &report{check: "engine flink"}
		flink(context.Background(), r, s.URL)
		return r.all
	}
	if all := look(); !has(all, OK, "engine", "Flink 1.19.3, 2 TaskManagers") || len(all) != 1 {
		t.Error(text(t, all))
	}
	date = time.Now().Add(-time.Minute).UTC().Format(http.TimeFormat)
	answer = `{"taskmanagers":0,"slots-total":0,"slots-available":0,"flink-version":"2.0.0"}`
	if all := look(); !has(all, Warn, "engine", "tested with 1.19") || !has(all, Warn, "engine", "none of 0 slots") || !has(all, Warn, "engine", "differ by 1m") {
		t.Error(text(t, all))
	}
	answer = "no JSON"
	if all := look(); !has(all, Fail, "engine", "does not answer") {
		t.Error(text(t, all))
	}
	all := Look(t.Context(), What{Engine: launch.Direct})
	for _, f := range all {
		if strings.HasPrefix(f.Check, "engine") {
			t.Errorf("%+v", f)
		}
	}
}

func TestFindingsForProgramsAreJSON(t *testing.T) {
	all := []Finding{{"clock", Warn, "a <b>", "do"}}
	for _, format := range []string{"json", "jsonl"} {
		var b bytes.Buffer
		if err := Write(&b, format, all); err != nil {
			t.Fatal(err)
		}
		var got []Finding
		data := b.Bytes()
		if format == "jsonl" {
			data = []byte("[" + b.String() + "]")
		}
		if err := json.Unmarshal(data, &got); err != nil || len(got) != 1 || got[0] != all[0] || !strings.Contains(b.String(), "a <b>") {
			t.Errorf("%v %s", err, b.String())
		}
	}
}
