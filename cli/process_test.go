package cli

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/testdata/command"
)

func TestMain(m *testing.M) {
	command.Become("framebeam", Main)
	os.Exit(m.Run())
}

func TestOneProgramIsTheWholeWayOfAFrame(t *testing.T) {
	b, err := broker.Start(broker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	dir := t.TempDir()
	cameras := filepath.Join(dir, "cameras.yaml")
	if err := os.WriteFile(cameras, []byte("cameras:\n  - {id: yard, source: 'scene:seed=7&size=64x48&frames=20&fps=10'}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	framebeam := func(args ...string) string {
		t.Helper()
		cmd := command.New(t, "framebeam", "", args...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%q: %v\n%s%s", args, err, out, &stderr)
		}
		return string(out)
	}
	kafka, out, archive := "--brokers="+strings.Join(b.Addrs(), ","), "--output="+filepath.Join(dir, "out"), "--archive="+filepath.Join(dir, "archive")
	if said := framebeam("ingest", "-config", cameras, kafka, "--create-topic", "--partitions=1"); !strings.Contains(said, "yard: captured 20, sent 20 (") {
		t.Error(said)
	}
	if said := framebeam("analyze", kafka, out, "--until=now", "--beam", "job_name=x"); !strings.Contains(said, "analysed offsets 0 to 20") {
		t.Error(said)
	}
	if said := framebeam("archive", kafka, archive, "--until=now"); !strings.Contains(said, "archived offsets 0 to 20") {
		t.Error(said)
	}
	again := "--output=" + filepath.Join(dir, "again")
	if said := framebeam("reprocess", archive, again); !strings.Contains(said, "analysed offsets 0 to 20") {
		t.Error(said)
	}
	want := framebeam("show", out, "--format=jsonl")
	if n := strings.Count(want, "\n"); n != 21 { // and what became of the film
		t.Errorf("%d results:\n%s", n, want)
	}
	if got := framebeam("show", again, "--format=jsonl"); got != want {
		t.Error("from the archive it is another result")
	}
	if said := framebeam("render", out, archive, "--images=all"); !strings.Contains(said, "20 pictures in 1 files") {
		t.Error(said)
	}
}

// Engines start it with flags of their own, and no command.
func TestOneProgramIsTheWorkerOfEngines(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := l.Addr().String()
	cmd := command.New(t, "framebeam", "", "--id=1-1", "--logging_endpoint="+at, "--artifact_endpoint="+at, "--provision_endpoint="+at, "--control_endpoint="+at)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if err := l.(*net.TCPListener).SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	asks, err := l.Accept()
	if err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		t.Fatalf("it does not ask for its job: %v\n%s", err, &stderr)
	}
	asks.Close()
}
