package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/framebeam/framebeam/testdata/trial"
)

// Whatever goes wrong with a source, nothing that is printed, by FFmpeg neither,
// shows what came from the environment; and it comes through to the camera.
func TestSecretsOfSourcesAreShownNowhere(t *testing.T) {
	const password, token = "p/a#s?s@w:o%rd", "t0p53cr3t-token"
	var mu sync.Mutex
	passwords, paths := map[string]bool{}, map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, given, ok := r.BasicAuth()
		mu.Lock()
		passwords[given], paths[r.URL.Path] = true, true
		mu.Unlock()
		if strings.HasPrefix(r.URL.Path, "/locked") && !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		http.NotFound(w, r)
	}))
	defer server.Close()
	films := filepath.Join(t.TempDir(), token)
	if err := os.Mkdir(films, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(films, "broken.avi"), []byte("no film"), 0o600); err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(server.URL, "http://")
	t.Setenv("CAMERA_PASSWORD", password)
	t.Setenv("CAMERA_TOKEN", token)
	t.Setenv("CAMERA_FILMS", films)
	t.Setenv("OPENCV_FFMPEG_DEBUG", "1")
	t.Setenv("OPENCV_LOG_LEVEL", "DEBUG")
	b := trial.Start(t, nil)
	config := fmt.Sprintf(`cameras:
  - {id: gate, source: "http://viewer:${CAMERA_PASSWORD}@%[1]s/locked/stream.mjpg"}
  - {id: yard, source: "http://%[1]s/${CAMERA_TOKEN}/live.m3u8"}
  - {id: door, source: "rtsp://%[1]s/user=admin_password=${CAMERA_TOKEN}"}
  - {id: mast, source: "rtsp://127.0.0.1:1/user=admin&password=${CAMERA_TOKEN}?x=${CAMERA_TOKEN}"}
  - {id: film, source: "${CAMERA_FILMS}"}
`, host)
	p := collect(t, b, config, "--progress=100ms", "--listen-metrics=127.0.0.1:0")
	grown := func() bool {
		mu.Lock()
		defer mu.Unlock()
		said := p.said.String()
		return passwords[password] && paths["/"+token+"/live.m3u8"] && strings.Contains(said, "camera=door") && strings.Contains(said, "camera=mast") && strings.Contains(said, "camera=film")
	}
	eventually(t, p, grown)
	measured := regexp.MustCompile(`http://\S+/metrics`).FindString(p.said.String())
	for _, page := range []string{"metrics", "readyz"} {
		resp, err := http.Get(strings.TrimSuffix(measured, "metrics") + page)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if page == "metrics" && !strings.Contains(string(text), "framebeam_camera_up{camera=\"mast\"} 0\n") {
			t.Errorf("%s", text)
		}
		fmt.Fprintf(&p.said, "%s", text)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.Wait()
	for _, secret := range []string{password, token, "p%2Fa%23s", "p/a#s", "s@w:o"} {
		if strings.Contains(p.said.String(), secret) {
			t.Errorf("%q is in\n%s", secret, &p.said)
		}
	}
}
