// Package webcam is a network camera for tests: JPEGs over HTTP, without an end
// (multipart/x-mixed-replace, RFC 2046 with what browsers made of it).
package webcam

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// Serve serves a small square that moves, a picture every interval, until the test
// ends.
func Serve(t *testing.T, width, height int, interval time.Duration) *httptest.Server {
	t.Helper()
	var pictures [10][]byte
	for i := range pictures {
		m := image.NewGray(image.Rect(0, 0, width, height))
		for x := range 10 {
			for y := range 10 {
				m.SetGray(5*i+x, 20+y, color.Gray{Y: 200})
			}
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, m, nil); err != nil {
			t.Fatal(err)
		}
		pictures[i] = b.Bytes()
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=frame")
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for i := 0; ; i++ {
			p := pictures[i%len(pictures)]
			if _, err := fmt.Fprintf(w, "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n", len(p), p); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			select {
			case <-tick.C:
			case <-r.Context().Done():
				return
			}
		}
	}))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}
