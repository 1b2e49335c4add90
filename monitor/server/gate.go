package server

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/framebeam/framebeam/monitor/assets"
	"github.com/framebeam/framebeam/monitor/web"
)

const (
	cookieName = "framebeam"
	// sessionIdle and sessionLong are after how much time without requests, and at all, one
	// has to log in again.
	sessionIdle  = 12 * time.Hour
	sessionLong  = 7 * 24 * time.Hour
	mostSessions = 1000
	// mostTries are wrong passwords of an address, and of all, in a minute.
	mostTries    = 10
	mostTriesAll = 60
	// mostHashing bounds how many passwords are checked at a time: each is work on purpose.
	mostHashing = 2
)

// gate lets in who may look.
type gate struct {
	users   *passwords // nil: no login
	header  string
	proxies []netip.Prefix
	log     *slog.Logger
	hashing chan struct{}

	mu       sync.Mutex
	sessions map[[sha256.Size]byte]*session
	tries    perMinute
}

type session struct {
	user        string
	began, used time.Time
}

func newGate(o *Options) (*gate, error) {
	g := &gate{
		header: o.AuthHeader, proxies: o.TrustedProxies, log: o.Log,
		hashing: make(chan struct{}, mostHashing), sessions: map[[sha256.Size]byte]*session{},
	}
	if o.PasswordFile != "" {
		g.users = &passwords{path: o.PasswordFile}
		if err := g.users.read(); err != nil {
			return nil, err
		}
	}
	return g, nil
}

type userKey struct{}

// userOf is who asks; "" if nobody had to log in.
func userOf(r *http.Request) string {
	user, _ := r.Context().Value(userKey{}).(string)
	return user
}

// wrap lets through who may look, and logs in who has a password.
func (g *gate) wrap(next http.Handler) http.Handler {
	if g.users == nil && g.header == "" {
		return next
	}
	as := func(w http.ResponseWriter, r *http.Request, user string) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
	}
	if g.header != "" {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user := strings.TrimSpace(r.Header.Get(g.header))
			if !g.trusted(remote(r)) || user == "" || len(user) > 256 {
				web.WriteError(w, &web.Error{Status: http.StatusForbidden, Code: "login", Message: "log in at the proxy"})
				return
			}
			as(w, r, user)
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/login":
			g.login(w, r)
			return
		case "/logout":
			g.logout(w, r)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/assets/") && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			next.ServeHTTP(w, r) // the looks of the login; there is nothing of anybody's in it
			return
		}
		if user, ok := g.session(r); ok {
			as(w, r, user)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/api/") {
			web.WriteError(w, &web.Error{Status: http.StatusUnauthorized, Code: "login", Message: "log in first"})
			return
		}
		http.Redirect(w, r, "/login", http.StatusSeeOther)
	})
}

func (g *gate) trusted(a netip.Addr) bool {
	for _, p := range g.proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// session is whose request it is.
func (g *gate) session(r *http.Request) (user string, ok bool) {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return "", false
	}
	key := sha256.Sum256([]byte(c.Value))
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.sessions[key]
	now := time.Now()
	if s == nil || now.Sub(s.used) > sessionIdle || now.Sub(s.began) > sessionLong || !g.users.has(s.user) {
		delete(g.sessions, key)
		return "", false
	}
	s.used = now
	return s.user, true
}

// login shows the form, or takes what was filled in.
func (g *gate) login(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		assets.Login(w, http.StatusOK, "")
		return
	case http.MethodPost:
	default:
		w.Header().Set("Allow", "GET, POST")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	if r.ParseForm() != nil {
		assets.Login(w, http.StatusBadRequest, "That could not be read.")
		return
	}
	g.mu.Lock()
	may := g.tries.more(time.Now(), remote(r), mostTries, mostTriesAll)
	g.mu.Unlock()
	if !may {
		w.Header().Set("Retry-After", "60")
		assets.Login(w, http.StatusTooManyRequests, "Too many tries: wait a minute.")
		return
	}
	select {
	case g.hashing <- struct{}{}:
	case <-r.Context().Done():
		return
	}
	user := r.PostForm.Get("user")
	ok, err := g.users.check(user, r.PostForm.Get("password"))
	<-g.hashing
	if err != nil {
		g.log.Error("passwords cannot be read", "error", err)
		assets.Login(w, http.StatusServiceUnavailable, "The password file cannot be read.")
		return
	}
	if !ok {
		g.log.Warn("a wrong user or password", "address", remote(r).String())
		assets.Login(w, http.StatusUnauthorized, "The user or the password is wrong.")
		return
	}
	http.SetCookie(w, g.begin(user, r.TLS != nil))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// begin begins a session.
func (g *gate) begin(user string, secure bool) *http.Cookie {
	token := rand.Text() + rand.Text()
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.sessions) >= mostSessions {
		var oldest [sha256.Size]byte
		last := now
		for key, s := range g.sessions {
			if !s.used.After(last) {
				oldest, last = key, s.used
			}
		}
		delete(g.sessions, oldest)
	}
	g.sessions[sha256.Sum256([]byte(token))] = &session{user, now, now}
	return &http.Cookie{ //nolint:gosec // Secure wherever the page has TLS
		Name: cookieName, Value: token, Path: "/", MaxAge: int(sessionLong / time.Second),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: secure,
	}
}

func (g *gate) logout(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if c, err := r.Cookie(cookieName); err == nil {
		g.mu.Lock()
		delete(g.sessions, sha256.Sum256([]byte(c.Value)))
		g.mu.Unlock()
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // as above
		Name: cookieName, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// passwords are the users of a file, read again when it changes.
type passwords struct {
	path string

	mu    sync.Mutex
	time  time.Time
	size  int64
	users map[string][]byte
}

// nobody's password is checked where there is no such user, so that it takes as long.
var nobody = sync.OnceValue(func() []byte {
	hash, _ := bcrypt.GenerateFromPassword([]byte(rand.Text()), bcrypt.DefaultCost)
	return hash
})

// mostHashCost bounds the work that a line of the file asks for: some seconds.
const mostHashCost = 15

func (p *passwords) read() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	info, err := os.Stat(p.path)
	if err != nil {
		return fmt.Errorf("password file: %w", err)
	}
	if info.Size() == p.size && info.ModTime().Equal(p.time) {
		return nil
	}
	if info.Mode().Perm()&0o004 != 0 {
		return fmt.Errorf("password file %s: everybody on this machine may read it (chmod o-r)", p.path)
	}
	data, err := os.ReadFile(p.path)
	if err != nil {
		return fmt.Errorf("password file: %w", err)
	}
	users, err := parsePasswords(p.path, data)
	if err != nil {
		return err
	}
	p.users, p.size, p.time = users, info.Size(), info.ModTime()
	return nil
}

func parsePasswords(path string, data []byte) (map[string][]byte, error) {
	users := map[string][]byte{}
	var bad []error
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		user, hash, _ := strings.Cut(line, ":")
		cost, err := bcrypt.Cost([]byte(hash))
		switch {
		case user == "" || hash == "":
			bad = append(bad, fmt.Errorf("%s:%d: not name:hash", path, n))
		case err != nil:
			bad = append(bad, fmt.Errorf("%s:%d: the hash of %q is not bcrypt's (htpasswd -nB %s makes one)", path, n, user, user))
		case cost > mostHashCost:
			bad = append(bad, fmt.Errorf("%s:%d: the hash of %q costs 2^%d, more than 2^%d", path, n, user, cost, mostHashCost))
		case users[user] != nil:
			bad = append(bad, fmt.Errorf("%s:%d: %q is there twice", path, n, user))
		default:
			users[user] = []byte(hash)
		}
	}
	if err := lines.Err(); err != nil {
		bad = append(bad, fmt.Errorf("%s: %w", path, err))
	}
	if len(users) == 0 && len(bad) == 0 {
		bad = append(bad, fmt.Errorf("%s: there is no user in it", path))
	}
	return users, errors.Join(bad...)
}

func (p *passwords) has(user string) bool {
	_ = p.read() // a bad change changes nothing
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.users[user] != nil
}

func (p *passwords) check(user, password string) (bool, error) {
	if err := p.read(); err != nil {
		return false, err
	}
	p.mu.Lock()
	hash := p.users[user]
	p.mu.Unlock()
	if hash == nil {
		_ = bcrypt.CompareHashAndPassword(nobody(), []byte(password))
		return false, nil
	}
	return bcrypt.CompareHashAndPassword(hash, []byte(password)) == nil, nil
}
