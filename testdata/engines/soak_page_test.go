//go:build engines

package engines

import (
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// browsers look at a page as long as a test lasts: each follows what is new, and asks for
// everything else every few seconds. What a page does not have is passed over.
type browsers struct {
	asked, failed atomic.Int64 // requests, and those that were not answered as asked

	mu  sync.Mutex
	why map[string]int // of those that were not
}

func (b *browsers) wrong(why string) {
	b.failed.Add(1)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.why[why]++
}

var pagePaths = []string{
	"/", "/assets/app.js", "/api/v1/page", "/api/v1/cameras", "/api/v1/cameras/pictures", "/api/v1/cameras/live-film-0/history",
	"/api/v1/events", "/api/v1/events/day", "/api/v1/pipeline",
}

const (
	browserCount = 6
	browserPause = 3 * time.Second
)

var pageAddress = regexp.MustCompile(`the page is at (http://\S+)/`)

// pageURL waits until a page says where it is.
func pageURL(t *testing.T, j *job) string {
	t.Helper()
	eventually(t, "the page says where it is", func() bool { return pageAddress.MatchString(j.output()) })
	return pageAddress.FindStringSubmatch(j.output())[1]
}

func look(t *testing.T, base string) *browsers {
	b := &browsers{why: map[string]int{}}
	client := &http.Client{Timeout: time.Minute}
	follow := &http.Client{}
	for i := range browserCount {
		go func() {
			for t.Context().Err() == nil {
				b.stream(t.Context(), follow, base)
				rest(t.Context(), browserPause)
			}
		}()
		go func() {
			for n := i; t.Context().Err() == nil; n++ {
				b.get(t.Context(), client, base+pagePaths[n%len(pagePaths)])
				rest(t.Context(), browserPause/time.Duration(len(pagePaths)))
			}
		}()
	}
	return b
}

func (b *browsers) get(ctx context.Context, client *http.Client, url string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return
	}
	b.asked.Add(1)
	resp, err := client.Do(req)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, syscall.ECONNREFUSED):
		b.wrong("it is not there")
	case err != nil:
		b.wrong("it breaks off")
	case resp.StatusCode >= 500:
		b.wrong(req.URL.Path + " " + resp.Status)
	}
}

// stream follows what is new until it breaks off.
func (b *browsers) stream(ctx context.Context, client *http.Client, base string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/api/v1/stream", nil)
	if err != nil {
		return
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := client.Do(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
}

func rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// pageAgain is where a page is to be served that was killed.
func pageAgain(url string) string { return "--listen=" + strings.TrimPrefix(url, "http://") }
