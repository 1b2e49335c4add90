package capture

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/transforms/frame"
)

// snapshotCamera gives one JPEG for each request, of a shade that says which.
func snapshotCamera(t *testing.T, before func(n int64, w http.ResponseWriter, r *http.Request) bool) *httptest.Server {
	var count atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := count.Add(1)
		if before != nil && before(n, w, r) {
			return
		}
		img := image.NewGray(image.Rect(0, 0, 64, 48))
		for i := range img.Pix {
			img.Pix[i] = color.Gray{Y: byte(n)}.Y
		}
		w.Header().Set("Content-Type", "image/jpeg")
		jpeg.Encode(w, img, nil)
	}))
	t.Cleanup(s.Close)
	return s
}

func snapshotSource(t *testing.T, url string) config.Camera {
	t.Helper()
	cfg := live()
	var err error
	if cfg.Source, err = config.ParseSource(url, "", os.LookupEnv); err != nil {
		t.Fatal(err)
	}
	cfg.Interval, cfg.ReadTimeout = 10*time.Millisecond, 10*time.Second
	return cfg
}

// take captures until there are n frames.
func take(t *testing.T, cfg config.Camera, n int) (frames []*frame.Frame, cam *Camera) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cam = New(cfg, Options{Log: quiet, start: inside(openStream, systemClock), wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }})
	cam.Run(ctx, func(f *frame.Frame) error {
		if frames = append(frames, f); len(frames) == n {
			cancel()
		}
		return nil
	})
	return frames, cam
}

func TestASnapshotCameraIsOneEpochAsLongAsItAnswers(t *testing.T) {
	s := snapshotCamera(t, func(n int64, w http.ResponseWriter, r *http.Request) bool {
		switch n {
		case 4:
			w.Header().Set("Content-Type", "image/jpeg")
			fmt.Fprint(w, "\xff\xd8 half a picture")
		case 8:
			http.Error(w, "busy", http.StatusServiceUnavailable)
		default:
			return false
		}
		return true
	})
	cfg := snapshotSource(t, s.URL+"/snapshot.jpg")
	began := time.Now()
	frames, cam := take(t, cfg, 9)
	took := time.Since(began)
	if list := epochs(frames); len(list) != 2 || cam.Counters.Unreadable.Load() != 1 || cam.Counters.Failures.Load() != 1 {
		t.Errorf("epochs %v, %d unreadable, %d failures", list, cam.Counters.Unreadable.Load(), cam.Counters.Failures.Load())
	}
	// 11 pictures are asked for, all but the first of each epoch after the interval.
	if took < 9*cfg.Interval {
		t.Errorf("11 pictures in %v, one is due every %v", took, cfg.Interval)
	}
}

func TestASnapshotCameraKnowsItsUser(t *testing.T) {
	for name, server := range map[string]func(w http.ResponseWriter, r *http.Request) bool{
		"basic": func(w http.ResponseWriter, r *http.Request) bool {
			if u, p, _ := r.BasicAuth(); u == "me" && p == "a/b?c" {
				return false
			}
			w.Header().Set("WWW-Authenticate", `Basic realm="camera"`)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		},
		"digest": func(w http.ResponseWriter, r *http.Request) bool {
			given := parameters(strings.TrimPrefix(r.Header.Get("Authorization"), "Digest "))
			// As RFC 7616 says it, written out.
			want := md5Hex(md5Hex("me:the camera:a/b?c") + ":n0nce:" + given["nc"] + ":" + given["cnonce"] + ":auth:" + md5Hex("GET:/snap?channel=1"))
			if given["response"] == want && given["uri"] == "/snap?channel=1" && given["opaque"] == `o"p` {
				return false
			}
			w.Header().Add("WWW-Authenticate", `Basic realm="the camera"`)
			w.Header().Add("WWW-Authenticate", `Digest realm="the camera", qop="auth,auth-int", nonce="n0nce", opaque="o\"p", algorithm=MD5`)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := snapshotCamera(t, func(_ int64, w http.ResponseWriter, r *http.Request) bool { return server(w, r) })
			url := strings.Replace(s.URL, "//", "//me:a%2Fb%3Fc@", 1) + "/snap?channel=1"
			frames, _ := take(t, snapshotSource(t, url), 3)
			if list := epochs(frames); len(list) != 1 {
				t.Errorf("epochs %v", list)
			}
		})
	}
}

func TestWhatIsNoSnapshotIsSaid(t *testing.T) {
	for want, answer := range map[string]func(w http.ResponseWriter, r *http.Request){
		"leave interval out": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=x")
		},
		`no picture but "text/html"`: func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/html") },
		"no such stream (404":        http.NotFound,
		"this user and password": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", "Basic")
			w.WriteHeader(http.StatusUnauthorized)
		},
		"more than 3 times": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x"+r.URL.Path, http.StatusFound) },
	} {
		s := snapshotCamera(t, func(_ int64, w http.ResponseWriter, r *http.Request) bool { answer(w, r); return true })
		cfg := snapshotSource(t, strings.Replace(s.URL, "//", "//me:hunter2@", 1)+"/s3cret/")
		_, err := openSnapshots(cfg.Source, time.Second, time.Second)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v, want %s", err, want)
		}
	}
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	secure.Config.ErrorLog = nil
	if _, err := openSnapshots(snapshotSource(t, secure.URL).Source, time.Second, time.Second); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
}

func FuzzParameters(f *testing.F) {
	f.Add(`realm="a, b", nonce=x,qop="auth\"`)
	f.Fuzz(func(t *testing.T, s string) { parameters(s) })
}

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}
