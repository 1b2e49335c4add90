// Package crashpoint names the moments at which a test may kill the process, to
// prove that a restart leaves nothing lost and nothing doubled.
//
// [At] does nothing in a program that has not called [Arm], which only test programs
// do, and programs that are built with the tag crashpoints. In those it kills the
// process with SIGKILL when the point that the environment variable FRAMEBEAM_CRASH
// names ("name:n") is reached for the n-th time, from 1.
package crashpoint

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// Env is the environment variable that chooses the point.
const Env = "FRAMEBEAM_CRASH"

// The chosen point is written by Arm alone, before anything else runs.
var (
	chosen    string // "": none
	countdown int64
	reached   atomic.Int64
)

// Arm takes the point that the environment chooses. Call it first in the process.
func Arm() { chosen, countdown = fromEnv(os.Getenv(Env)) }

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

// Chosen tells whether the named point is the one that will kill, for points that must
// look something up first.
func Chosen(name string) bool { return name == chosen }

// At is reached at the named point; it does not return if the point is the chosen one.
func At(name string) {
	if name != chosen || reached.Add(1) != countdown {
		return
	}
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal is on its way
}
