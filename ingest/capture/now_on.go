//go:build crashpoints

package capture

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockFile, if it is set, names a file with milliseconds by which capturing
// processes see the wall clock set. It is read at each reading of the clock, so that
// a test can set the clock while they run. Write it by renaming another file onto it.
const clockFile = "FRAMEBEAM_CLOCK_FILE"

func wallOffset() time.Duration {
	path := os.Getenv(clockFile)
	if path == "" {
		return 0
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return 0 // not set yet
	}
	ms, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		panic(fmt.Sprintf("%s: %s: %v", clockFile, path, err))
	}
	return time.Duration(ms) * time.Millisecond
}
