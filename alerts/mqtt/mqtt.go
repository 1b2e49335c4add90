// Package mqtt tells alerts to an MQTT broker (MQTT 5, QoS 1), as CloudEvents in binary mode:
// the message is JSON, and the event's context its user properties (CloudEvents MQTT protocol
// binding 1.0). A picture goes to a topic of its own, as a JPEG.
package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"github.com/framebeam/framebeam/alerts/message"
	"github.com/framebeam/framebeam/alerts/secret"
	"github.com/framebeam/framebeam/alerts/target"
	"github.com/framebeam/framebeam/transforms/eventsink"
)

// Config says where messages go.
type Config struct {
	Broker string // mqtts://host:8883 or mqtt://host:1883
	// Topic and Picture are templates of topics' names, with the fields of a message. Without
	// Picture pictures are left out.
	Topic, Picture *message.Template
	User           string
	Password       secret.Ref // zero: none
	ClientID       string     // default: one that the broker chooses
	TLS            *tls.Config
	Unencrypted    bool // allows mqtt: to more than this machine
	Retain         bool
	Timeout        time.Duration // of one attempt; default 15 s
}

// DefaultTimeout is how long one attempt may take.
const DefaultTimeout = 15 * time.Second

// DefaultTopic is the template of topics unless another is given.
const DefaultTopic = "framebeam/{{.Camera}}/{{.Alert}}"

// keepAlive is how often, in seconds, the broker hears of us at least.
const keepAlive = 30

// Client is a connection to a broker, made when it is needed.
type Client struct {
	cfg     Config
	address *url.URL

	mu   sync.Mutex
	conn *paho.Client
	raw  net.Conn // that it is on
}

// Open makes a client; nothing is connected yet. The error lists everything that is wrong.
func Open(cfg Config) (*Client, error) {
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	c := &Client{cfg: cfg}
	var errs []error
	u, err := url.Parse(cfg.Broker)
	switch {
	case err != nil || u.Hostname() == "":
		errs = append(errs, errors.New("broker: it is not a URL such as mqtts://broker.example:8883"))
	case u.User != nil:
		errs = append(errs, errors.New("broker: the URL holds a user: use user and password_file or password_env"))
	case u.Scheme != "mqtt" && u.Scheme != "mqtts":
		errs = append(errs, fmt.Errorf("broker: %.20q is not mqtts or mqtt", u.Scheme))
	case u.Scheme == "mqtt" && !cfg.Unencrypted && !target.ThisMachine(u.Hostname()):
		errs = append(errs, errors.New("broker: mqtt: sends everything as it is: use mqtts, or say unencrypted: true"))
	case u.Port() == "":
		u.Host = net.JoinHostPort(u.Hostname(), map[string]string{"mqtt": "1883", "mqtts": "8883"}[u.Scheme])
	}
	c.address = u
	if _, err := c.password(); err != nil {
		errs = append(errs, fmt.Errorf("password: %w", err))
	}
	for name, t := range map[string]*message.Template{"topic": cfg.Topic, "picture_topic": cfg.Picture} {
		if t == nil {
			continue
		}
		if _, err := topicOf(t, &message.Message{Event: exampleEvent}); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return c, errors.Join(errs...)
}

func (c *Client) password() ([]byte, error) {
	if c.cfg.Password.IsZero() {
		return nil, nil
	}
	p, err := c.cfg.Password.One()
	return []byte(p), err
}

// Close ends the connection.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		_ = c.conn.Disconnect(&paho.Disconnect{}) // it ends either way
	}
	c.drop(c.conn)
	return nil
}

// drop gives a connection up. The lock is held.
func (c *Client) drop(conn *paho.Client) {
	if conn != nil && conn == c.conn {
		c.raw.Close()
		<-conn.Done()
		c.conn, c.raw = nil, nil
	}
}

// connected is the connection, made anew if there is none.
func (c *Client) connected(ctx context.Context) (*paho.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		select {
		case <-c.conn.Done():
			c.drop(c.conn)
		default:
			return c.conn, nil
		}
	}
	password, err := c.password()
	if err != nil {
		return nil, fmt.Errorf("password: %w", err)
	}
	raw, err := c.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", c.address.Host, err)
	}
	conn := paho.NewClient(paho.ClientConfig{Conn: packets.NewThreadSafeConn(raw), PacketTimeout: c.cfg.Timeout})
	hello := &paho.Connect{KeepAlive: keepAlive, ClientID: c.cfg.ClientID, CleanStart: true}
	if c.cfg.User != "" {
		hello.Username, hello.UsernameFlag = c.cfg.User, true
	}
	if password != nil {
		hello.Password, hello.PasswordFlag = password, true
	}
	ack, err := conn.Connect(ctx, hello)
	if err != nil {
		raw.Close()
		if ack != nil && ack.ReasonCode >= 0x80 {
			err = fmt.Errorf("%s (0x%02x)", reasons(ack.ReasonCode), ack.ReasonCode)
		}
		return nil, fmt.Errorf("connect to %s: %w", c.address.Host, err)
	}
	c.conn, c.raw = conn, raw
	return conn, nil
}

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	d := &net.Dialer{Timeout: 10 * time.Second}
	if c.address.Scheme == "mqtt" {
		return d.DialContext(ctx, "tcp", c.address.Host)
	}
	conf := c.cfg.TLS
	if conf == nil {
		conf = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return (&tls.Dialer{NetDialer: d, Config: conf}).DialContext(ctx, "tcp", c.address.Host)
}

// Send publishes the picture, if there is one and a topic for it, and then the message.
func (c *Client) Send(ctx context.Context, m *message.Message) (answer string, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	topic, err := topicOf(c.cfg.Topic, m)
	if err != nil {
		return "", &target.Refused{Reason: "topic: " + err.Error()}
	}
	body, err := m.JSON(false)
	if err != nil {
		return "", &target.Refused{Reason: err.Error()}
	}
	conn, err := c.connected(ctx)
	if err != nil {
		return "", err
	}
	if c.cfg.Picture != nil && m.Picture.JPEG != nil {
		to, err := topicOf(c.cfg.Picture, m)
		if err != nil {
			return "", &target.Refused{Reason: "picture_topic: " + err.Error()}
		}
		if _, err := c.publish(ctx, conn, to, m, "image/jpeg", m.Picture.JPEG); err != nil {
			return "", err
		}
	}
	return c.publish(ctx, conn, topic, m, message.ContentType, body)
}

func (c *Client) publish(ctx context.Context, conn *paho.Client, topic string, m *message.Message, contentType string, body []byte) (string, error) {
	p := &paho.Publish{
		QoS: 1, Topic: topic, Payload: body, Retain: c.cfg.Retain,
		Properties: &paho.PublishProperties{ContentType: contentType},
	}
	for _, a := range m.Attributes() {
		p.Properties.User.Add(a.Name, a.Value)
	}
	ack, err := conn.Publish(ctx, p)
	if ack != nil && ack.ReasonCode >= 0x80 {
		return "", meaning(ack.ReasonCode, topic)
	}
	if err != nil {
		// Whether it has come is not known. On this connection the answer could still come, and
		// the message lie in the way of those that follow.
		c.mu.Lock()
		c.drop(conn)
		c.mu.Unlock()
		return "", fmt.Errorf("publish to %s at %s: %w", topic, c.address.Host, err)
	}
	answer := "acknowledged"
	if ack != nil && ack.ReasonCode == packets.PubackNoMatchingSubscribers {
		answer += ", though nobody has subscribed to " + topic
	}
	return answer, nil
}

// meaning is the error of a broker's refusal (MQTT 5, 3.4.2.1).
func meaning(code byte, topic string) error {
	text := fmt.Sprintf("%s: %s (0x%02x)", topic, reasons(code), code)
	switch code {
	case packets.PubackTopicNameInvalid, packets.PubackPayloadFormatInvalid, packets.DisconnectPacketTooLarge:
		return &target.Refused{Reason: text}
	}
	return errors.New(text) // permissions and quotas change
}

// reasons are the words for codes of a refusal.
func reasons(code byte) string {
	words := map[byte]string{
		0x80: "unspecified error", 0x83: "implementation specific error", 0x84: "the broker does not speak MQTT 5",
		0x85: "client id not valid", 0x86: "the user or the password is wrong", 0x87: "not authorised", 0x88: "server unavailable",
		0x89: "server busy", 0x8a: "banned", 0x90: "topic name invalid", 0x95: "packet too large", 0x97: "quota exceeded",
		0x99: "payload format invalid", 0x9f: "too many connections",
	}
	if w := words[code]; w != "" {
		return w
	}
	return "refused"
}

// exampleEvent tries a template of topics.
var exampleEvent = eventsink.Event{Camera: "gate"}

// maxTopic is the longest name of a topic (MQTT 5, 1.5.4).
const maxTopic = 65535

var wildcards = strings.NewReplacer("+", "_", "#", "_", "\x00", "_")

// topicOf fills a template of a topic's name in. What events put into it makes no wildcard.
func topicOf(t *message.Template, m *message.Message) (string, error) {
	f := message.FieldsOf(m.Alert, &m.Event, &m.Held, m.Summary, time.UTC)
	for _, s := range []*string{&f.Alert, &f.Camera, &f.Type, &f.Rule, &f.Transition, &f.Label, &f.Detail, &f.ID} {
		*s = wildcards.Replace(*s)
	}
	topic, err := t.Text(f)
	switch {
	case err != nil:
		return "", err
	case topic == "" || len(topic) > maxTopic || strings.ContainsAny(topic, "+#\x00") || strings.HasPrefix(topic, "$"):
		return "", fmt.Errorf("%.80q is no topic to publish to", topic)
	}
	return topic, nil
}
