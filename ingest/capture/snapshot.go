package capture

import (
	"crypto/md5" //nolint:gosec // cameras know no other digest authentication
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/ingest/config"
)

const (
	// maxSnapshot is the largest picture that is taken from a server, in bytes.
	maxSnapshot = 64 << 20
	// maxRedirects is how often a server may send elsewhere.
	maxRedirects = 3
)

// snapshots asks a URL that gives one picture for each request, at an interval. It
// is one stream as long as the server answers with pictures: what is damaged leaves a
// gap, any other answer is its end.
type snapshots struct {
	client   *http.Client
	url      *url.URL
	user     *url.Userinfo
	answer   string // what the server wanted to know of the user last; "" nothing
	count    int    // of answers to answer
	interval time.Duration

	first []byte // the picture that was got when it was opened
	began time.Time
	due   time.Time // when the next is asked for
}

// openSnapshots gets the first picture. timeout is for each request.
func openSnapshots(src config.Source, interval, timeout time.Duration) (Stream, error) {
	u, err := url.Parse(src.URL)
	if err != nil {
		return nil, errors.New("is not a URL")
	}
	s := &snapshots{url: u, user: u.User, interval: interval, began: time.Now()}
	s.url.User = nil // it goes out in answers only
	s.client = &http.Client{
		Timeout:   timeout,
		Transport: http.DefaultTransport.(*http.Transport).Clone(),
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return fmt.Errorf("the server sends elsewhere more than %d times", maxRedirects)
			}
			return nil
		},
	}
	if s.first, err = s.get(); err != nil {
		s.Close()
		return nil, fmt.Errorf("snapshot %s: %w", src.Text, err)
	}
	s.due = s.began.Add(interval)
	return s, nil
}

func (s *snapshots) Read(img *gocv.Mat) (time.Duration, error) {
	data := s.first
	if s.first = nil; data == nil {
		time.Sleep(time.Until(s.due))
		// A server that is slow is asked less often, not in a hurry afterwards.
		s.due = time.Now().Add(s.interval)
		var err error
		if data, err = s.get(); err != nil {
			return 0, err
		}
	}
	at := time.Since(s.began)
	if err := decodeImage(data, img); err != nil {
		return at, &UnreadableError{Path: "that the server gives", Err: err}
	}
	return at, nil
}

func (s *snapshots) Step() time.Duration { return s.interval }

func (s *snapshots) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

// get asks for a picture, once more if the server wants to know who asks. Errors do
// not repeat the URL.
func (s *snapshots) get() ([]byte, error) {
	for again := false; ; again = true {
		data, challenge, err := s.request()
		if challenge == "" || err == nil || again {
			return data, err
		}
		s.answer, s.count = challenge, 0
	}
}

// request makes one request; challenge is what a server that wants a user asks.
func (s *snapshots) request() (data []byte, challenge string, err error) {
	req, err := http.NewRequest(http.MethodGet, s.url.String(), nil)
	if err != nil {
		return nil, "", errors.New("is not a URL")
	}
	req.Header.Set("User-Agent", "framebeam")
	req.Header.Set("Accept", "image/jpeg, image/png")
	req.Header.Set("Cache-Control", "no-cache")
	if s.answer != "" {
		s.count++
		header, err := authorize(s.answer, s.user, req.Method, s.url.RequestURI(), s.count)
		if err != nil {
			return nil, "", err
		}
		req.Header.Set("Authorization", header)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the URL
		}
		return nil, "", ofNetwork(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusUnauthorized && s.user != nil {
		return nil, choose(resp.Header.Values("WWW-Authenticate")), ofStatus(resp.StatusCode, http.StatusText(resp.StatusCode), true)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, "", ofStatus(resp.StatusCode, http.StatusText(resp.StatusCode), s.user != nil)
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case strings.HasPrefix(kind, "multipart/"), strings.HasPrefix(kind, "video/"):
		return nil, "", because(Answered, "the server gives a stream (%s), not one picture for each request: leave interval out", kind)
	case kind != "" && !strings.HasPrefix(kind, "image/") && kind != "application/octet-stream":
		return nil, "", because(Answered, "the server gives no picture but %.60q: check the path in the source's URL", kind)
	}
	data, err = io.ReadAll(io.LimitReader(resp.Body, maxSnapshot+1))
	if err != nil {
		return nil, "", fmt.Errorf("the picture breaks off: %w", err)
	}
	if len(data) > maxSnapshot {
		return nil, "", fmt.Errorf("the picture has more than %d bytes", maxSnapshot)
	}
	return data, "", nil
}

// choose takes the best of the ways in which a server wants to know the user that
// is known here, "" if there is none.
func choose(challenges []string) string {
	best := ""
	for _, c := range challenges {
		scheme, rest, _ := strings.Cut(strings.TrimSpace(c), " ")
		switch {
		case strings.EqualFold(scheme, "Digest") && digestHash(parameters(rest)["algorithm"]) != nil:
			return c
		case strings.EqualFold(scheme, "Basic"):
			best = c
		}
	}
	return best
}

// authorize answers a challenge: RFC 7617 (basic), RFC 7616 (digest).
func authorize(challenge string, user *url.Userinfo, method, uri string, count int) (string, error) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(challenge), " ")
	password, _ := user.Password()
	if strings.EqualFold(scheme, "Basic") {
		req := http.Request{Header: http.Header{}}
		req.SetBasicAuth(user.Username(), password)
		return req.Header.Get("Authorization"), nil
	}
	p := parameters(rest)
	newHash := digestHash(p["algorithm"])
	if newHash == nil || p["nonce"] == "" {
		return "", errors.New("the server wants to know the user in a way that is not known here")
	}
	sum := func(parts ...string) string {
		h := newHash()
		io.WriteString(h, strings.Join(parts, ":"))
		return hex.EncodeToString(h.Sum(nil))
	}
	cnonce, nc := rand.Text(), fmt.Sprintf("%08x", count)
	secret := sum(user.Username(), p["realm"], password)
	if strings.HasSuffix(strings.ToLower(p["algorithm"]), "-sess") {
		secret = sum(secret, p["nonce"], cnonce)
	}
	asked := sum(method, uri)
	var b strings.Builder
	fmt.Fprintf(&b, `Digest username=%s, realm=%s, nonce=%s, uri=%s`, quote(user.Username()), quote(p["realm"]), quote(p["nonce"]), quote(uri))
	if a := p["algorithm"]; a != "" {
		fmt.Fprintf(&b, ", algorithm=%s", a)
	}
	if o := p["opaque"]; o != "" {
		fmt.Fprintf(&b, ", opaque=%s", quote(o))
	}
	response := sum(secret, p["nonce"], asked)
	if p["qop"] != "" { // "auth" is among them everywhere
		response = sum(secret, p["nonce"], nc, cnonce, "auth", asked)
		fmt.Fprintf(&b, `, qop=auth, nc=%s, cnonce=%s`, nc, quote(cnonce))
	}
	fmt.Fprintf(&b, `, response="%s"`, response)
	return b.String(), nil
}

func digestHash(algorithm string) func() hash.Hash {
	switch strings.TrimSuffix(strings.ToLower(algorithm), "-sess") {
	case "", "md5":
		return md5.New
	case "sha-256":
		return sha256.New
	}
	return nil
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// parameters reads name=value and name="value", separated by commas.
func parameters(s string) map[string]string {
	m := map[string]string{}
	for s != "" {
		name, rest, ok := strings.Cut(s, "=")
		if !ok {
			break
		}
		name = strings.ToLower(strings.Trim(name, " ,\t"))
		rest = strings.TrimLeft(rest, " \t")
		var value strings.Builder
		i := 0
		if strings.HasPrefix(rest, `"`) {
			for i = 1; i < len(rest) && rest[i] != '"'; i++ {
				if rest[i] == '\\' && i+1 < len(rest) {
					i++
				}
				value.WriteByte(rest[i])
			}
			i = min(i+1, len(rest))
		} else {
			for ; i < len(rest) && rest[i] != ','; i++ {
				value.WriteByte(rest[i])
			}
		}
		m[name], s = strings.TrimSpace(value.String()), rest[i:]
	}
	return m
}
