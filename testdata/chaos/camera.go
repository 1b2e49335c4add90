package chaos

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// The size of a picture in pixels.
const Width, Height = 96, 64

// cell is where bit i of a picture's number is, white or black.
func cell(i int) image.Rectangle {
	const columns = 8
	w, h := Width/columns, Height/(32/columns)
	at := image.Pt(i%columns*w, i/columns*h)
	return image.Rectangle{at, at.Add(image.Pt(w, h))}
}

// mark is the number n, below 2^24, with a check of itself.
func mark(n uint32) uint32 { return n | (n*0x9e3779b1>>24)<<24 }

// picture is a JPEG in which n can be read.
func picture(n uint32) []byte {
	m := image.NewGray(image.Rect(0, 0, Width, Height))
	bits := mark(n)
	for i := range 32 {
		if bits>>i&1 == 1 {
			draw.Draw(m, cell(i), image.NewUniform(color.Gray{Y: 230}), image.Point{}, draw.Src)
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// Serve is a network camera whose pictures are numbered: JPEGs over HTTP without an end,
// one every interval, none of them twice, whoever asks. It ends with the test.
func Serve(t *testing.T, interval time.Duration) *httptest.Server {
	t.Helper()
	var count atomic.Uint32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=frame")
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			p := picture(count.Add(1))
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
