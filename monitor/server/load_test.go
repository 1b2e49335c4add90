package server_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestWhoSendsSlowlyIsNotWaitedForLong(t *testing.T) {
	s := page(t, nil)
	s.Impatient(200*time.Millisecond, 100)
	address := serve(t, s)
	<-s.Inputs().Ready()
	var all sync.WaitGroup
	for i := range 80 {
		all.Go(func() {
			c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(10 * time.Second))
			fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: localhost\r\nX-%d: ", i)
			_, err = io.Copy(io.Discard, c) // until the server hangs up
			if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
				t.Error("the server still waits for a request that does not come")
			}
		})
	}
	res, err := http.Get("http://" + address + "/api/v1/page") //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("beside them: %s", res.Status)
	}
	all.Wait()
}

// Fifty browsers that listen and ask take little, and leave nothing behind.
func TestFiftyBrowsersAtOnceStayInBounds(t *testing.T) {
	s := page(t, nil)
	address := serve(t, s)
	<-s.Inputs().Ready()
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, routines := heap(), runtime.NumGoroutine()
	ctx := t.Context()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 200}}
	get := func(path string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, http.NoBody)
		if err != nil {
			return nil, err
		}
		return client.Do(r)
	}
	var all sync.WaitGroup
	told := make(chan bool, 50)
	for range 50 {
		all.Go(func() {
			stream, err := get("/api/v1/stream?topics=cameras,inputs,pipeline")
			if err != nil {
				t.Error(err)
				return
			}
			defer stream.Body.Close()
			lines := bufio.NewScanner(stream.Body)
			for lines.Scan() && !strings.HasPrefix(lines.Text(), "event: inputs") {
			}
			told <- true
			for range 20 {
				for _, path := range []string{"/api/v1/cameras", "/api/v1/pipeline", "/api/v1/cameras/pictures?want=camera-00,camera-01", "/api/v1/cameras/camera-00/history"} {
					res, err := get(path)
					if err != nil {
						t.Error(err)
						return
					}
					_, err = io.Copy(io.Discard, res.Body)
					res.Body.Close()
					if res.StatusCode != http.StatusOK || err != nil {
						t.Errorf("%s: %s, %v", path, res.Status, err)
					}
				}
			}
		})
	}
	all.Wait()
	if len(told) != 50 {
		t.Errorf("%d of 50 browsers were told how it is", len(told))
	}
	client.CloseIdleConnections()
	if after := heap(); after > before+64<<20 {
		t.Errorf("%d MB are held, before %d", after>>20, before>>20)
	}
	until(t, func() bool { return runtime.NumGoroutine() <= routines+10 })
}
