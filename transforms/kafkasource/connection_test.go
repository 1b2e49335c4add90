package kafkasource

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"github.com/framebeam/framebeam/broker"
)

// certificate makes a self-signed certificate for 127.0.0.1 and writes it as PEM.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	write(t, path, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, path
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConnectionsAreSecuredAsTheFileSays(t *testing.T) {
	cert, ca := certificate(t)
	_, otherCA := certificate(t)
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "frames"),
				kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}),
				kfake.EnableSASL(), kfake.Superuser(mechanism, "alice", "secret"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			dir := t.TempDir()
			user := write(t, filepath.Join(dir, "user"), "alice\nwrong\n")
			file := filepath.Join(dir, "connection.yaml")
			open := func(ca string) Log {
				t.Helper()
				write(t, file, fmt.Sprintf("ca_file: %s\nmechanism: %s\nuser_file: %s\n", ca, mechanism, user))
				l, err := OpenLog(t.Context(), LogSpec{Kind: "kafka", Brokers: c.ListenAddrs(), Connection: file, Patience: time.Second})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { l.Close() })
				return l
			}
			var unknown x509.UnknownAuthorityError
			if _, err := open(otherCA).Partitions(t.Context(), "frames"); !errors.As(err, &unknown) {
				t.Error("an unknown authority is trusted:", err)
			}
			l := open(ca)
			if _, err := l.Partitions(t.Context(), "frames"); err == nil || strings.Contains(err.Error(), "wrong") {
				t.Error("a wrong password is taken, or told:", err)
			}
			write(t, user, "alice\nsecret\n")
			if parts, err := l.Partitions(t.Context(), "frames"); err != nil || len(parts) != 1 {
				t.Error("the mended password is not read:", parts, err)
			}
		})
	}
}

func TestABadConnectionFileIsRefusedAtTheStart(t *testing.T) {
	dir := t.TempDir()
	user := write(t, filepath.Join(dir, "user"), "alice\nsecret\n")
	half := write(t, filepath.Join(dir, "half"), "alice\n")
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"an unknown key", "tsl: true", []string{"tsl"}},
		{"several violations", "ca_file: /nowhere\ncert_file: x\nmechanism: GSSAPI", []string{"ca_file", "/nowhere", "one without the other", "GSSAPI"}},
		{"a readable password without tls", "mechanism: PLAIN\nuser_file: " + user, []string{"needs tls"}},
		{"no user file", "mechanism: SCRAM-SHA-256", []string{"user_file"}},
		{"no password", "mechanism: SCRAM-SHA-256\nuser_file: " + half, []string{"no password in its second line"}},
		{"a user without mechanism", "user_file: " + user, []string{"no mechanism"}},
		{"authorities that are none", "ca_file: " + user, []string{"no certificate"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := write(t, filepath.Join(t.TempDir(), "c.yaml"), c.text)
			_, err := OpenLog(t.Context(), LogSpec{Kind: "kafka", Brokers: []string{"127.0.0.1:1"}, Connection: file})
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in %v", want, err)
				}
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Error("the error tells the password")
			}
		})
	}
	if _, err := OpenLog(t.Context(), LogSpec{Kind: "kafka", Brokers: []string{"127.0.0.1:1"}, Connection: filepath.Join(dir, "none")}); err == nil {
		t.Error("a missing file is fine")
	}
	if _, err := OpenLog(t.Context(), LogSpec{Kind: "kafka"}); err == nil {
		t.Error("no broker is fine")
	}
	if c, err := ReadConnection(write(t, filepath.Join(dir, "empty"), "")); err != nil || c != (Connection{}) {
		t.Error("an empty file is not plaintext:", c, err)
	}
}

func TestAClosedLogLeavesNothingBehind(t *testing.T) {
	b, err := broker.Start(broker.Options{Topics: []broker.Topic{{Name: "frames"}}})
	if err != nil {
		t.Fatal(err)
	}
	before := goleak.IgnoreCurrent()
	l, err := OpenLog(t.Context(), LogSpec{Kind: "kafka", Brokers: b.Addrs()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Identity(t.Context(), l, "frames"); err != nil {
		t.Error(err)
	}
	if _, _, err := l.Read(t.Context(), "frames", 0, 0, 1, 1, 0); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	b.Close()
	goleak.VerifyNone(t, before)
}
