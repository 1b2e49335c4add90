//go:build crashpoints

package crashpoint

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// Enabled tells whether this build has crash points, for points that must look
// something up first.
const Enabled = true

var (
	chosen, countdown = fromEnv(os.Getenv(Env))
	reached           atomic.Int64
)

func fromEnv(v string) (name string, n int64) {
	if v == "" {
		return "", 0
	}
	name, count, ok := strings.Cut(v, ":")
	n, err := strconv.ParseInt(count, 10, 64)
	if !ok || err != nil || n < 1 || name == "" {
		panic(fmt.Sprintf("%s=%q is not name:n", Env, v))
	}
	return name, n
}

// At is reached at the named point; it does not return if the point is the chosen one.
func At(name string) {
	if name != chosen || reached.Add(1) != countdown {
		return
	}
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal is on its way
}
