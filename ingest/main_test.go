package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/framebeam/framebeam/cli/ingest"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/ingest/capture"
	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/testdata/command"
)

func TestMain(m *testing.M) {
	capture.Child()
	command.Become("ingest", main)
	command.Become("analyze", analyze)
	goleak.VerifyTestMain(m)
}

// run runs the command in this process.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return program.Run(ctx, ingest.New(), args, stdout, stderr)
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const scene = "cameras:\n  - {id: yard, source: 'scene:seed=7&size=64x48&frames=20&fps=10'}\n"

func TestACollectorPublishesAndSaysWhatItSent(t *testing.T) {
	b, err := broker.Start(broker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var stdout, stderr bytes.Buffer
	args := []string{"--config", write(t, "cameras.yaml", scene), "--brokers", strings.Join(b.Addrs(), ",")}
	if code := run(t.Context(), args, &stdout, &stderr); code != program.Failed || !strings.Contains(stderr.String(), "topic frames does not exist") {
		t.Errorf("without the topic: exit %d\n%s", code, &stderr)
	}
	stderr.Reset()
	if code := run(t.Context(), append(args, "--create-topic", "--partitions", "2"), &stdout, &stderr); code != program.Done || stderr.Len() > 0 {
		t.Errorf("exit %d\n%s", code, &stderr)
	}
	if out := stdout.String(); !strings.Contains(out, "yard: captured 20, sent 20 (") {
		t.Error(out)
	}
}

func TestACheckNeedsNoKafkaAndFailsIfACameraDoes(t *testing.T) {
	thumbnails := filepath.Join(t.TempDir(), "small")
	file := write(t, "cameras.yaml", scene+"  - {id: off, source: 'rtsp://127.0.0.1:1/'}\n")
	for _, c := range []struct {
		name   string
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{"one that fails", nil, program.Failed, "nothing listens there", ""},
		{"only what works", []string{"--camera", "yard", "--thumbnails", thumbnails}, program.Done, "yard    ok", ""},
		{"for programs", []string{"--camera", "yard", "--format", "jsonl"}, program.Done, `"camera":"yard","source":"scene:`, ""},
		{"a camera that is not there", []string{"--camera", "yard,moon"}, program.Usage, "", "--camera moon: there is no such camera"},
		{"nothing to try", []string{"--at-once", "0"}, program.Usage, "", "--at-once 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), append([]string{"check", "--config", file}, c.args...), &stdout, &stderr)
			if code != c.code || !strings.Contains(stdout.String(), c.stdout) || !strings.Contains(stderr.String(), c.stderr) {
				t.Errorf("exit %d\n%s%s", code, &stdout, &stderr)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(thumbnails, "yard.jpg")); err != nil {
		t.Error(err)
	}
}

func TestEverythingWrongIsListedAndNothingStarted(t *testing.T) {
	connection := write(t, "connection.yaml", "mechanism: PLAIN\n")
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), []string{
		"--config", write(t, "cameras.yaml", "cameras:\n  - id: yard\n    source: none.avi\n    quality: 0\n"),
		"--brokers", "localhost", "--topic", "a/b", "--wire", "xml", "--json-zone", "Mars/Olympus", "--partitions", "3",
		"--buffer", "0", "--source-memory", "1", "--connection", connection, "more",
	}, &stdout, &stderr)
	if code != program.Usage || stdout.Len() > 0 {
		t.Errorf("exit %d, output %q", code, &stdout)
	}
	for _, want := range []string{
		`unexpected argument "more"`, `--brokers: "localhost"`, `topic "a/b"`, `--wire "xml"`, `--json-zone: time zone "Mars/Olympus"`,
		"--partitions is for --create-topic", "--buffer 0", "--source-memory 1", "connection.yaml:1: connection: mechanism: PLAIN sends the password as it is",
		"cameras.yaml:3: camera yard: source: ", "cameras.yaml:4: camera yard: quality: 0",
	} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("%q is not in\n%s", want, &stderr)
		}
	}
	stderr.Reset()
	if code := run(context.Background(), []string{"--brokers", ""}, &stdout, &stderr); code != program.Usage || stderr.String() != "--brokers is missing\n--config is missing\n" {
		t.Errorf("exit %d\n%s", code, &stderr)
	}
}

func TestAPortThatIsTakenForMetricsIsAnErrorAndNothingIsStarted(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"--config", write(t, "cameras.yaml", scene), "--listen-metrics", l.Addr().String()}, &stdout, &stderr)
	if want := "metrics cannot be served at " + l.Addr().String() + ": another program listens there already"; code != program.Usage || !strings.Contains(stderr.String(), want) {
		t.Errorf("exit %d\n%s", code, &stderr)
	}
}

func TestWhatGoesToStandardErrorMayBeJSON(t *testing.T) {
	b, err := broker.Start(broker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var stdout, stderr bytes.Buffer
	args := []string{"--log-format=json", "--config", write(t, "cameras.yaml", scene), "--brokers", strings.Join(b.Addrs(), ",")}
	if code := run(t.Context(), args, &stdout, &stderr); code != program.Failed || stderr.Len() == 0 {
		t.Errorf("exit %d", code)
	}
	for line := range strings.Lines(stderr.String()) {
		var said struct{ Time, Level, Msg string }
		if err := json.Unmarshal([]byte(line), &said); err != nil || said.Time == "" || said.Level == "" || said.Msg == "" {
			t.Errorf("%v: %s", err, line)
		}
	}
}

// The program that is started for each source should be small.
func TestTheCollectorAloneNeedsNoBeam(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "github.com/apache/beam") {
		t.Error("it needs Beam")
	}
}
