package cli

import (
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/broker/brokertest"
	"github.com/framebeam/framebeam/testdata/command"
)

// units are the files of runner-configs/systemd.
func units(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../runner-configs/systemd/*.service")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	all := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(f)] = string(text)
	}
	return all
}

func TestUnitsStartCommandsThatAreThere(t *testing.T) {
	for name, text := range units(t) {
		_, line, _ := strings.Cut(strings.ReplaceAll(text, "\\\n", " "), "\nExecStart=/usr/bin/framebeam ")
		line, _, _ = strings.Cut(strings.ReplaceAll(line, " --quiet\n", "\n"), "\n") // which every command has
		root := New()
		c, args, err := root.Find(strings.Fields(line))
		if err != nil || c == root {
			t.Errorf("%s: %q: %v", name, line, err)
			continue
		}
		if err := c.ParseFlags(args); err != nil {
			t.Errorf("%s: %q: %v", name, line, err)
		}
		if want := "framebeam-" + c.Name() + ".service"; name != want {
			t.Errorf("%s starts %s", name, c.Name())
		}
		for _, setting := range []string{"Type=notify", "WatchdogSec=", "DynamicUser=yes", "NoNewPrivileges=yes", "ProtectSystem=strict", "Restart=on-failure"} {
			if !strings.Contains(text, "\n"+setting) {
				t.Errorf("%s has no %s", name, setting)
			}
		}
	}
}

func TestSystemdTakesTheUnits(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("NOT TESTED: there is no systemd-analyze here to look at the units")
	}
	dir := t.TempDir()
	args := []string{"verify", "--man=no"}
	for name, text := range units(t) {
		// The program is not installed where tests run.
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "/usr/bin/framebeam", "/bin/true")), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	if out, err := exec.CommandContext(t.Context(), "systemd-analyze", args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}

// A command that systemd starts says that it is ready when it is, that it lives, and that it ends.
func TestACommandTellsSystemdHowItIs(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "events"}}})
	hook := httptest.NewServer(nil)
	defer hook.Close()
	dir := t.TempDir()
	file, socket := filepath.Join(dir, "alerts.yaml"), filepath.Join(dir, "notify")
	if err := os.WriteFile(file, []byte("targets: [{name: a, webhook: {url: \""+hook.URL+"\"}}]\nrules: [{name: a, targets: a}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cmd := command.New(t, "framebeam", "", "alert", "--config", file, "--brokers", b.Addrs()[0], "--events-topic", "events", "--state", filepath.Join(dir, "state"))
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=200000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	told := func(want string) {
		t.Helper()
		b := make([]byte, 4096)
		var all strings.Builder
		for !strings.Contains(all.String(), want+"\n") {
			if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
				t.Fatal(err)
			}
			n, err := c.Read(b)
			if err != nil {
				t.Fatalf("%s is not told (%v), but %s", want, err, &all)
			}
			all.Write(append(b[:n:n], '\n'))
		}
	}
	told("READY=1")
	told("WATCHDOG=1")
	interrupt(t, cmd)
	told("STOPPING=1")
}
