package connect

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
)

// Transport returns kafka-go's pool of connections, every default set on
// purpose, that are made as the connection file at path says ("" is plain).
// clientID is the name in the brokers' logs and quotas. The error is that of
// [Check]; the same later, when a connection is made, is that attempt's error.
func Transport(path, clientID string) (*kafka.Transport, error) {
	s, err := read(path)
	if err != nil {
		return nil, err
	}
	t := &kafka.Transport{
		ClientID: clientID,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			return dial(ctx, path, network, address)
		},
		DialTimeout: 10 * time.Second, // with TLS and the user's handshake
		IdleTimeout: 30 * time.Second,
		// Also how long one request for metadata may take. A leader that moved is
		// noticed by the error it answers with, not by this.
		MetadataTTL: 10 * time.Second,
	}
	if s.mechanism != nil {
		t.SASL = &mechanism{path: path, name: s.mechanism.Name()}
	}
	return t, nil
}

// dial connects as the connection file says now.
func dial(ctx context.Context, path, network, address string) (net.Conn, error) {
	s, err := read(path)
	if err != nil {
		return nil, err
	}
	// Less than DialTimeout, so that one address that does not answer leaves time
	// for the next.
	d := net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
	if s.tls == nil {
		return d.DialContext(ctx, network, address)
	}
	conn, err := (&tls.Dialer{NetDialer: &d, Config: s.tls}).DialContext(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("connect to %s with TLS: %w", address, err)
	}
	return conn, nil
}

// mechanism authenticates with what the connection file says now. kafka-go keeps
// it, and it holds no secret.
type mechanism struct{ path, name string }

func (m *mechanism) Name() string { return m.name }

func (m *mechanism) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	s, err := read(m.path)
	if err != nil {
		return nil, nil, err
	}
	if s.mechanism == nil || s.mechanism.Name() != m.name {
		return nil, nil, &FileError{fmt.Errorf("%s: the mechanism was %s when the program started; only what it names can be changed meanwhile", m.path, m.name)}
	}
	return s.mechanism.Start(ctx)
}
