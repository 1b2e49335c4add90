// Package web is what the views of the page share to answer requests: errors as JSON, answers
// that a browser need not fetch twice, and the stream of what is new.
package web

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/monitor/inputs"
)

// Deps is what a view is given. A view is a package with
//
//	func Register(mux *http.ServeMux, d web.Deps)
//
// which adds its handlers below /api/v1/ (made with [Deps.Handle]) and says with d.Background what runs
// as long as the page is served.
type Deps struct {
	Inputs *inputs.Inputs
	Hub    *Hub
	// Edit: the page may change configuration files. Handlers that write are only to be
	// registered where it is set; the server lets nobody write from another site's page.
	Edit bool
	Log  *slog.Logger
	// Background runs fn, beside all else, until its context ends with the server.
	Background func(fn func(context.Context))
}

// Error is an answer other than success. Its JSON is {"error": {"code": …, "message": …}}.
type Error struct {
	Status  int    // of HTTP
	Code    string // a word for programs: not_found, bad_request, away, …
	Message string // a sentence for people
}

func (e *Error) Error() string { return e.Message }

// BadRequest says what is wrong with a request.
func BadRequest(format string, args ...any) error {
	return &Error{http.StatusBadRequest, "bad_request", fmt.Sprintf(format, args...)}
}

// NotFound says what there is not.
func NotFound(format string, args ...any) error {
	return &Error{http.StatusNotFound, "not_found", fmt.Sprintf(format, args...)}
}

// Handle makes a handler of a function that returns what went wrong: an *[Error] as it is; what
// is not there, 404; what is away for now ([inputs.AwayError]), and a full disk, 503; everything else, 500 and a line
// in the log. After it has begun to write, a function returns nil or ends the connection by
// panicking with http.ErrAbortHandler.
func (d *Deps) Handle(fn func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := fn(w, r); err != nil && r.Context().Err() == nil {
			d.fail(w, r, err)
		}
	})
}

func (d *Deps) fail(w http.ResponseWriter, r *http.Request, err error) {
	var answer *Error
	var away *inputs.AwayError
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &answer):
	case errors.As(err, &away):
		w.Header().Set("Retry-After", "2")
		answer = &Error{http.StatusServiceUnavailable, "away", err.Error()}
	case errors.Is(err, syscall.ENOSPC): // inputs are only read
		answer = &Error{http.StatusServiceUnavailable, "full", "the disk of the page is full: " + err.Error()}
	case errors.As(err, &large):
		answer = &Error{http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("more than %d bytes were sent", large.Limit)}
	case errors.Is(err, fs.ErrNotExist):
		answer = &Error{http.StatusNotFound, "not_found", err.Error()}
	default:
		d.Log.Error("a request failed", "path", r.URL.Path, "error", err)
		answer = &Error{http.StatusInternalServerError, "failed", err.Error()}
	}
	WriteError(w, answer)
}

// WriteError writes an answer other than success.
func WriteError(w http.ResponseWriter, e *Error) {
	type body struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	b, _ := json.Marshal(map[string]body{"error": {e.Code, e.Message}})
	h := w.Header()
	h.Del("ETag")
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(e.Status)
	_, _ = w.Write(b)
}

// JSON answers with v. A browser that has the same already is told so.
func JSON(w http.ResponseWriter, r *http.Request, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("answer %s: %w", r.URL.Path, err)
	}
	Bytes(w, r, "application/json", b)
	return nil
}

// Bytes answers with a body that nobody may keep but the browser, and that only to ask whether
// it is still the same.
func Bytes(w http.ResponseWriter, r *http.Request, contentType string, body []byte) {
	sum := fnv.New128a()
	_, _ = sum.Write(body)
	tag := `"` + hex.EncodeToString(sum.Sum(nil)) + `"`
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "private, no-cache")
	h.Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(body)
}

// Day is the one that a request names, such as 2024-05-01, by the clocks of a zone.
func Day(text string, zone *time.Location) (period.Period, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return period.Period{}, BadRequest("day: not one such as 2024-05-01")
	}
	return period.Day(period.Local(t, zone), zone), nil
}

// MostBody is how many bytes a request may bring.
const MostBody = 1 << 20

// Read reads a request's JSON into v, which must have every field of it.
func Read(w http.ResponseWriter, r *http.Request, v any) error {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		return &Error{http.StatusUnsupportedMediaType, "bad_request", "the body is to be application/json"}
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, MostBody))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
			return err
		}
		return BadRequest("the body: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// Extend gives a long answer, such as a film's, more time to be written than the server gives all.
func Extend(w http.ResponseWriter, by time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(by))
}
