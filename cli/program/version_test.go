package program

import (
	"runtime/debug"
	"testing"
)

func TestAProgramSaysWhatItWasBuiltFrom(t *testing.T) {
	info := &debug.BuildInfo{
		GoVersion: "go1.26.8",
		Main:      debug.Module{Version: "v1.2.0"},
		Deps:      []*debug.Module{{Path: "github.com/spf13/cobra", Version: "v1.10.2"}, {Path: beamModule, Version: "v2.77.0"}},
		Settings:  []debug.BuildSetting{{Key: "vcs.revision", Value: "0a1b2c"}, {Key: "vcs.modified", Value: "true"}},
	}
	want := "framebeam v1.2.0\ncommit  0a1b2c, modified\nBeam    2.77.0\nOpenCV  4.6.0\nGo      1.26.8\n"
	if got := versionOf("framebeam", "4.6.0", info); got != want {
		t.Errorf("%s", got)
	}
	want = "ingest (devel)\ncommit  unknown\nOpenCV  4.6.0\nGo      1.26.8\n"
	if got := versionOf("ingest", "4.6.0", &debug.BuildInfo{GoVersion: "go1.26.8"}); got != want {
		t.Errorf("%s", got)
	}
}
