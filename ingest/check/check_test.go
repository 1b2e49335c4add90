package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/framebeam/framebeam/ingest/capture"
	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/testdata/webcam"
	"github.com/framebeam/framebeam/transforms/frame"
)

func TestMain(m *testing.M) {
	capture.Child()
	goleak.VerifyTestMain(m)
}

func TestEverySourceIsTriedAndWhatItAnswersIsSaid(t *testing.T) {
	t.Setenv("CAMERA_PASSWORD", "hunter2")
	camera := webcam.Serve(t, 320, 240, 50*time.Millisecond)
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="gate"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer refuses.Close()
	text := fmt.Sprintf(`
defaults: {resize: 160x120}
cameras:
  - {id: scene, source: "scene:seed=7&size=64x48&frames=20&fps=10", encoding: raw, resize: native}
  - {id: web, source: "%s/"}
  - {id: gate, source: "http://viewer:${CAMERA_PASSWORD}@%s/"}
  - {id: off, source: "rtsp://viewer:${CAMERA_PASSWORD}@127.0.0.1:1/"}
  - {id: snap, source: "%s/", interval: 1s}
`, camera.URL, strings.TrimPrefix(refuses.URL, "http://"), camera.URL)
	cfg, err := config.Parse([]byte(text), config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir, done := t.TempDir(), 0
	all, err := Run(t.Context(), cfg, Options{AtOnce: 2, Thumbnails: dir, Done: func(Source) { done++ }})
	if err != nil || len(all) != 5 || done != 5 {
		t.Fatal(all, done, err)
	}
	for i, want := range []Source{
		{Camera: "scene", OK: true, State: "ok", Width: 64, Height: 48, FrameWidth: 64, FrameHeight: 48, Encoding: "raw", FrameBytes: 64 * 48 * 3},
		{Camera: "web", OK: true, State: "ok", Width: 320, Height: 240, Codec: "mjpeg", Transport: "tcp", FrameWidth: 160, FrameHeight: 120, Encoding: "jpeg"},
		{Camera: "gate", State: "unauthorized", Reason: "does not take this user and password (401"},
		{Camera: "off", State: "refused", Reason: "nothing listens there"},
		{Camera: "snap", State: "answered", Reason: "leave interval out"},
	} {
		got := all[i]
		if !strings.Contains(got.Reason, want.Reason) || (want.Reason == "") != (got.Reason == "") {
			t.Errorf("%s: %s, want %s", got.Camera, got.Reason, want.Reason)
		}
		if got.OK {
			if got.PerSecond < 1 || got.First <= 0 || want.FrameBytes == 0 && got.FrameBytes == 0 {
				t.Errorf("%+v", got)
			}
			picture, err := os.ReadFile(got.Thumbnail)
			if err != nil || got.Thumbnail != filepath.Join(dir, got.Camera+".jpg") {
				t.Fatal(err)
			}
			head, err := jpeg.DecodeConfig(bytes.NewReader(picture))
			if err != nil || head.Width != want.FrameWidth {
				t.Errorf("%s: %v %v", got.Thumbnail, head, err)
			}
		}
		got.Source, got.PerSecond, got.First, got.Thumbnail, got.Reason, want.Reason = "", 0, 0, "", "", ""
		if want.FrameBytes == 0 {
			got.FrameBytes = 0
		}
		if got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	var printed, lines bytes.Buffer
	if err := Write(&printed, all); err != nil {
		t.Fatal(err)
	}
	if err := WriteJSON(&lines, all); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CAMERA  STATE", "64x48 raw, 10 KB", "gate    unauthorized", "\ngate: URL http://viewer:xxxxx@"} {
		if !strings.Contains(printed.String(), want) {
			t.Errorf("%q is not in\n%s", want, &printed)
		}
	}
	if text := printed.String() + lines.String(); strings.Contains(text, "hunter2") {
		t.Errorf("the password is shown:\n%s", text)
	}
	for line := range strings.Lines(lines.String()) {
		var s Source
		if err := json.Unmarshal([]byte(line), &s); err != nil || s.Camera == "" {
			t.Error(line, err)
		}
	}
}

func TestAThumbnailIsTheMeanOfItsPixels(t *testing.T) {
	img := image.NewGray(image.Rect(0, 0, 640, 4))
	for x := range 640 {
		for y := range 4 {
			img.SetGray(x, y, color.Gray{Y: uint8(100 + 2*(x%2))})
		}
	}
	small := shrink(img, 320)
	if size := small.Bounds().Size(); size != image.Pt(320, 2) {
		t.Fatal(size)
	}
	if r, _, _, _ := small.At(7, 1).RGBA(); r>>8 != 101 {
		t.Errorf("%d", r>>8)
	}
	if shrink(small, 320) != small {
		t.Error("what is small enough is made anew")
	}
	if _, err := decode(&frame.Frame{Encoding: frame.Raw, Channels: 3, Width: 10, Height: 10, Data: make([]byte, 7)}); err == nil {
		t.Error("a picture that is cut off is shown")
	}
}
