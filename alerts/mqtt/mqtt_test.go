package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"go.uber.org/goleak"

	"github.com/framebeam/framebeam/alerts/message"
	"github.com/framebeam/framebeam/alerts/secret"
	"github.com/framebeam/framebeam/alerts/target"
	"github.com/framebeam/framebeam/transforms/eventsink"
	"github.com/framebeam/framebeam/transforms/result"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mosquitto is a real broker (Debian's package mosquitto) with a user, on TLS and without.
type mosquitto struct {
	plain, tls int // ports
	folder     string
	pool       *x509.CertPool
	cmd        *exec.Cmd
}

func start(t *testing.T) *mosquitto {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skip("NOT TESTED: there is no mosquitto here (make deps-test installs it)")
		}
	}
	m := &mosquitto{folder: t.TempDir(), pool: x509.NewCertPool()}
	m.plain, m.tls = port(t), port(t)
	// The certificate that net/http/httptest has for 127.0.0.1 will do.
	s := httptest.NewTLSServer(nil)
	pair := s.TLS.Certificates[0]
	m.pool.AddCert(s.Certificate())
	s.Close()
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) string {
		file := filepath.Join(m.folder, name)
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	cert := write("cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}))
	keyFile := write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	write("password", []byte("hunter2\n"))
	users := write("users", []byte("framebeam:hunter2\nother:hunter2\n"))
	if out, err := exec.Command("mosquitto_passwd", "-U", users).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	acl := write("acl", []byte("user framebeam\ntopic readwrite framebeam/#\n\nuser other\ntopic read framebeam/#\n"))
	conf := write("mosquitto.conf", fmt.Appendf(nil, `
user root
allow_anonymous false
password_file %s
acl_file %s
message_size_limit 100000
listener %d 127.0.0.1
listener %d 127.0.0.1
certfile %s
keyfile %s
`, users, acl, m.plain, m.tls, cert, keyFile))
	m.run(t, path, conf)
	return m
}

func (m *mosquitto) run(t *testing.T, path, conf string) {
	t.Helper()
	m.cmd = exec.Command(path, "-c", conf)
	var said strings.Builder
	m.cmd.Stderr = &said
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.stop(); t.Log(said.String()) })
	deadline := time.Now().Add(20 * time.Second)
	for {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", m.tls))
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("mosquitto does not come up: ", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (m *mosquitto) stop() {
	_ = m.cmd.Process.Kill()
	_ = m.cmd.Wait()
}

func port(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// subscribe gives what is published.
func (m *mosquitto) subscribe(t *testing.T, topic string) <-chan *paho.Publish {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", m.plain))
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan *paho.Publish, 100)
	c := paho.NewClient(paho.ClientConfig{Conn: packets.NewThreadSafeConn(conn), OnPublishReceived: []func(paho.PublishReceived) (bool, error){
		func(p paho.PublishReceived) (bool, error) { got <- p.Packet; return true, nil },
	}})
	ctx := t.Context()
	if _, err := c.Connect(ctx, &paho.Connect{KeepAlive: 30, ClientID: "test", CleanStart: true, Username: "other", UsernameFlag: true, Password: []byte("hunter2"), PasswordFlag: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); <-c.Done() })
	if _, err := c.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: topic, QoS: 1}}}); err != nil {
		t.Fatal(err)
	}
	return got
}

func (m *mosquitto) config() Config {
	topic, _ := message.ParseTemplate(DefaultTopic)
	picture, _ := message.ParseTemplate("framebeam/{{.Camera}}/picture")
	return Config{
		Broker: fmt.Sprintf("mqtts://127.0.0.1:%d", m.tls), TLS: &tls.Config{RootCAs: m.pool}, User: "framebeam",
		Password: secret.Ref{File: filepath.Join(m.folder, "password")}, Topic: topic, Picture: picture, Timeout: 5 * time.Second,
	}
}

func open(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func alert(id string) *message.Message {
	return &message.Message{ID: id, Alert: "door", Text: "somebody", Picture: message.Picture{JPEG: []byte("jpeg " + id)},
		Event: eventsink.Event{Event: result.Event{ID: id, Type: "LineDetector/Crossed"}, Camera: "gate"}}
}

func next(t *testing.T, from <-chan *paho.Publish) *paho.Publish {
	t.Helper()
	select {
	case p := <-from:
		return p
	case <-time.After(20 * time.Second):
		t.Fatal("nothing comes")
		return nil
	}
}

func TestAnAlertIsAcknowledgedByARealBroker(t *testing.T) {
	m := start(t)
	c := open(t, m.config())
	if answer, err := c.Send(t.Context(), alert("0")); err != nil || !strings.Contains(answer, "acknowledged, though nobody has subscribed") {
		t.Fatal(answer, err)
	}
	got := m.subscribe(t, "framebeam/#")
	if answer, err := c.Send(t.Context(), alert("1")); err != nil || answer != "acknowledged" {
		t.Fatal(answer, err)
	}
	p := next(t, got)
	if p.Topic != "framebeam/gate/picture" || string(p.Payload) != "jpeg 1" || p.Properties.ContentType != "image/jpeg" {
		t.Errorf("%+v", p)
	}
	p = next(t, got)
	var data struct{ Text string }
	if err := json.Unmarshal(p.Payload, &data); err != nil || data.Text != "somebody" || p.Topic != "framebeam/gate/door" || p.QoS != 1 {
		t.Errorf("%v %+v", err, p)
	}
	if p.Properties.User.Get("id") != "1" || p.Properties.User.Get("specversion") != "1.0" || p.Properties.ContentType != "application/json" {
		t.Errorf("%+v", p.Properties)
	}

	// Others connect with the same name, or the broker ends: the next message makes a new connection.
	m.stop()
	if _, err := c.Send(t.Context(), alert("2")); err == nil {
		t.Error("a broker that is gone has taken it")
	}
	m.run(t, m.cmd.Path, m.cmd.Args[2])
	got = m.subscribe(t, "framebeam/gate/door")
	if _, err := c.Send(t.Context(), alert("3")); err != nil {
		t.Fatal(err)
	}
	if p := next(t, got); p.Properties.User.Get("id") != "3" {
		t.Errorf("%+v", p)
	}
}

func TestWhatABrokerDoesNotTake(t *testing.T) {
	m := start(t)
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"another password", func(c *Config) { c.Password = secret.Ref{File: filepath.Join(m.folder, "users")} }, "more than one line"},
		{"another user", func(c *Config) { c.User = "nobody" }, "not authorised (0x87)"},
		{"who may not write", func(c *Config) { c.User = "other" }, "not authorised (0x87)"},
		{"an authority that is not trusted", func(c *Config) { c.TLS = nil }, "certificate"},
		{"a port without TLS", func(c *Config) { c.Broker = fmt.Sprintf("mqtts://127.0.0.1:%d", m.plain); c.Timeout = time.Second }, "connect to 127.0.0.1"},
	} {
		cfg := m.config()
		c.change(&cfg)
		client, err := Open(cfg)
		if err == nil {
			_, err = client.Send(t.Context(), alert("1"))
		}
		_, refused := target.IsRefused(err)
		if err == nil || !strings.Contains(err.Error(), c.want) || refused || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", c.name, err)
		}
		client.Close()
	}
	// What is beyond the broker's bound will never be taken.
	big := alert("1")
	big.Text = strings.Repeat("x", 200_000)
	c := open(t, m.config())
	_, err := c.Send(t.Context(), big)
	if _, refused := target.IsRefused(err); !refused {
		t.Error(err)
	}
	if _, err := c.Send(t.Context(), alert("2")); err != nil {
		t.Error("after it:", err)
	}
}

func TestTopicsHoldNoWildcards(t *testing.T) {
	tmpl, err := message.ParseTemplate("a/{{.Rule}}/{{.Label}}")
	if err != nil {
		t.Fatal(err)
	}
	m := alert("1")
	m.Event.Rule, m.Event.Label = "#", "+\x00"
	if got, err := topicOf(tmpl, m); got != "a/_/__" || err != nil {
		t.Error(got, err)
	}
	for _, text := range []string{"", "a/#", "+/a", "$SYS/a"} {
		tmpl, err := message.ParseTemplate(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := topicOf(tmpl, m); err == nil {
			t.Errorf("%q gives %q", text, got)
		}
	}
}
