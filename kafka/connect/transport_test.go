package connect

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
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// identity is a certificate for 127.0.0.1 that signs itself.
type identity struct {
	cert tls.Certificate
	pool *x509.CertPool
}

func authority(t *testing.T) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	id := identity{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, x509.NewCertPool()}
	id.pool.AddCert(parsed)
	return id
}

// write writes the certificate with its key as name.pem and name.key, and as the
// authority ca.pem.
func (id identity) write(t *testing.T, dir, name, ca string) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(id.cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: id.cert.Certificate[0]}))
	write(t, filepath.Join(dir, name+".pem"), cert)
	write(t, filepath.Join(dir, ca+".pem"), cert)
	write(t, filepath.Join(dir, name+".key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
}

// serve starts brokers that are secured as opts say.
func serve(t *testing.T, opts ...kfake.Opt) []string {
	t.Helper()
	c, err := kfake.NewCluster(append(opts, kfake.NumBrokers(1), kfake.SeedTopics(1, "frames"))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.ListenAddrs()
}

// ask makes one request on a new connection.
func ask(t *testing.T, transport *kafka.Transport, brokers []string) error {
	t.Helper()
	transport.CloseIdleConnections()
	defer transport.CloseIdleConnections()
	client := kafka.Client{Addr: kafka.TCP(brokers...), Transport: transport, Timeout: 10 * time.Second}
	_, err := client.Metadata(t.Context(), &kafka.MetadataRequest{Topics: []string{"frames"}})
	return err
}

func open(t *testing.T, path string) *kafka.Transport {
	t.Helper()
	transport, err := Transport(path, "test")
	if err != nil {
		t.Fatal(err)
	}
	return transport
}

func TestAPlainConnection(t *testing.T) {
	if err := ask(t, open(t, ""), serve(t)); err != nil {
		t.Error(err)
	}
}

func TestConnectionsAreSecuredAsTheFileSaysAtThatTime(t *testing.T) {
	server, other := authority(t), authority(t)
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			brokers := serve(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{server.cert}}),
				kfake.EnableSASL(), kfake.Superuser(mechanism, "framebeam", "hunter2"))
			dir := t.TempDir()
			other.write(t, dir, "server", "ca")
			password := write(t, filepath.Join(dir, "password"), "wrong\n")
			transport := open(t, write(t, filepath.Join(dir, "connection.yaml"),
				fmt.Sprintf("ca_file: ca.pem\nmechanism: %s\nuser: framebeam\npassword_file: password\n", mechanism)))
			if _, ok := errors.AsType[x509.UnknownAuthorityError](ask(t, transport, brokers)); !ok {
				t.Error("an unknown authority is trusted")
			}
			server.write(t, dir, "server", "ca")
			if err := ask(t, transport, brokers); err == nil || strings.Contains(err.Error(), "wrong") {
				t.Error("a wrong password is taken, or told:", err)
			}
			write(t, password, "\n")
			if _, ok := errors.AsType[*FileError](ask(t, transport, brokers)); !ok {
				t.Error("a password that is gone is not missed")
			}
			write(t, password, "hunter2\n")
			if err := ask(t, transport, brokers); err != nil {
				t.Error("the password is not read anew:", err)
			}
		})
	}
}

func TestTheSystemsAuthoritiesDoNotKnowEverybody(t *testing.T) {
	brokers := serve(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{authority(t).cert}}))
	err := ask(t, open(t, write(t, filepath.Join(t.TempDir(), "connection.yaml"), "tls: true\n")), brokers)
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); !ok {
		t.Error(err)
	}
}

func TestAClientShowsItsCertificate(t *testing.T) {
	server, client := authority(t), authority(t)
	brokers := serve(t, kfake.TLS(&tls.Config{
		Certificates: []tls.Certificate{server.cert}, ClientCAs: client.pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}))
	dir := t.TempDir()
	client.write(t, dir, "client", "ignored")
	server.write(t, dir, "server", "ca")
	if err := ask(t, open(t, write(t, filepath.Join(dir, "with.yaml"), "ca_file: ca.pem\ncert_file: client.pem\nkey_file: client.key\n")), brokers); err != nil {
		t.Error(err)
	}
	if err := ask(t, open(t, write(t, filepath.Join(dir, "without.yaml"), "ca_file: ca.pem\n")), brokers); !Refused(err) {
		t.Error("a client without a certificate is not refused:", err)
	}
}

func TestTheMechanismStaysWhatItWas(t *testing.T) {
	brokers := serve(t, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "framebeam", "hunter2"))
	dir := t.TempDir()
	write(t, filepath.Join(dir, "password"), "hunter2\n")
	path := filepath.Join(dir, "connection.yaml")
	const text = "mechanism: SCRAM-SHA-256\nuser: framebeam\npassword_file: password\n"
	transport := open(t, write(t, path, text))
	for _, changed := range []string{"", strings.Replace(text, "256", "512", 1)} {
		write(t, path, changed)
		if err := ask(t, transport, brokers); err == nil || !strings.Contains(err.Error(), "the mechanism was SCRAM-SHA-256") {
			t.Errorf("got %v", err)
		}
	}
}

func TestNothingSecretIsKept(t *testing.T) {
	dir := folder(t)
	transport := open(t, write(t, filepath.Join(dir, "connection.yaml"), "tls: true\nmechanism: PLAIN\nuser: framebeam\npassword_file: password\n"))
	if shown := fmt.Sprintf("%+v %+v", transport, transport.SASL); strings.Contains(shown, "hunter2") {
		t.Error(shown)
	}
}
