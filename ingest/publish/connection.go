package publish

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// Connection says how to reach the brokers. Secrets are in files, never in a
// field. The zero value is a connection without TLS and without a user.
type Connection struct {
	TLS      bool   // encrypt, and verify the brokers' certificates with the system's authorities
	CAFile   string // PEM file of the authorities to verify with instead; implies TLS
	CertFile string // PEM file of the client's own certificate; implies TLS
	KeyFile  string // PEM file of its key
	// Mechanism is how a user is authenticated: PLAIN (with TLS only),
	// SCRAM-SHA-256 or SCRAM-SHA-512; "" for no user.
	Mechanism string
	// UserFile holds the user's name in its first line and the password in its second.
	UserFile string
}

func (c Connection) tlsConfig() (*tls.Config, error) {
	if !c.TLS && c.CAFile == "" && c.CertFile == "" && c.KeyFile == "" {
		return nil, nil
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("certificate authorities: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("certificate authorities: no certificate in %s", c.CAFile)
		}
	}
	if c.CertFile != "" || c.KeyFile != "" {
		if c.CertFile == "" || c.KeyFile == "" {
			return nil, errors.New("client certificate: both the certificate and its key are needed")
		}
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}

func (c Connection) mechanism(encrypted bool) (sasl.Mechanism, error) {
	if c.Mechanism == "" {
		if c.UserFile != "" {
			return nil, errors.New("user: a file but no mechanism is given")
		}
		return nil, nil
	}
	if c.UserFile == "" {
		return nil, fmt.Errorf("user: mechanism %s needs a file with name and password", c.Mechanism)
	}
	data, err := os.ReadFile(c.UserFile)
	if err != nil {
		return nil, fmt.Errorf("user: %w", err)
	}
	name, rest, _ := strings.Cut(string(data), "\n")
	password, _, _ := strings.Cut(rest, "\n")
	name, password = strings.TrimSuffix(name, "\r"), strings.TrimSuffix(password, "\r")
	if name == "" || password == "" {
		return nil, fmt.Errorf("user: %s does not hold a name in its first and a password in its second line", c.UserFile)
	}
	switch c.Mechanism {
	case "PLAIN":
		if !encrypted {
			return nil, errors.New("user: PLAIN sends the password as it is: use it with TLS, or a SCRAM mechanism")
		}
		return plain.Mechanism{Username: name, Password: password}, nil
	case "SCRAM-SHA-256":
		return scram.Mechanism(scram.SHA256, name, password)
	case "SCRAM-SHA-512":
		return scram.Mechanism(scram.SHA512, name, password)
	}
	return nil, fmt.Errorf("user: mechanism %q is not PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", c.Mechanism)
}

// Check reports everything that is wrong with the connection's settings.
func (c Connection) Check() error {
	conf, err1 := c.tlsConfig()
	_, err2 := c.mechanism(conf != nil || err1 != nil)
	return errors.Join(err1, err2)
}

// transport is kafka-go's pool of connections, with every default set on
// purpose.
func (c Connection) transport(topic string) (*kafka.Transport, error) {
	conf, err := c.tlsConfig()
	if err != nil {
		return nil, err
	}
	mechanism, err := c.mechanism(conf != nil)
	if err != nil {
		return nil, err
	}
	return &kafka.Transport{
		ClientID:       "framebeam-ingest",
		Dial:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		DialTimeout:    10 * time.Second, // with TLS and the user's handshake
		IdleTimeout:    time.Minute,
		MetadataTTL:    10 * time.Second, // also the time limit of asking; a leader that moved is asked for at once, see sender
		MetadataTopics: []string{topic},
		TLS:            conf,
		SASL:           mechanism,
		Context:        context.Background(),
	}, nil
}
