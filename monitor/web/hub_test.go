package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/framebeam/framebeam/monitor/web"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"))
}

// listener is a browser that listens.
type listener struct {
	t     *testing.T
	lines *bufio.Scanner
	last  string // id
	stop  func()
}

func listen(t *testing.T, url, last string) *listener {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	l := &listener{t: t, lines: lines, stop: func() { cancel(); res.Body.Close() }}
	t.Cleanup(l.stop)
	return l
}

// next is the next event that comes: its name and data.
func (l *listener) next() string {
	l.t.Helper()
	name := ""
	for l.lines.Scan() {
		field, value, _ := strings.Cut(l.lines.Text(), ": ")
		switch field {
		case "id":
			l.last = value
		case "event":
			name = value
		case "data":
			return name + " " + value
		}
	}
	l.t.Fatalf("the stream ends: %v", l.lines.Err())
	return ""
}

func hub(t *testing.T, most int) (*web.Hub, string) {
	t.Helper()
	h := web.NewHub(most, slog.New(slog.DiscardHandler))
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	t.Cleanup(h.Close)
	return h, s.URL
}

func (l *listener) want(events ...string) {
	l.t.Helper()
	for _, want := range events {
		if got := l.next(); got != want {
			l.t.Fatalf("%q, want %q", got, want)
		}
	}
}

func TestABrowserGetsStatesAsTheyAreAndEventsAsTheyCome(t *testing.T) {
	h, url := hub(t, 10)
	h.State("s", 1)
	h.State("s", 2)
	h.State("other", 0)
	h.Event("e", "before")
	l := listen(t, url+"?topics=s,e", "")
	l.want("s 2")
	h.Event("e", "a")
	h.Event("none", "x")
	h.Event("e", "b")
	l.want(`e "a"`, `e "b"`)
	h.State("s", 3)
	l.want("s 3")
}

func TestABrowserThatComesBackGetsWhatItMissed(t *testing.T) {
	h, url := hub(t, 10)
	l := listen(t, url, "")
	h.Event("e", 1)
	l.want("e 1")
	l.stop()
	h.Event("e", 2)
	h.Event("e", 3)
	listen(t, url, l.last).want("e 2", "e 3")
	listen(t, url, "another-1").want("reset {}") // of a server that ran before
	listen(t, url, "nonsense").want("reset {}")
	for i := range 2000 {
		h.Event("e", i)
	}
	listen(t, url, l.last).want("reset {}")
}

func TestASlowBrowserIsToldToAskAnewAndHoldsUpNobody(t *testing.T) {
	h, url := hub(t, 10)
	slow, quick := listen(t, url, ""), listen(t, url, "")
	h.State("ready", 1)
	slow.want("ready 1")
	quick.want("ready 1")
	long := strings.Repeat("x", 32<<10)
	for i := range 1000 { // more than sockets and queue hold
		h.Event("e", fmt.Sprint(i, long))
	}
	for got := ""; !strings.HasPrefix(got, "reset"); {
		got = slow.next()
	}
	if !h.Watched("e") || h.Browsers() != 2 {
		t.Errorf("%d browsers", h.Browsers())
	}
}

func TestThereAreOnlySoManyBrowsers(t *testing.T) {
	h, url := hub(t, 2)
	h.State("s", 1)
	listen(t, url, "").want("s 1")
	second := listen(t, url, "")
	second.want("s 1")
	res, err := http.Get(url) //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var told struct {
		Error struct{ Code, Message string }
	}
	if err := json.NewDecoder(res.Body).Decode(&told); err != nil || res.StatusCode != http.StatusServiceUnavailable || told.Error.Code != "too_many" {
		t.Errorf("%s, %+v, %v", res.Status, told, err)
	}
	h.Close()
	if second.lines.Scan(); second.lines.Err() == nil && second.lines.Scan() && second.lines.Scan() {
		t.Error("a stream goes on after the end")
	}
}
