package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/ingest/check"
)

func TestACheckSaysWhatRealCamerasGiveAndAnswer(t *testing.T) {
	needsGStreamer(t)
	t.Setenv("RIGHT", "open/sesame")
	t.Setenv("WRONG", "hunter2")
	locked, udp := startRTSP(t, "--user", "viewer", "--password", "open/sesame"), startRTSP(t, "--transport", "udp")
	with := func(url, user string) string { return strings.Replace(url, "rtsp://", "rtsp://"+user+"@", 1) }
	file := write(t, "cameras.yaml", fmt.Sprintf(`
cameras:
  - {id: right, source: "%s"}
  - {id: wrong, source: "%s"}
  - {id: nobody, source: "%s"}
  - {id: udp, source: "%s", resize: native}
  - {id: path, source: "%s"}
`, with(locked.url, "viewer:${RIGHT}"), with(locked.url, "viewer:${WRONG}"), locked.url, udp.url, udp.url+"/elsewhere"))
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"check", "--config", file, "--format", "jsonl"}, &stdout, &stderr); code != program.Failed {
		t.Errorf("exit %d\n%s", code, &stderr)
	}
	got := map[string]check.Source{}
	for line := range strings.Lines(stdout.String()) {
		var s check.Source
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatal(err)
		}
		got[s.Camera] = s
	}
	for id, want := range map[string]check.Source{
		"right":  {OK: true, State: "ok", Transport: "tcp", FrameWidth: 640},
		"wrong":  {State: "unauthorized", Reason: "does not take this user and password (401"},
		"nobody": {State: "unauthorized", Reason: "wants a user and a password (401"},
		"udp":    {OK: true, State: "ok", Transport: "udp", FrameWidth: 320},
		"path":   {State: "not_found", Reason: "no such stream (404"},
	} {
		s := got[id]
		if s.OK != want.OK || s.State != want.State || s.Transport != want.Transport || s.FrameWidth != want.FrameWidth || !strings.Contains(s.Reason, want.Reason) {
			t.Errorf("%+v, want %+v", s, want)
		}
		if s.OK && (s.Width != 320 || s.Height != 240 || s.Codec != "h264" || s.PerSecond < 2 || s.PerSecond > 20 || s.First <= 0) {
			t.Errorf("%+v", s)
		}
	}
	for _, secret := range []string{"hunter2", "open/sesame", "open%2Fsesame"} {
		if strings.Contains(stdout.String()+stderr.String(), secret) {
			t.Errorf("%s is in\n%s%s", secret, &stdout, &stderr)
		}
	}
}
