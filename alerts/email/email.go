// Package email tells alerts by e-mail, over SMTP with TLS.
package email

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/framebeam/framebeam/alerts/message"
	"github.com/framebeam/framebeam/alerts/secret"
	"github.com/framebeam/framebeam/alerts/target"
)

// How a connection is encrypted.
const (
	StartTLS = "starttls" // the default: it is required, not tried
	Implicit = "implicit" // TLS from the first byte on, port 465
	None     = "none"     // only with Unencrypted, or to this machine
)

// Config says where messages go.
type Config struct {
	Server      string // host or host:port; the port is 587, with Implicit 465, unless said
	Encryption  string // one of the above; default StartTLS
	Unencrypted bool   // allows None to more than this machine
	TLS         *tls.Config
	User        string // "": none
	Password    secret.Ref
	From        string
	To          []string
	Subject     *message.Template // nil: the message's title
	Timeout     time.Duration     // of one attempt; default 30 s
	NoPicture   bool              // leave pictures out
}

// DefaultTimeout is how long one attempt may take.
const DefaultTimeout = 30 * time.Second

// Mailer sends e-mails.
type Mailer struct {
	cfg  Config
	host string
	port int

	// Each recipient has a mail of its own, so that an address that is no more does not keep
	// it from the others; these are those that have had it, or never will, of messages under way.
	mu   sync.Mutex
	done map[string]map[string]string // by message id and recipient, why not; "": taken
}

// Open makes a mailer; nothing is connected yet. The error lists everything that is wrong.
func Open(cfg Config) (*Mailer, error) {
	cfg.Encryption, cfg.Timeout = cmp.Or(cfg.Encryption, StartTLS), cmp.Or(cfg.Timeout, DefaultTimeout)
	m := &Mailer{cfg: cfg, done: map[string]map[string]string{}}
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	host, port, err := net.SplitHostPort(cfg.Server)
	if err != nil {
		host, port = cfg.Server, map[string]string{Implicit: "465"}[cfg.Encryption]
		port = cmp.Or(port, "587")
	}
	m.host = host
	if m.port, err = strconv.Atoi(port); err != nil || m.port < 1 || m.port > 65535 || host == "" || strings.ContainsAny(host, " /@") {
		wrong("server: %q is not host or host:port", cfg.Server)
	}
	switch cfg.Encryption {
	case StartTLS, Implicit:
	case None:
		if !cfg.Unencrypted && !target.ThisMachine(host) {
			wrong("encryption: none sends everything as it is: use starttls, or say unencrypted: true")
		}
	default:
		wrong("encryption: %q is not %s, %s or %s", cfg.Encryption, StartTLS, Implicit, None)
	}
	if _, err := netmail.ParseAddress(cfg.From); err != nil {
		wrong("from: %q is no address", cfg.From)
	}
	if len(cfg.To) == 0 {
		wrong("to: nobody is named")
	}
	for _, to := range cfg.To {
		if _, err := netmail.ParseAddress(to); err != nil {
			wrong("to: %q is no address", to)
		}
	}
	switch {
	case cfg.User != "" && cfg.Password.IsZero():
		wrong("user: needs password_file or password_env too")
	case cfg.User == "" && !cfg.Password.IsZero():
		wrong("password: needs user too")
	}
	if _, err := m.password(); err != nil {
		wrong("password: %w", err)
	}
	return m, errors.Join(errs...)
}

func (m *Mailer) password() (string, error) {
	if m.cfg.Password.IsZero() {
		return "", nil
	}
	return m.cfg.Password.One()
}

// Close does nothing: a connection ends with its mail.
func (m *Mailer) Close() error { return nil }

func (m *Mailer) client() (*mail.Client, error) {
	opts := []mail.Option{mail.WithTimeout(m.cfg.Timeout), mail.WithoutNoop()}
	// The port comes last: options of encryption set their own.
	switch m.cfg.Encryption {
	case StartTLS:
		opts = append(opts, mail.WithTLSPolicy(mail.TLSMandatory))
	case Implicit:
		opts = append(opts, mail.WithSSL())
	default:
		opts = append(opts, mail.WithTLSPolicy(mail.NoTLS))
	}
	opts = append(opts, mail.WithPort(m.port))
	if m.cfg.TLS != nil {
		conf := m.cfg.TLS.Clone()
		conf.ServerName = cmp.Or(conf.ServerName, m.host)
		opts = append(opts, mail.WithTLSConfig(conf))
	}
	if m.cfg.User != "" {
		password, err := m.password()
		if err != nil {
			return nil, fmt.Errorf("password: %w", err)
		}
		opts = append(opts, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(m.cfg.User), mail.WithPassword(password))
	}
	return mail.NewClient(m.host, opts...)
}

// Send sends a mail to each recipient that has not had it.
func (m *Mailer) Send(ctx context.Context, msg *message.Message) (answer string, err error) {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.Timeout)
	defer cancel()
	client, err := m.client()
	if err != nil {
		return "", err
	}
	done := m.of(msg.ID)
	if slices.ContainsFunc(m.cfg.To, func(to string) bool { _, is := done[to]; return !is }) {
		if err := client.DialWithContext(ctx); err != nil {
			return "", fmt.Errorf("connect to %s: %w", net.JoinHostPort(m.host, strconv.Itoa(m.port)), clean(err))
		}
		defer client.Close()
	}
	answer, refused := "", []string(nil)
	for _, to := range m.cfg.To {
		why, is := done[to]
		if !is {
			var said string
			said, why, err = m.one(client, msg, to)
			if err != nil {
				return "", fmt.Errorf("mail to %s: %w", to, err)
			}
			answer = cmp.Or(answer, said)
			m.note(msg.ID, to, why)
		}
		if why != "" {
			refused = append(refused, to+": "+why)
		}
	}
	m.forget(msg.ID)
	if len(refused) > 0 {
		return "", &target.Refused{Reason: fmt.Sprintf("%d of %d recipients: %s", len(refused), len(m.cfg.To), strings.Join(refused, "; "))}
	}
	return cmp.Or(answer, "taken"), nil
}

func (m *Mailer) of(id string) map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]string{}
	for to, why := range m.done[id] {
		out[to] = why
	}
	return out
}

func (m *Mailer) note(id, to, why string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done[id] == nil {
		m.done[id] = map[string]string{}
	}
	m.done[id][to] = why
}

func (m *Mailer) forget(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.done, id)
}

// one sends one mail. refused says why it will never be taken.
func (m *Mailer) one(client *mail.Client, msg *message.Message, to string) (answer, refused string, err error) {
	out, err := m.mail(msg, to)
	if err != nil {
		return "", err.Error(), nil
	}
	err = client.Send(out)
	// What fails behind the server's word that it has the mail is no failure of it.
	if err == nil || out.IsDelivered() {
		return strings.TrimSpace(out.ServerResponse()), "", nil
	}
	send, ok := errors.AsType[*mail.SendError](err)
	if !ok {
		return "", "", clean(err)
	}
	if slices.Contains([]int{501, 550, 551, 552, 553, 554, 555}, send.ErrorCode()) {
		return "", clean(err).Error(), nil
	}
	return "", "", clean(err)
}

// clean makes of an error one line, without addresses over and over.
func clean(err error) error {
	if e, ok := errors.AsType[*textproto.Error](err); ok {
		return fmt.Errorf("%d %s", e.Code, oneLine(e.Msg))
	}
	return errors.New(oneLine(err.Error()))
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	if r := []rune(s); len(r) > 300 {
		s = string(r[:300]) + "…"
	}
	return s
}

// mail is the mail. Its id follows from the message's, so that what a server gets twice is the
// same mail to whoever looks.
func (m *Mailer) mail(msg *message.Message, to string) (*mail.Msg, error) {
	out := mail.NewMsg()
	if err := errors.Join(out.From(m.cfg.From), out.To(to)); err != nil {
		return nil, err
	}
	subject := msg.Title()
	if m.cfg.Subject != nil {
		var err error
		if subject, err = m.cfg.Subject.Text(message.FieldsOf(msg.Alert, &msg.Event, &msg.Held, msg.Summary, msg.Event.Captured.Location())); err != nil {
			return nil, err
		}
	}
	out.Subject(oneLine(subject))
	from, _ := netmail.ParseAddress(m.cfg.From) // looked at by Open
	out.SetMessageIDWithValue(msg.ID + "." + msg.Alert + "@" + from.Address[strings.LastIndexByte(from.Address, '@')+1:])
	out.SetDate()
	out.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no out-of-office answers
	out.SetGenHeader("X-Framebeam-Event", msg.ID)
	text := msg.Text
	if msg.Picture.Without != "" {
		text += "\n\n(There is no picture: " + msg.Picture.Without + ")"
	}
	out.SetBodyString(mail.TypeTextPlain, text+"\n")
	if jpeg := msg.Picture.JPEG; jpeg != nil && !m.cfg.NoPicture {
		if err := out.AttachReader("picture.jpg", bytes.NewReader(jpeg), mail.WithFileContentType("image/jpeg")); err != nil {
			return nil, err
		}
	}
	return out, nil
}
