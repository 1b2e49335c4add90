package email

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http/httptest"
	netmail "net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"

	"github.com/framebeam/framebeam/alerts/message"
	"github.com/framebeam/framebeam/alerts/secret"
	"github.com/framebeam/framebeam/alerts/target"
	"github.com/framebeam/framebeam/transforms/eventsink"
	"github.com/framebeam/framebeam/transforms/result"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mailbox is a real SMTP server that keeps what it is sent.
type mailbox struct {
	addr      string
	pool      *x509.CertPool
	mu        sync.Mutex
	to        []string
	texts     []string
	encrypted []bool
	refuse    map[string]error // by recipient
}

func serve(t *testing.T, withTLS bool) *mailbox {
	t.Helper()
	// The certificate that net/http/httptest has for 127.0.0.1 will do.
	h := httptest.NewTLSServer(nil)
	defer h.Close()
	m := &mailbox{pool: x509.NewCertPool(), refuse: map[string]error{}}
	m.pool.AddCert(h.Certificate())
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{mailbox: m, conn: c}, nil }))
	s.Domain = "mail.example"
	s.ErrorLog = quiet{}
	s.AllowInsecureAuth = !withTLS
	if withTLS {
		s.TLSConfig = &tls.Config{Certificates: h.TLS.Certificates}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.addr = l.Addr().String()
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
	return m
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

type session struct {
	*mailbox
	conn   *smtp.Conn
	authed bool
	rcpt   string
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "framebeam" || password != "hunter2" {
			return smtp.ErrAuthFailed
		}
		s.authed = true
		return nil
	}), nil
}
func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }
func (s *session) Mail(string, *smtp.MailOptions) error {
	if _, encrypted := s.conn.TLSConnectionState(); encrypted && !s.authed {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rcpt = to
	return s.refuse[to]
}

func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, encrypted := s.conn.TLSConnectionState()
	s.to, s.texts, s.encrypted = append(s.to, s.rcpt), append(s.texts, string(text)), append(s.encrypted, encrypted)
	return err
}

func (m *mailbox) set(to string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuse[to] = err
}

func (m *mailbox) config(t *testing.T) Config {
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return Config{
		Server: m.addr, TLS: &tls.Config{RootCAs: m.pool}, User: "framebeam", Password: secret.Ref{File: password},
		From: "Framebeam <alerts@site.example>", To: []string{"one@ops.example", "Two <two@ops.example>"}, Timeout: 5 * time.Second,
	}
}

var msg = &message.Message{
	ID: "3f2a", Alert: "door", Text: "Jemand ging über die Linie\r\n.\r\nBcc: all@ops.example",
	Event:   eventsink.Event{Event: result.Event{ID: "3f2a", Type: "LineDetector/Crossed", Rule: "door\r\nBcc: all@ops.example"}, Camera: "gate"},
	Picture: message.Picture{JPEG: []byte("jpeg")},
}

func open(t *testing.T, cfg Config) *Mailer {
	t.Helper()
	m, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAMailGoesToEachRecipientOverTLSWithThePicture(t *testing.T) {
	box := serve(t, true)
	m := open(t, box.config(t))
	if _, err := m.Send(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(box.to, []string{"one@ops.example", "two@ops.example"}) || slices.Contains(box.encrypted, false) {
		t.Error(box.to, box.encrypted)
	}
	mail, err := netmail.ReadMessage(strings.NewReader(box.texts[0]))
	if err != nil {
		t.Fatal(err)
	}
	if got := mail.Header.Get("Message-Id"); got != "<3f2a.door@site.example>" {
		t.Error(got)
	}
	if mail.Header.Get("Auto-Submitted") != "auto-generated" || mail.Header.Get("Bcc") != "" || !strings.Contains(mail.Header.Get("Subject"), "gate: LineDetector/Crossed") {
		t.Error(mail.Header)
	}
	if !strings.Contains(box.texts[0], "anBlZw==") || !strings.Contains(box.texts[0], "image/jpeg") {
		t.Error("the picture is not in it:", box.texts[0])
	}
}

func TestTLSIsRequiredAndTheServerVerified(t *testing.T) {
	plain := serve(t, false)
	m := open(t, plain.config(t))
	if _, err := m.Send(t.Context(), msg); err == nil || !strings.Contains(err.Error(), "STARTTLS") {
		t.Error(err)
	}
	box := serve(t, true)
	cfg := box.config(t)
	cfg.TLS = nil
	if _, err := open(t, cfg).Send(t.Context(), msg); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
	if len(plain.to)+len(box.to) > 0 {
		t.Error("it was sent")
	}
	cfg = plain.config(t)
	cfg.Encryption, cfg.User, cfg.Password = None, "", secret.Ref{}
	if _, err := open(t, cfg).Send(t.Context(), msg); err != nil || len(plain.to) != 2 {
		t.Error("to this machine it may:", err)
	}
}

func TestOneAddressThatIsNoMoreKeepsAMailFromNobody(t *testing.T) {
	box := serve(t, true)
	box.set("one@ops.example", &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"})
	box.set("two@ops.example", &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "not now"})
	m := open(t, box.config(t))
	_, err := m.Send(t.Context(), msg)
	if _, refused := target.IsRefused(err); err == nil || refused || !strings.Contains(err.Error(), "not now") {
		t.Fatal(err)
	}
	box.set("two@ops.example", nil)
	_, err = m.Send(t.Context(), msg)
	reason, refused := target.IsRefused(err)
	if !refused || !strings.Contains(reason, "1 of 2 recipients: one@ops.example: ") || !strings.Contains(reason, "no such user") || !slices.Equal(box.to, []string{"two@ops.example"}) {
		t.Error(err, box.to)
	}
}

func TestWhoHasHadAMailDoesNotGetItAgainBecauseOfAnother(t *testing.T) {
	box := serve(t, true)
	box.set("two@ops.example", &smtp.SMTPError{Code: 421, Message: "going down"})
	m := open(t, box.config(t))
	for range 3 {
		if _, err := m.Send(t.Context(), msg); err == nil {
			t.Fatal("it is taken")
		}
	}
	box.set("two@ops.example", nil)
	if _, err := m.Send(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(box.to, []string{"one@ops.example", "two@ops.example"}) {
		t.Error(box.to)
	}
}

func TestAWrongPasswordIsWaitedFor(t *testing.T) {
	box := serve(t, true)
	cfg := box.config(t)
	if err := os.WriteFile(cfg.Password.File, []byte("hunter3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := open(t, cfg)
	_, err := m.Send(t.Context(), msg)
	if _, refused := target.IsRefused(err); err == nil || refused || strings.Contains(err.Error(), "hunter3") {
		t.Fatal(err)
	}
	if err := os.WriteFile(cfg.Password.File, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Send(t.Context(), msg); err != nil {
		t.Error(err)
	}
}

func TestWhatIsWrongWithAMailer(t *testing.T) {
	good := func() Config {
		return Config{Server: "mail.example", From: "a@b.example", To: []string{"c@d.example"}}
	}
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"nothing", func(*Config) {}, ""},
		{"no server", func(c *Config) { c.Server = "" }, "not host or host:port"},
		{"a port that is none", func(c *Config) { c.Server = "mail.example:smtp" }, "not host or host:port"},
		{"no sender", func(c *Config) { c.From = "me" }, "from: \"me\" is no address"},
		{"nobody", func(c *Config) { c.To = nil }, "nobody is named"},
		{"another header", func(c *Config) { c.To = []string{"a@b.example\r\nBcc: c@d.example"} }, "is no address"},
		{"no TLS", func(c *Config) { c.Encryption = None }, "sends everything as it is"},
		{"another encryption", func(c *Config) { c.Encryption = "rot13" }, "is not starttls, implicit or none"},
		{"a user without a password", func(c *Config) { c.User = "me" }, "needs password_file or password_env"},
	} {
		cfg := good()
		c.change(&cfg)
		_, err := Open(cfg)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
