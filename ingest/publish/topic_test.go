package publish

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/broker"
)

func TestAMissingTopicIsAnErrorThatSaysWhatToDo(t *testing.T) {
	b := start(t, broker.Options{})
	_, err := Open(t.Context(), Options{Brokers: b.Addrs(), Topic: "frames"})
	if _, ok := errors.AsType[*TopicMissingError](err); !ok || !strings.Contains(err.Error(), "--create-topic --partitions N") {
		t.Error(err)
	}
}

func TestATopicIsCreatedToBeKeptBySize(t *testing.T) {
	b := start(t, broker.Options{})
	p := open(t, b, Options{CreatePartitions: 3})
	if got := p.Topic(); len(got.Partitions) != 3 || got.MaxMessageBytes != createdMaxMessageBytes || got.Retention != 0 || got.AppendTime {
		t.Errorf("%+v", got)
	}
	// One that exists is left alone.
	if got := open(t, b, Options{CreatePartitions: 9}).Topic(); len(got.Partitions) != 3 {
		t.Errorf("%+v", got)
	}
}

func TestTheTopicsConfigurationIsRead(t *testing.T) {
	b := start(t, broker.Options{Topics: []broker.Topic{{Name: "frames", Configs: map[string]string{
		"max.message.bytes": "12345", "retention.ms": "60000", "message.timestamp.type": "LogAppendTime",
	}}}})
	if got := open(t, b, Options{}).Topic(); got.MaxMessageBytes != 12345 || got.Retention != time.Minute || !got.AppendTime {
		t.Errorf("%+v", got)
	}
}

func TestACompactedTopicIsRefused(t *testing.T) {
	b := start(t, broker.Options{Topics: []broker.Topic{{Name: "frames", Configs: map[string]string{"cleanup.policy": "compact"}}}})
	_, err := Open(t.Context(), Options{Brokers: b.Addrs(), Topic: "frames"})
	if _, ok := errors.AsType[*CompactedError](err); !ok {
		t.Error(err)
	}
}

func TestBrokersThatCannotBeReachedAreNamed(t *testing.T) {
	b := start(t, broker.Options{})
	addrs := b.Addrs()
	b.Close()
	_, err := Open(t.Context(), Options{Brokers: addrs, Topic: "frames", OpenTimeout: 500 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), addrs[0]) {
		t.Error(err)
	}
}

func TestConnectionSettingsAreChecked(t *testing.T) {
	dir := t.TempDir()
	user, empty := filepath.Join(dir, "user"), filepath.Join(dir, "empty")
	for path, content := range map[string]string{user: "collector\nhunter2\n", empty: "collector\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name  string
		c     Connection
		wrong string // "" if it is right
	}{
		{"plain text without a user", Connection{}, ""},
		{"SCRAM without TLS", Connection{Mechanism: "SCRAM-SHA-512", UserFile: user}, ""},
		{"PLAIN with TLS", Connection{TLS: true, Mechanism: "PLAIN", UserFile: user}, ""},
		{"PLAIN without TLS shows the password", Connection{Mechanism: "PLAIN", UserFile: user}, "use it with TLS"},
		{"a mechanism without a user", Connection{Mechanism: "SCRAM-SHA-256"}, "needs a file"},
		{"a user without a mechanism", Connection{UserFile: user}, "no mechanism"},
		{"a user without a password", Connection{Mechanism: "SCRAM-SHA-256", UserFile: empty}, "password in its second line"},
		{"an unknown mechanism", Connection{Mechanism: "GSSAPI", UserFile: user}, `"GSSAPI"`},
		{"authorities that are none", Connection{CAFile: user}, "no certificate in"},
		{"authorities that are not there", Connection{CAFile: filepath.Join(dir, "none")}, "no such file"},
		{"a certificate without its key", Connection{CertFile: user}, "both"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.c.Check()
			if tc.wrong == "" && err != nil || tc.wrong != "" && (err == nil || !strings.Contains(err.Error(), tc.wrong)) {
				t.Errorf("got %v, want %q", err, tc.wrong)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Error("the password shows")
			}
		})
	}
}

func TestTLSVerifiesTheBrokers(t *testing.T) {
	conf, err := Connection{TLS: true}.tlsConfig()
	if err != nil || conf.InsecureSkipVerify || conf.RootCAs != nil {
		t.Errorf("%+v, %v", conf, err)
	}
}
