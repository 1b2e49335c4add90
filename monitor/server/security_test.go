package server_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/framebeam/framebeam/history/historytest"
	"github.com/framebeam/framebeam/monitor/inputs"
	"github.com/framebeam/framebeam/monitor/server"
)

// page is one of a small output, not served: its handler is asked.
func page(t *testing.T, change func(*server.Options)) *server.Server {
	t.Helper()
	out := t.TempDir()
	if err := (historytest.Output{Rows: 100, N: 64}).Write(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	opts := server.Options{Inputs: inputs.Options{Output: out, Topic: "frames"}}
	if change != nil {
		change(&opts)
	}
	s, err := server.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asked is what the page answers.
func asked(t *testing.T, s http.Handler, change func(*http.Request)) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost:8088/api/v1/page", http.NoBody)
	r.RemoteAddr = "127.0.0.1:50000"
	change(r)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result()
}

func TestAnAddressThatOthersReachNeedsALoginAndTLS(t *testing.T) {
	proxy := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct {
		name, listen string
		opts         server.Options
		wrong        []string
	}{
		{"this machine alone", "127.0.0.1:8088", server.Options{}, nil},
		{"by name", "localhost:8088", server.Options{}, nil},
		{"by IPv6", "[::1]:8088", server.Options{}, nil},
		{"all addresses", ":8088", server.Options{}, []string{"must log in", "--tls-cert"}},
		{"another one", "192.0.2.1:8088", server.Options{}, []string{"must log in", "--tls-cert"}},
		{"with passwords, without TLS", ":8088", server.Options{PasswordFile: "p"}, []string{"--tls-cert"}},
		{"with both", ":8088", server.Options{PasswordFile: "p", TLSCert: "c", TLSKey: "k"}, nil},
		{"behind a proxy", ":8088", server.Options{AuthHeader: "X-User", TrustedProxies: proxy, TLSCert: "c", TLSKey: "k"}, nil},
		{"on purpose", ":8088", server.Options{Insecure: true}, nil},
		{"a certificate without its key", "127.0.0.1:8088", server.Options{TLSCert: "c"}, []string{"belong together"}},
		{"a header that nobody is believed", "127.0.0.1:8088", server.Options{AuthHeader: "X-User"}, []string{"whose header"}},
		{"two logins", "127.0.0.1:8088", server.Options{PasswordFile: "p", AuthHeader: "X-User", TrustedProxies: proxy}, []string{"both given"}},
		{"no port", "127.0.0.1", server.Options{}, []string{"not host:port"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.opts.Check(c.listen)
			if (err == nil) != (c.wrong == nil) {
				t.Fatalf("%v", err)
			}
			for _, w := range c.wrong {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q is not in: %v", w, err)
				}
			}
		})
	}
}

func TestThePageIsServedUnderItsOwnNamesOnly(t *testing.T) {
	s := page(t, func(o *server.Options) { o.Hosts = []string{"cameras.example"} })
	for host, ok := range map[string]bool{
		"localhost:8088": true, "LOCALHOST": true, "127.0.0.1:8088": true, "[::1]:8088": true, "192.0.2.7": true, "cameras.example": true,
		"Cameras.Example:443": true, "cameras.example.": true,
		"rebound.example": false, "cameras.example.evil.example": false, "localhost.evil.example:8088": false, "": false, "127.0.0.1.nip.example": false,
	} {
		res := asked(t, s.Handler(), func(r *http.Request) { r.Host = host })
		if got := res.StatusCode == http.StatusOK; got != ok {
			t.Errorf("Host %q: %s", host, res.Status)
		}
	}
}

func TestEveryAnswerSaysWhatBrowsersMayDoWithIt(t *testing.T) {
	s := page(t, nil)
	for _, path := range []string{"/", "/assets/app.js", "/api/v1/page", "/api/v1/cameras", "/api/v1/none", "/etc/passwd"} {
		res := asked(t, s.Handler(), func(r *http.Request) { r.URL.Path = path })
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		policy := res.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'; style-src 'self'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
			t.Errorf("%s: the policy is %q", path, policy)
		}
		if cache := res.Header.Get("Cache-Control"); strings.HasPrefix(path, "/api/") && !strings.Contains(cache, "private") && cache != "no-store" {
			t.Errorf("%s: others may keep it: %q", path, cache)
		}
	}
}

func TestAPageOfAnotherSiteCanChangeNothing(t *testing.T) {
	s := page(t, func(o *server.Options) { o.Edit = true })
	for name, c := range map[string]struct {
		set     func(http.Header)
		refused bool
	}{
		"its own":                 {func(h http.Header) { h.Set("Origin", "http://localhost:8088"); h.Set("Sec-Fetch-Site", "same-origin") }, false},
		"another site":            {func(h http.Header) { h.Set("Origin", "https://evil.example"); h.Set("Sec-Fetch-Site", "cross-site") }, true},
		"another port":            {func(h http.Header) { h.Set("Origin", "http://localhost:1"); h.Set("Sec-Fetch-Site", "same-site") }, true},
		"an old browser":          {func(h http.Header) { h.Set("Origin", "https://evil.example") }, true},
		"from nowhere to be told": {func(h http.Header) { h.Set("Origin", "null") }, true},
	} {
		res := asked(t, s.Handler(), func(r *http.Request) {
			r.Method = http.MethodPost
			r.URL.Path = "/api/v1/nothing"
			c.set(r.Header)
		})
		if got := res.StatusCode == http.StatusForbidden; got != c.refused {
			t.Errorf("%s: %s", name, res.Status)
		}
	}
}

func users(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func hash(t *testing.T, password string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

func TestWhoLooksLogsInFirst(t *testing.T) {
	s := page(t, func(o *server.Options) {
		o.PasswordFile = users(t, "# who may look\nanna:"+hash(t, "correct horse")+"\n")
	})
	web := httptest.NewServer(s.Handler())
	defer web.Close()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar}
	get := func(path string) *http.Response {
		t.Helper()
		res, err := c.Get(web.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res
	}
	if res := get("/api/v1/page"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a login: %s", res.Status)
	}
	if res := get("/"); res.Request.URL.Path != "/login" {
		t.Errorf("the page leads to %s", res.Request.URL)
	}
	if res := get("/assets/monitor.css"); res.StatusCode != http.StatusOK {
		t.Errorf("the looks of the login: %s", res.Status)
	}
	login := func(user, password string) *http.Response {
		t.Helper()
		res, err := c.PostForm(web.URL+"/login", url.Values{"user": {user}, "password": {password}})
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res
	}
	for _, wrong := range [][2]string{{"anna", "wrong"}, {"anna", ""}, {"nobody", "correct horse"}, {"", ""}, {"anna", strings.Repeat("x", 80)}} {
		if res := login(wrong[0], wrong[1]); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%q: %s", wrong, res.Status)
		}
	}
	if res := login("anna", "correct horse"); res.StatusCode != http.StatusOK || res.Request.URL.Path != "/" {
		t.Fatalf("the right password: %s, to %s", res.Status, res.Request.URL)
	}
	if res := get("/api/v1/page"); res.StatusCode != http.StatusOK {
		t.Errorf("after the login: %s", res.Status)
	}
	out, err := c.PostForm(web.URL+"/logout", nil)
	if err != nil {
		t.Fatal(err)
	}
	out.Body.Close()
	if res := get("/api/v1/page"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("after the logout: %s", res.Status)
	}
	var res *http.Response
	for range 20 {
		res = login("anna", "guess")
	}
	if res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("after many tries: %s", res.Status)
	}
	if res := login("anna", "correct horse"); res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the right one among many: %s", res.Status)
	}
}

func TestTheCookieIsForThisPageOnly(t *testing.T) {
	s := page(t, func(o *server.Options) { o.PasswordFile = users(t, "anna:"+hash(t, "p")) })
	for _, secure := range []bool{false, true} {
		res := asked(t, s.Handler(), func(r *http.Request) {
			*r = *httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/login", strings.NewReader("user=anna&password=p"))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if secure {
				r.TLS = &tls.ConnectionState{}
			}
		})
		all := res.Cookies()
		if len(all) != 1 {
			t.Fatalf("%d cookies, %s", len(all), res.Status)
		}
		if c := all[0]; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure != secure || c.Domain != "" || len(c.Value) < 40 {
			t.Errorf("secure %v: %+v", secure, c)
		}
	}
}

func TestAPasswordFileThatIsWrongIsRefused(t *testing.T) {
	good := hash(t, "p")
	for name, c := range map[string]struct{ text, want string }{
		"nobody in it":   {"# none\n", "no user"},
		"a bare name":    {"anna\n", "users:1: not name:hash"},
		"another hash":   {"a:" + good + "\nanna:{SHA}x\n", "users:2: the hash of \"anna\" is not bcrypt's"},
		"twice the same": {"a:" + good + "\na:" + good + "\n", "users:2: \"a\" is there twice"},
		"too much work":  {"a:$2y$20$" + good[7:] + "\n", "costs 2^20"},
	} {
		_, err := server.New(server.Options{Inputs: inputs.Options{Output: "none"}, PasswordFile: users(t, c.text)})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	open := users(t, "a:"+good)
	if err := os.Chmod(open, 0o604); err != nil {
		t.Fatal(err)
	}
	if _, err := server.New(server.Options{Inputs: inputs.Options{Output: "none"}, PasswordFile: open}); err == nil || !strings.Contains(err.Error(), "everybody") {
		t.Errorf("one that everybody may read: %v", err)
	}
}

func TestAProxyIsBelievedWhoHasLoggedIn(t *testing.T) {
	s := page(t, func(o *server.Options) {
		o.AuthHeader, o.TrustedProxies = "X-Forwarded-User", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	})
	for _, c := range []struct {
		from, user string
		ok         bool
	}{
		{"10.1.2.3:5", "anna", true}, {"10.1.2.3:5", "", false}, {"[::ffff:10.1.2.3]:5", "anna", true}, {"192.0.2.1:5", "anna", false},
		{"127.0.0.1:5", "anna", false}, {"nonsense", "anna", false}, {"10.1.2.3:5", strings.Repeat("a", 300), false},
	} {
		res := asked(t, s.Handler(), func(r *http.Request) {
			r.RemoteAddr = c.from
			r.Header.Set("X-Forwarded-User", c.user)
		})
		if got := res.StatusCode == http.StatusOK; got != c.ok {
			t.Errorf("%+v: %s", c, res.Status)
		}
		b, _ := io.ReadAll(res.Body)
		if c.ok && !bytes.Contains(b, []byte(`"user":"anna"`)) {
			t.Errorf("%+v: %s", c, b)
		}
	}
}

// certify writes a certificate for 127.0.0.1 with a number, and its key.
func certify(t *testing.T, cert, key string, number int64) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(number), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(time.Duration(number) * time.Second) // another time, whatever the filesystem's grain
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

func TestACertificateIsReadAgainWhenItChanges(t *testing.T) {
	cert, key := filepath.Join(t.TempDir(), "cert"), filepath.Join(t.TempDir(), "key")
	certify(t, cert, key, 1)
	s := page(t, func(o *server.Options) { o.TLSCert, o.TLSKey = cert, key })
	address := serve(t, s)
	number := func() int64 {
		c, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(t.Context(), "tcp", address) //nolint:gosec // it is looked at
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Int64() //nolint:forcetypeassert // of a tls.Dialer
	}
	if n := number(); n != 1 {
		t.Fatalf("certificate %d", n)
	}
	if err := os.WriteFile(cert, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return number() == 1 }) // the old one is better than none
	certify(t, cert, key, 2)
	until(t, func() bool { return number() == 2 })
	res, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}).Get("https://" + address + "/api/v1/page") //nolint:gosec // as above
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.Header.Get("Strict-Transport-Security") == "" {
		t.Error("browsers are not told to keep to TLS")
	}
}

// until waits for a condition.
func until(t *testing.T, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(deadline) {
			t.Fatal("it does not come to that")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// serve serves a page until the test ends.
func serve(t *testing.T, s *server.Server) (address string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func TestHostileRequestsAreRefused(t *testing.T) {
	s := page(t, func(o *server.Options) { o.Edit = true })
	address := serve(t, s)
	<-s.Inputs().Ready()
	long := strings.Repeat("a", 20<<10)
	for _, target := range []string{
		"/../../etc/passwd", "/assets/../assets.go", "/assets/..%2fassets.go", "/assets/%00", "/%2e%2e/%2e%2e/etc/passwd", "//evil.example/", "/assets/",
		"/api/v1/cameras/..%2f..%2fetc%2fpasswd/history", "/api/v1/cameras/%00/history", "/api/v1/cameras/%ff/shapes", "/api/v1/cameras/" + long[:2000] + "/history",
		"/api/v1/cameras/camera-00/history?day=0000-00-00", "/api/v1/cameras/camera-00/history?day=99999-01-01", "/api/v1/cameras/camera-00/history?day=" + long[:900],
		"/api/v1/cameras/none/history", "/api/v1/cameras/pictures?want=" + strings.Repeat("a,", 200) + "a", "/api/v1/cameras/pictures?want=../x", "/api/v1/cameras/pictures?want=camera-00&size=huge",
		"/api/v1/cameras/pictures?want=camera-00&show=everything", "/api/v1/pipeline/record", "/api/v1/pipeline/record?topic=frames&partition=-1&offset=0",
		"/api/v1/pipeline/record?topic=frames&partition=0&offset=9223372036854775807", "/api/v1/pipeline/record?topic=frames&partition=99999999999&offset=0",
		"/api/v1/pipeline/record?topic=..%2fetc&partition=0&offset=0", "/api/v1/pipeline/record?topic=secrets&partition=0&offset=0", "/api/v1/pipeline/record?topic=frames&partition=0&offset=1e9",
		"/api/v1/pipeline/dead?day=x", "/api/v1/pipeline/dead?day=", "/api/v1/stream?topics=" + strings.Repeat("a,", 40), "/?" + long, "/" + long[:5000],
	} {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", target)
		b, err := io.ReadAll(io.LimitReader(c, 1<<20))
		c.Close()
		status := strings.SplitN(string(b), "\r\n", 2)[0]
		if err != nil || len(b) > 16<<10 || !strings.HasPrefix(status, "HTTP/1.1 4") && !strings.HasPrefix(status, "HTTP/1.1 3") {
			t.Errorf("%.80s: %s, %d bytes, %v", target, status, len(b), err)
		}
		if strings.Contains(string(b), "root:") {
			t.Errorf("%.80s gives a file of the machine", target)
		}
	}
}

func TestRangesOfPicturesAreNotAPathToMore(t *testing.T) {
	s := page(t, nil)
	for _, ranges := range []string{"bytes=0-18446744073709551615", "bytes=" + strings.Repeat("0-,", 1000) + "0-", "bytes=-1,-1,-1"} {
		for _, path := range []string{"/assets/app.js", "/", "/api/v1/cameras"} {
			res := asked(t, s.Handler(), func(r *http.Request) {
				r.URL.Path = path
				r.Header.Set("Range", ranges)
			})
			b, _ := io.ReadAll(res.Body)
			if res.StatusCode >= 500 || len(b) > 1<<20 {
				t.Errorf("%s of %s: %s, %d bytes", ranges[:20], path, res.Status, len(b))
			}
		}
	}
}
