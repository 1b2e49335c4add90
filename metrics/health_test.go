package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReadyIsWhoIsAliveAndHasAllThatItNeeds(t *testing.T) {
	e := New("test")
	if code, text := get(t, e, "/readyz"); code != http.StatusOK || text != "ok\n" {
		t.Error(code, text)
	}
	job := e.Phase("job")
	e.Ready("brokers", func(context.Context) error { return errors.New("localhost:9092:\nrefused") })
	e.Alive("loop", func(context.Context) error { return nil })
	if code, text := get(t, e, "/readyz"); code != http.StatusServiceUnavailable ||
		text != "[+] loop ok\n[-] job: not yet\n[-] brokers: localhost:9092: refused\nfailed\n" {
		t.Error(code, text)
	}
	if code, text := get(t, e, "/healthz"); code != http.StatusOK || text != "[+] loop ok\nok\n" {
		t.Error(code, text)
	}
	w := httptest.NewRecorder()
	e.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz?format=json", nil))
	var h Health
	want := Health{Checks: []Result{{Name: "loop", OK: true}, {Name: "job", Reason: "not yet"}, {Name: "brokers", Reason: "localhost:9092:\nrefused"}}}
	if err := json.Unmarshal(w.Body.Bytes(), &h); err != nil || w.Code != http.StatusServiceUnavailable || cmp.Diff(want, h) != "" {
		t.Error(err, w.Code, cmp.Diff(want, h))
	}
	e.Ready("brokers", nil)
	e.Ready("job", func(context.Context) error { return nil })
	if code, text := get(t, e, "/readyz"); code != http.StatusOK || text != "[+] loop ok\n[+] job ok\nok\n" {
		t.Error(code, text)
	}
	job(nil) // of a phase that was replaced
}

func TestALoopThatStandsStillIsNotAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New("test")
		turn := e.Loop("reports", 10*time.Second)
		time.Sleep(9 * time.Second)
		turn()
		time.Sleep(9 * time.Second)
		if h := e.Healthz(t.Context()); !h.OK {
			t.Error(h)
		}
		time.Sleep(2 * time.Second)
		if h := e.Healthz(t.Context()); h.OK || h.Checks[0].Reason != "it has not turned for 11s" {
			t.Error(h)
		}
	})
}

func TestACheckIsNotAskedMoreOftenThanItMayBeWhoeverAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New("test")
		var asked atomic.Int64
		e.Ready("brokers", func(context.Context) error {
			asked.Add(1)
			time.Sleep(100 * time.Millisecond)
			return nil
		})
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if h := e.Readyz(t.Context()); !h.OK {
					t.Error(h)
				}
			})
		}
		wg.Wait()
		e.Readyz(t.Context())
		if n := asked.Load(); n != 1 {
			t.Error(n)
		}
		time.Sleep(CheckEvery)
		if e.Readyz(t.Context()); asked.Load() != 2 {
			t.Error(asked.Load())
		}
	})
}

func TestACheckThatDoesNotAnswerIsWaitedForOnceAndNoLongerThanItMayTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New("test")
		end := make(chan struct{})
		var asked atomic.Int64
		e.Ready("disk", func(context.Context) error { // as of a network file system that is away
			asked.Add(1)
			<-end
			return nil
		})
		begun := time.Now()
		for range 3 {
			if h := e.Readyz(t.Context()); h.OK || h.Checks[0].Reason != "it does not answer" {
				t.Error(h)
			}
		}
		if took := time.Since(begun); took != 3*CheckPatience || asked.Load() != 1 {
			t.Error(took, asked.Load())
		}
		close(end)
		synctest.Wait()
		if h := e.Readyz(t.Context()); !h.OK {
			t.Error(h)
		}
	})
}
