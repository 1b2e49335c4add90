package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/testdata/trial"
)

// rewriteFile replaces a file as editors do.
func rewriteFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func TestWhereAllAreFilesTheConfigurationIsNotWatched(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"--config", write(t, "cameras.yaml", scene), "--watch-config"}, &stdout, &stderr)
	if code != program.Usage || !strings.Contains(stderr.String(), "--watch-config needs a live camera") {
		t.Errorf("exit %d\n%s", code, &stderr)
	}
}

func TestAChangedConfigurationIsTakenInAndABadOneChangesNothing(t *testing.T) {
	t.Setenv("CAMERA_PASSWORD", "hunter2")
	b := trial.Start(t, nil)
	const head = "defaults: {resize: native}\ncameras:\n"
	camera := func(id string) string {
		return "  - {id: " + id + ", source: 'scene:seed=7&size=64x48&frames=100000&fps=20', pace: real}\n"
	}
	file := write(t, "cameras.yaml", head+camera("yard"))
	p := begin(t, "ingest", "--config", file, "--brokers", strings.Join(b.Addrs(), ","), "--topic", trial.Topic)
	topic := follow(t, b)
	topic.until(t, p, func() bool { return len(topic.frames["yard"]) >= 3 })

	rewriteFile(t, file, head+camera("yard")+"  - {id: gate, source: none.avi}\n  - {id: dock, source: '0', quality: 0}\n")
	p.says(t, `(?s)configuration file is not used.*cameras.yaml:4: camera gate: source: .*cameras.yaml:5: camera dock: quality: 0`, 1)
	rewriteFile(t, file, head+camera("yard")+camera("gate")+"  - {id: off, source: 'rtsp://viewer:${CAMERA_PASSWORD}@127.0.0.1:1/'}\n")
	topic.until(t, p, func() bool { return len(topic.frames["gate"]) >= 3 })
	p.says(t, `source lost.* camera=off .*nothing listens there`, 1)
	topic.until(t, p, func() bool { return len(topic.frames["yard"]) >= 20 })
	if n := len(topic.epochs("yard")); n != 1 {
		t.Errorf("the camera that stayed has %d epochs", n)
	}
	p.interrupted(t)
	if said := p.said.String(); strings.Contains(said, "hunter2") {
		t.Errorf("the password is in\n%s", said)
	}
}
