package kafkasource

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// Connection is the content of the YAML file that LogSpec.Connection names. It
// names the files that hold secrets; the job carries neither. The file and all
// that it names are read anew for every connection, so that secrets can be
// changed while a job runs.
type Connection struct {
	// TLS encrypts, and verifies the brokers' certificates with the system's authorities.
	TLS bool `yaml:"tls"`
	// CAFile is a PEM file of the authorities to verify with instead; implies TLS.
	CAFile string `yaml:"ca_file"`
	// CertFile and KeyFile are PEM files of the client's own certificate; imply TLS.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	// Mechanism authenticates a user: PLAIN (with TLS only), SCRAM-SHA-256 or
	// SCRAM-SHA-512. "" is no user.
	Mechanism string `yaml:"mechanism"`
	// UserFile holds the user's name in its first line and the password in its second.
	UserFile string `yaml:"user_file"`
}

// errConnection is wrapped by errors that no other try can mend.
var errConnection = errors.New("connection")

// ReadConnection reads a connection file and checks it and what it names; the
// error lists every violation. A path of "" is the zero Connection: plaintext.
func ReadConnection(path string) (Connection, error) {
	var c Connection
	if path == "" {
		return c, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return c, fmt.Errorf("%w: %w", errConnection, err)
	}
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return c, fmt.Errorf("%w: %s: %s", errConnection, path, yaml.FormatError(err, false, false))
	}
	_, err1 := c.tlsConfig()
	_, err2 := c.mechanism()
	if err := errors.Join(err1, err2); err != nil {
		return c, fmt.Errorf("%w: %s: %w", errConnection, path, err)
	}
	return c, nil
}

func (c *Connection) encrypted() bool {
	return c.TLS || c.CAFile != "" || c.CertFile != "" || c.KeyFile != ""
}

// tlsConfig is nil for plaintext.
func (c *Connection) tlsConfig() (*tls.Config, error) {
	if !c.encrypted() {
		return nil, nil
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	var errs []error
	if c.CAFile != "" {
		conf.RootCAs = x509.NewCertPool()
		if pem, err := os.ReadFile(c.CAFile); err != nil {
			errs = append(errs, fmt.Errorf("ca_file: %w", err))
		} else if !conf.RootCAs.AppendCertsFromPEM(pem) {
			errs = append(errs, fmt.Errorf("ca_file: there is no certificate in %s", c.CAFile))
		}
	}
	switch {
	case (c.CertFile == "") != (c.KeyFile == ""):
		errs = append(errs, errors.New("cert_file and key_file: one without the other"))
	case c.CertFile != "":
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			errs = append(errs, fmt.Errorf("cert_file: %w", err))
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, errors.Join(errs...)
}

// mechanism is nil for no user.
func (c *Connection) mechanism() (sasl.Mechanism, error) {
	switch c.Mechanism {
	case "":
		if c.UserFile != "" {
			return nil, errors.New("user_file: there is no mechanism")
		}
		return nil, nil
	case "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512":
	default:
		return nil, fmt.Errorf("mechanism: %q is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512", c.Mechanism)
	}
	if c.Mechanism == "PLAIN" && !c.encrypted() {
		return nil, errors.New("mechanism: PLAIN sends the password readable, so it needs tls")
	}
	text, err := os.ReadFile(c.UserFile)
	if err != nil {
		return nil, fmt.Errorf("user_file: %w", err)
	}
	user, rest, _ := strings.Cut(string(text), "\n")
	password, _, _ := strings.Cut(rest, "\n")
	user, password = strings.TrimSuffix(user, "\r"), strings.TrimSuffix(password, "\r")
	if user == "" || password == "" {
		return nil, fmt.Errorf("user_file: %s has no name in its first or no password in its second line", c.UserFile)
	}
	switch c.Mechanism {
	case "SCRAM-SHA-256":
		return scram.Mechanism(scram.SHA256, user, password)
	case "SCRAM-SHA-512":
		return scram.Mechanism(scram.SHA512, user, password)
	}
	return plain.Mechanism{Username: user, Password: password}, nil
}

// dialTimeout bounds one attempt to connect, TLS and user included.
const dialTimeout = 10 * time.Second

// newTransport returns kafka-go's pool of connections that are made as a
// connection file says.
func newTransport(path string) (*kafka.Transport, error) {
	c, err := ReadConnection(path)
	if err != nil {
		return nil, err
	}
	t := &kafka.Transport{
		ClientID:    "framebeam",
		DialTimeout: dialTimeout,
		IdleTimeout: 30 * time.Second,
		// Also how long one request for metadata may take. A leader that moved is
		// noticed by the error it answers with, not by this.
		MetadataTTL: 10 * time.Second,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			return dial(ctx, path, network, address)
		},
	}
	if c.Mechanism != "" {
		t.SASL = &mechanism{path: path, name: c.Mechanism}
	}
	return t, nil
}

// dial connects as the connection file says now.
func dial(ctx context.Context, path, network, address string) (net.Conn, error) {
	c, err := ReadConnection(path)
	if err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conf, err := c.tlsConfig()
	if err != nil || conf == nil {
		return conn, err
	}
	if conf.ServerName, _, err = net.SplitHostPort(address); err != nil {
		conn.Close()
		return nil, err
	}
	tc := tls.Client(conn, conf)
	if err := tc.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	return tc, nil
}

// mechanism authenticates with what the connection file says now.
type mechanism struct{ path, name string }

func (m *mechanism) Name() string { return m.name }

func (m *mechanism) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	c, err := ReadConnection(m.path)
	if err != nil {
		return nil, nil, err
	}
	if c.Mechanism != m.name {
		return nil, nil, fmt.Errorf("%w: %s: the mechanism changed from %s to %q", errConnection, m.path, m.name, c.Mechanism)
	}
	s, err := c.mechanism()
	if err != nil {
		return nil, nil, err
	}
	return s.Start(ctx)
}
