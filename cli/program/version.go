package program

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

const beamModule = "github.com/apache/beam/sdks/v2"

// Version says what a program was built from, and with which Beam, if it has it, and
// OpenCV: a line each.
func Version(name, opencv string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{GoVersion: runtime.Version()}
	}
	return versionOf(name, opencv, info)
}

func versionOf(name, opencv string, info *debug.BuildInfo) string {
	commit, beam := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			commit += ", modified"
		}
	}
	for _, d := range info.Deps {
		if d.Path == beamModule {
			beam = fmt.Sprintf("Beam    %s\n", strings.TrimPrefix(d.Version, "v"))
		}
	}
	return fmt.Sprintf("%s %s\ncommit  %s\n%sOpenCV  %s\nGo      %s\n", name, cmp.Or(info.Main.Version, "(devel)"),
		cmp.Or(commit, "unknown"), beam, opencv, strings.TrimPrefix(info.GoVersion, "go"))
}
