package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/alerts/message"
	"github.com/framebeam/framebeam/alerts/rule"
	"github.com/framebeam/framebeam/alerts/secret"
	"github.com/framebeam/framebeam/alerts/target"
	"github.com/framebeam/framebeam/transforms/eventsink"
	"github.com/framebeam/framebeam/transforms/result"
)

// The example of the Standard Webhooks specification.
const exampleKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func TestTheSignatureIsThatOfTheSpecification(t *testing.T) {
	file := write(t, exampleKey)
	k, err := keys(secret.Ref{File: file})
	if err != nil {
		t.Fatal(err)
	}
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	if got := sign(k, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`)); got != want {
		t.Error(got)
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var msg = &message.Message{
	ID: "3f2a", Alert: "door", Text: "somebody", Held: rule.Held{Count: 2, From: at, To: at},
	Event:   eventsink.Event{Event: result.Event{ID: "3f2a", Type: "LineDetector/Crossed"}, Camera: "gate", Captured: at},
	Picture: message.Picture{JPEG: []byte("jpeg")},
}

var at = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

func TestAnAlertIsASignedCloudEventInBothModes(t *testing.T) {
	for _, mode := range []string{Structured, Binary} {
		t.Run(mode, func(t *testing.T) {
			var header http.Header
			var body []byte
			s := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				header = r.Header
				body, _ = io.ReadAll(r.Body)
			}))
			defer s.Close()
			h, err := Open(Config{Plain: s.URL, Mode: mode, Secret: secret.Ref{File: write(t, exampleKey+"\nwhsec_"+strings.Repeat("AAAA", 8)+"\n")}, Token: secret.Ref{File: write(t, "open sesame\n")}})
			if err != nil {
				t.Fatal(err)
			}
			defer h.Close()
			if _, err := h.Send(t.Context(), msg); err == nil || !strings.Contains(err.Error(), "certificate") {
				t.Fatal("the receiver's certificate is not looked at:", err)
			}
			h.client = s.Client()
			if answer, err := h.Send(t.Context(), msg); err != nil || answer != "200 OK" {
				t.Fatal(answer, err)
			}
			if err := Verify(exampleKey, header.Get, body, time.Minute, time.Now()); err != nil {
				t.Error(err)
			}
			if err := Verify("whsec_"+strings.Repeat("BBBB", 8), header.Get, body, time.Minute, time.Now()); !errors.Is(err, ErrSignature) {
				t.Error("any key will do")
			}
			if err := Verify(exampleKey, header.Get, body, time.Minute, time.Now().Add(time.Hour)); !errors.Is(err, ErrSignature) {
				t.Error("an old message is taken")
			}
			if err := Verify(exampleKey, header.Get, append(body, ' '), time.Minute, time.Now()); !errors.Is(err, ErrSignature) {
				t.Error("another body is taken")
			}
			if got := header.Get("Authorization"); got != "Bearer open sesame" {
				t.Error(got)
			}
			attribute := func(name string) string { return header.Get("ce-" + name) }
			kind := "application/json"
			if mode == Structured {
				var event map[string]any
				if err := json.Unmarshal(body, &event); err != nil {
					t.Fatal(err)
				}
				attribute = func(name string) string { s, _ := event[name].(string); return s }
				body, _ = json.Marshal(event["data"])
				kind = "application/cloudevents+json"
			}
			if got := header.Get("Content-Type"); got != kind {
				t.Error(got)
			}
			for name, want := range map[string]string{
				"specversion": "1.0", "id": "3f2a", "source": "/alerts/door/cameras/gate", "type": "com.framebeam.alert.v1",
				"subject": "LineDetector/Crossed", "time": "2024-05-01T12:00:00Z",
			} {
				if got := attribute(name); got != want {
					t.Errorf("%s is %q, not %q", name, got, want)
				}
			}
			var data struct {
				Alert, Text string
				Picture     []byte
				Held        struct{ Count int }
				Event       struct{ Camera string }
			}
			if err := json.Unmarshal(body, &data); err != nil {
				t.Fatal(err)
			}
			if data.Alert != "door" || data.Text != "somebody" || string(data.Picture) != "jpeg" || data.Held.Count != 2 || data.Event.Camera != "gate" {
				t.Errorf("%+v", data)
			}
		})
	}
}

func TestWhatAnAnswerMeans(t *testing.T) {
	for _, c := range []struct {
		code    int
		after   string
		refused bool
		later   time.Duration // -1: not said
		ok      bool
	}{
		{code: 200, ok: true}, {code: 202, ok: true}, {code: 204, ok: true},
		{code: 301, later: -1}, {code: 307, later: -1},
		{code: 400, refused: true}, {code: 410, refused: true}, {code: 413, refused: true}, {code: 415, refused: true}, {code: 422, refused: true}, {code: 501, refused: true},
		{code: 401}, {code: 403}, {code: 404}, {code: 405},
		{code: 408}, {code: 425}, {code: 429, after: "7", later: 7 * time.Second}, {code: 500}, {code: 502},
		{code: 503, after: "100000000", later: time.Hour}, {code: 503, after: "soon"}, {code: 503, after: "-1"},
		{code: 503, after: "Wed, 01 May 2024 12:00:30 GMT", later: 30 * time.Second}, {code: 503, after: "Wed, 01 May 2024 11:00:00 GMT"},
	} {
		hits := 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			hits++
			w.Header().Set("Location", "http://"+r.Host+"/elsewhere")
			if c.after != "" {
				w.Header().Set("Retry-After", c.after)
			}
			w.WriteHeader(c.code)
		}))
		h, err := Open(Config{Plain: s.URL})
		if err != nil {
			t.Fatal(err)
		}
		h.now = func() time.Time { return at }
		_, err = h.Send(t.Context(), msg)
		later, isLater := errors.AsType[*target.Later](err)
		_, refused := target.IsRefused(err)
		if (err == nil) != c.ok || refused != c.refused || hits != 1 || isLater && later.After != c.later || !isLater && c.later > 0 {
			t.Errorf("%d %q: %v, %d requests", c.code, c.after, err, hits)
		}
		h.Close()
		s.Close()
	}
}

func TestAReceiverThatHangsIsGivenUpAndNothingTellsItsAddress(t *testing.T) {
	hang := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}))
	defer s.Close()
	defer close(hang)
	h, err := Open(Config{URL: secret.Ref{File: write(t, s.URL+"/T00/B00/hunter2?token=hunter2\n")}, Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	_, err = h.Send(t.Context(), msg)
	if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "hunter2") || strings.Contains(h.Host(), "hunter2") {
		t.Error(err, h.Host())
	}
}

func TestAnAnswerIsReadToABound(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		for range 1000 {
			if _, err := w.Write([]byte(strings.Repeat("x\x1b", 1000))); err != nil {
				return
			}
		}
	}))
	defer s.Close()
	h, err := Open(Config{Plain: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	_, err = h.Send(t.Context(), msg)
	if reason, ok := target.IsRefused(err); !ok || len(reason) > 300 || strings.Contains(reason, "\x1b") {
		t.Errorf("%d bytes: %.100q", len(reason), reason)
	}
}

func TestWhatIsWrongWithAHook(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"no address", Config{}, "it is not a URL"},
		{"another scheme", Config{Plain: "ftp://ops.example/"}, "not https or http"},
		{"not encrypted", Config{Plain: "http://ops.example/"}, "use https, or say unencrypted: true"},
		{"a password in it", Config{Plain: "https://me:hunter2@ops.example/"}, "it holds a user"},
		{"another mode", Config{Plain: "https://ops.example/", Mode: "xml"}, `"xml" is not structured or binary`},
		{"a key that is none", Config{Plain: "https://ops.example/", Secret: secret.Ref{File: write(t, "hunter2")}}, "does not hold a key as Standard Webhooks has it"},
		{"a short key", Config{Plain: "https://ops.example/", Secret: secret.Ref{File: write(t, "whsec_aHVudGVyMg==")}}, "does not hold a key"},
		{"a key in a variable that is not set", Config{Plain: "https://ops.example/", Secret: secret.Ref{Env: "NOT_SET_ANYWHERE"}}, "NOT_SET_ANYWHERE is not set"},
		{"the key itself", Config{Plain: "https://ops.example/", Secret: secret.Ref{Env: "whsec_hunter2=="}}, "not the name of an environment variable"},
	} {
		_, err := Open(c.cfg)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := Open(Config{Plain: "http://ops.example/", Unencrypted: true}); err != nil {
		t.Error(err)
	}
}

// FuzzRetryAfter: whatever a receiver says, the wait is from 0 to its bound.
func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "7", "-7", "1e9", "99999999999999999999", "Wed, 01 May 2024 12:00:30 GMT", "Mon, 01 Jan 9999 00:00:00 GMT"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d := retryAfter(s, at); d < 0 || d > maxRetryAfter {
			t.Fatal(d)
		}
	})
}
