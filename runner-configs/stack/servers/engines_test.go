//go:build engines

package servers_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/framebeam/framebeam/runner-configs/stack/servers"
	"github.com/framebeam/framebeam/runner-configs/stack/servers/serverstest"
)

func TestKafkaKeepsWhatWasWrittenThroughKillAndRestart(t *testing.T) {
	s := serverstest.Up(t, servers.Config{Services: []string{servers.Kafka}, Brokers: 3})
	if got := len(s.Brokers()); got != 3 {
		t.Fatalf("%d brokers", got)
	}
	client := &kafka.Client{Addr: kafka.TCP(s.Brokers()...), Transport: &kafka.Transport{MetadataTTL: 100 * time.Millisecond}}
	defer client.Transport.(*kafka.Transport).CloseIdleConnections()
	made, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: "frames", NumPartitions: 1, ReplicationFactor: 3}},
	})
	if err := errors.Join(err, made.Errors["frames"]); err != nil {
		t.Fatal(err)
	}
	w := &kafka.Writer{
		Addr: kafka.TCP(s.Brokers()...), Topic: "frames", RequiredAcks: kafka.RequireAll,
		MaxAttempts: 60, BatchBytes: 16 << 20, BatchTimeout: time.Millisecond, Transport: client.Transport,
	}
	defer w.Close()
	raw := make([]byte, 8<<20) // a raw frame
	if err := w.WriteMessages(t.Context(), kafka.Message{Value: raw}); err != nil {
		t.Fatal(err)
	}
	if err := s.Kill("kafka-1"); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteMessages(t.Context(), kafka.Message{Value: []byte("after")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context(), "kafka-1"); err != nil {
		t.Fatal(err)
	}
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: s.Brokers(), Topic: "frames", MaxBytes: 16 << 20})
	defer r.Close()
	for _, want := range []string{string(raw), "after"} {
		m, err := r.ReadMessage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if string(m.Value) != want {
			t.Fatalf("%d bytes, want %d", len(m.Value), len(want))
		}
	}
}

func TestHDFSKeepsWhatWasWrittenThroughKillAndRestart(t *testing.T) {
	s := serverstest.Up(t, servers.Config{Services: []string{servers.HDFS}, DataNodes: 3})
	local := t.TempDir() + "/a"
	if err := os.WriteFile(local, []byte("frames"), 0o644); err != nil {
		t.Fatal(err)
	}
	hadoop := func(shell string, args ...string) string {
		t.Helper()
		out, err := s.Hadoop(t.Context(), shell, args...)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	hadoop("fs", "-put", local, "/a")
	for _, name := range []string{"namenode", "datanode-2"} {
		if err := s.Kill(name); err != nil {
			t.Fatal(err)
		}
	}
	// A DataNode is ready when the NameNode knows it: they come up together.
	errs := make(chan error, 2)
	for _, name := range []string{"datanode-2", "namenode"} {
		go func() { errs <- s.Start(t.Context(), name) }()
	}
	if err := errors.Join(<-errs, <-errs); err != nil {
		t.Fatal(err)
	}
	if got := hadoop("fs", "-cat", "/a"); got != "frames" {
		t.Errorf("read %q", got)
	}
	if got := hadoop("fsck", "/"); !strings.Contains(got, "HEALTHY") {
		t.Error(got)
	}
	if got := hadoop("dfsadmin", "-report"); !strings.Contains(got, "Live datanodes (3)") {
		t.Error(got)
	}
	if _, err := s.Hadoop(t.Context(), "fs", "-cat", "/missing"); err == nil || !strings.Contains(err.Error(), "No such file") {
		t.Errorf("error %v does not say what Hadoop said", err)
	}
}

func TestStartingTwiceDoesNothingAndAHalfStartIsFinished(t *testing.T) {
	s := serverstest.Up(t, servers.Config{Services: []string{servers.Kafka}})
	kafkaPid := s.Pid("kafka-1")
	began := time.Now()
	again, err := servers.Up(t.Context(), servers.Config{Dir: s.Dir(), Services: []string{servers.Kafka}})
	if err != nil {
		t.Fatal(err)
	}
	if again.Pid("kafka-1") != kafkaPid {
		t.Error("it was started again")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	more, err := servers.Up(t.Context(), servers.Config{Dir: s.Dir(), Services: []string{servers.Kafka, servers.HDFS}})
	if err != nil {
		t.Fatal(err)
	}
	if more.Pid("kafka-1") != kafkaPid || more.Pid("namenode") == 0 || more.Pid("datanode-1") == 0 {
		t.Error("the rest does not run, or what ran was touched")
	}
	opened, err := servers.Open(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if opened.HDFS() != more.HDFS() || !slices.Equal(opened.Brokers(), s.Brokers()) {
		t.Error("the addresses differ")
	}
	if _, err := servers.Up(t.Context(), servers.Config{Dir: t.TempDir(), Services: []string{servers.Kafka}, BasePort: s.BasePort()}); err == nil || !strings.Contains(err.Error(), "taken by java") {
		t.Errorf("a second stack on the same ports: %v", err)
	}
	if err := opened.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again.Pid("kafka-1") != 0 || more.Pid("namenode") != 0 {
		t.Error("something still runs")
	}
}

func TestFlinkFindsItselfAgainAfterKills(t *testing.T) {
	s := serverstest.Up(t, servers.Config{Services: []string{servers.Flink}})
	for _, name := range []string{"taskmanager-1", "jobmanager", "flink-job-server"} {
		if err := s.Kill(name); err != nil {
			t.Fatal(err)
		}
		if err := s.Start(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSparkFindsItselfAgainAfterKills(t *testing.T) {
	s := serverstest.Up(t, servers.Config{Services: []string{servers.Spark}})
	for _, name := range []string{"spark-worker-1", "spark-master", "spark-job-server"} {
		if err := s.Kill(name); err != nil {
			t.Fatal(err)
		}
		if err := s.Start(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}

	env, err := s.PySpark(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "python3", "-c", `
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
print("sum", spark.range(5).selectExpr("sum(id)").collect()[0][0])`)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "sum 10") {
		t.Errorf("%v: %s", err, out)
	}
}
