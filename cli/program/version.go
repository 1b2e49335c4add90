package program

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

const beamModule = "github.com/apache/beam/sdks/v2"

// Version says what a program was built from, and with which Beam, if it has it, and
// OpenCV: a line each.
func Version(name, opencv string) string {
	commit, beam := "unknown", ""
	release := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			release = info.Main.Version
		}
		dirty := ""
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				commit = s.Value
			case "vcs.modified":
				if s.Value == "true" {
					dirty = ", modified"
				}
			}
		}
		commit += dirty
		for _, d := range info.Deps {
			if d.Path == beamModule {
				beam = strings.TrimPrefix(d.Version, "v")
			}
		}
	}
	text := fmt.Sprintf("%s %s\ncommit  %s\n", name, release, commit)
	if beam != "" {
		text += fmt.Sprintf("Beam    %s\n", beam)
	}
	return text + fmt.Sprintf("OpenCV  %s\nGo      %s\n", opencv, strings.TrimPrefix(runtime.Version(), "go"))
}
