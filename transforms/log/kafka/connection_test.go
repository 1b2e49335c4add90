package kafka

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/log"
)

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestALogIsReadAsTheUserOfTheConnectionFile(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "frames"),
		kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "framebeam", "hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	dir := t.TempDir()
	password := write(t, filepath.Join(dir, "password"), "wrong\n")
	file := write(t, filepath.Join(dir, "connection.yaml"), "mechanism: SCRAM-SHA-512\nuser: framebeam\npassword_file: password\n")
	l, err := log.Open(t.Context(), log.Spec{Kind: "kafka", Brokers: c.ListenAddrs(), Connection: file, Patience: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if _, err := l.Partitions(t.Context(), "frames"); err == nil || strings.Contains(err.Error(), "wrong") {
		t.Error("a wrong password is taken, or told:", err)
	}
	write(t, password, "hunter2\n")
	if parts, err := l.Partitions(t.Context(), "frames"); err != nil || len(parts) != 1 {
		t.Error("the mended password is not read:", parts, err)
	}
	// Who was let in waits for the change of the password to be complete.
	write(t, password, "early\n")
	l.(*kafkaLog).transport.CloseIdleConnections()
	mended := time.AfterFunc(200*time.Millisecond, func() { os.WriteFile(password, []byte("hunter2\n"), 0o600) })
	defer mended.Stop()
	if _, _, err := l.Bounds(t.Context(), chunk.Partition{Topic: "frames"}); err != nil {
		t.Error("a password that is being changed is not waited for:", err)
	}
}

func TestABadConnectionIsRefusedAtTheStart(t *testing.T) {
	dir := t.TempDir()
	for name, path := range map[string]string{
		"a file with a violation": write(t, filepath.Join(dir, "connection.yaml"), "mechanism: PLAIN\n"),
		"a missing file":          filepath.Join(dir, "none"),
	} {
		_, err := log.Open(t.Context(), log.Spec{Kind: "kafka", Brokers: []string{"127.0.0.1:1"}, Connection: path})
		if _, ok := errors.AsType[*connect.FileError](err); !ok || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := log.Open(t.Context(), log.Spec{Kind: "kafka"}); err == nil {
		t.Error("no broker is fine")
	}
}

func TestAClosedLogLeavesNothingBehind(t *testing.T) {
	b, err := broker.Start(broker.Options{Topics: []broker.Topic{{Name: "frames"}}})
	if err != nil {
		t.Fatal(err)
	}
	before := goleak.IgnoreCurrent()
	l, err := log.Open(t.Context(), log.Spec{Kind: "kafka", Brokers: b.Addrs()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Identity(t.Context(), l, "frames"); err != nil {
		t.Error(err)
	}
	if _, _, err := l.Read(t.Context(), chunk.Partition{Topic: "frames"}, 0, 1, 1, 0); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	b.Close()
	goleak.VerifyNone(t, before)
}
