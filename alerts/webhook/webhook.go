// Package webhook tells alerts over HTTP: as CloudEvents in structured or binary mode
// (CloudEvents HTTP protocol binding 1.0), signed as Standard Webhooks says.
package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/framebeam/framebeam/alerts/message"
	"github.com/framebeam/framebeam/alerts/secret"
	"github.com/framebeam/framebeam/alerts/target"
)

// Modes in which a CloudEvent goes over HTTP.
const (
	Structured = "structured" // the whole event is the body
	Binary     = "binary"     // its context is in headers
)

// Config says where messages go.
type Config struct {
	URL    secret.Ref // of it, where the URL is a secret itself
	Plain  string     // the URL, where it is none
	Secret secret.Ref // to sign with; zero: not signed
	Token  secret.Ref // sent as Authorization: Bearer; zero: none
	Mode   string     // default Structured
	TLS    *tls.Config
	// Unencrypted allows http: to more than this machine.
	Unencrypted bool
	Timeout     time.Duration // of one attempt; default 15 s
	NoPicture   bool          // leave pictures out
}

// DefaultTimeout is how long one attempt may take.
const DefaultTimeout = 15 * time.Second

// maxAnswer is how much of an answer is read.
const maxAnswer = 4 << 10

// Hook is a webhook.
type Hook struct {
	cfg    Config
	client *http.Client
	now    func() time.Time
}

// Open makes a hook; nothing is connected yet. The error lists everything that is wrong.
func Open(cfg Config) (*Hook, error) {
	if cfg.Mode == "" {
		cfg.Mode = Structured
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	h := &Hook{cfg: cfg, now: time.Now, client: &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: cfg.TLS, ForceAttemptHTTP2: true,
			MaxConnsPerHost: 4, MaxIdleConnsPerHost: 4, IdleConnTimeout: 90 * time.Second,
			TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		},
		// Where it leads is not for the receiver to say: what is sent may have pictures.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	var errs []error
	if cfg.Mode != Structured && cfg.Mode != Binary {
		errs = append(errs, fmt.Errorf("mode: %q is not %s or %s", cfg.Mode, Structured, Binary))
	}
	if _, err := h.address(); err != nil {
		errs = append(errs, fmt.Errorf("url: %w", err))
	}
	if !cfg.Secret.IsZero() {
		if _, err := keys(cfg.Secret); err != nil {
			errs = append(errs, fmt.Errorf("secret: %w", err))
		}
	}
	if _, err := h.token(); err != nil {
		errs = append(errs, fmt.Errorf("token: %w", err))
	}
	return h, errors.Join(errs...)
}

// Close closes connections that are kept.
func (h *Hook) Close() error {
	h.client.CloseIdleConnections()
	return nil
}

// address is the URL as it is now. An error does not repeat it.
func (h *Hook) address() (*url.URL, error) {
	text := h.cfg.Plain
	if !h.cfg.URL.IsZero() {
		var err error
		if text, err = h.cfg.URL.One(); err != nil {
			return nil, err
		}
	}
	u, err := url.Parse(strings.TrimSpace(text))
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return nil, errors.New("it is not a URL such as https://ops.example/hooks/framebeam")
	case u.User != nil:
		return nil, errors.New("it holds a user: use token_file or token_env")
	case u.Scheme == "http" && !h.cfg.Unencrypted && !target.ThisMachine(u.Hostname()):
		return nil, errors.New("http: sends everything as it is: use https, or say unencrypted: true")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%.20q is not https or http", u.Scheme)
	}
	return u, nil
}

func (h *Hook) token() (string, error) {
	if h.cfg.Token.IsZero() {
		return "", nil
	}
	return h.cfg.Token.One()
}

// Send posts a message.
func (h *Hook) Send(ctx context.Context, m *message.Message) (answer string, err error) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Timeout)
	defer cancel()
	req, err := h.request(ctx, m)
	if err != nil {
		return "", err
	}
	resp, err := h.client.Do(req)
	if err != nil {
		// The error of package net/http has the URL in it, which may be a secret.
		if of, ok := errors.AsType[*url.Error](err); ok {
			err = of.Err
		}
		return "", fmt.Errorf("post to %s: %w", req.URL.Host, err)
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // only for people
	answer = strings.TrimSpace(resp.Status + " " + firstLine(said))
	return answer, h.meaning(resp, answer)
}

func (h *Hook) request(ctx context.Context, m *message.Message) (*http.Request, error) {
	to, err := h.address()
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	body, err := m.Structured(!h.cfg.NoPicture)
	contentType := message.StructuredType
	if h.cfg.Mode == Binary {
		body, err = m.JSON(!h.cfg.NoPicture)
		contentType = message.ContentType
	}
	if err != nil {
		return nil, &target.Refused{Reason: err.Error()}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the request cannot be made")
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", "Framebeam")
	if h.cfg.Mode == Binary {
		for _, a := range m.Attributes() {
			req.Header.Set("ce-"+a.Name, percent(a.Value))
		}
	}
	at := h.now()
	req.Header.Set(headerID, m.ID)
	req.Header.Set(headerTimestamp, strconv.FormatInt(at.Unix(), 10))
	if !h.cfg.Secret.IsZero() {
		k, err := keys(h.cfg.Secret)
		if err != nil {
			return nil, fmt.Errorf("secret: %w", err)
		}
		req.Header.Set(headerSignature, sign(k, m.ID, at, body))
	}
	token, err := h.token()
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, nil
}

// meaning is what an answer means for the message. What is said of the address, or of who asks,
// is waited for as if nobody had answered: somebody puts it right, and no alert is lost.
func (h *Hook) meaning(resp *http.Response, answer string) error {
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code >= 300 && code < 400:
		return errors.New(answer + ": redirects are not followed, since what is sent may be signed and have pictures")
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500 && code != http.StatusNotImplemented:
		return &target.Later{Reason: answer, After: retryAfter(resp.Header.Get("Retry-After"), h.now())}
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusNotFound, code == http.StatusMethodNotAllowed,
		code == http.StatusProxyAuthRequired, code == http.StatusMisdirectedRequest:
		return &target.Later{Reason: answer + ": the address, the token or the key is wrong, which somebody has to put right"}
	}
	return &target.Refused{Reason: answer}
}

// maxRetryAfter bounds what a receiver may ask for.
const maxRetryAfter = time.Hour

// retryAfter reads the header: seconds, or a date (RFC 9110, 10.2.3).
func retryAfter(text string, now time.Time) time.Duration {
	if n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64); err == nil && n >= 0 {
		return time.Duration(min(n, int64(maxRetryAfter/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(0, at.Sub(now)), maxRetryAfter)
	}
	return 0
}

// percent encodes a CloudEvent's attribute for a header (HTTP protocol binding, 3.1.3.2).
func percent(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c > 0x20 && c < 0x7f && c != '"' && c != '%' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// firstLine is what people may be shown of an answer.
func firstLine(b []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(strings.ToValidUTF8(string(b), "?")), "\n")
	line = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, line)
	if r := []rune(line); len(r) > 200 {
		line = string(r[:200]) + "…"
	}
	return line
}

// Host is where the hook leads, for people; of a URL that is a secret, that it is one.
func (h *Hook) Host() string {
	if !h.cfg.URL.IsZero() {
		return "the address in " + h.cfg.URL.String()
	}
	u, err := url.Parse(h.cfg.Plain)
	if err != nil {
		return "?"
	}
	return u.Scheme + "://" + u.Host
}
