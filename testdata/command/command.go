// Package command runs commands under test as processes of their own without building
// them: the test program becomes the command. Linking one takes longer than most tests.
//
// The test package of a command has
//
//	func TestMain(m *testing.M) {
//		command.Become("analyze", main)
//		os.Exit(m.Run())
//	}
package command

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/framebeam/framebeam/transforms/files/crashpoint"
)

// env names the command that a process is to be.
const env = "FRAMEBEAM_TEST_COMMAND"

// Become is main, with its crash point, in a process that [New] made of that name; in
// any other it does nothing.
func Become(name string, main func()) {
	if os.Getenv(env) != name {
		return
	}
	crashpoint.Arm()
	main()
	os.Exit(0)
}

// New is a command with these arguments, not yet started, that dies at a crash point
// ("name:n"), or at none ("").
func New(t *testing.T, name, crash string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), env+"="+name, crashpoint.Env+"="+crash)
	return cmd
}

// Killed reports whether err is a process's end by SIGKILL.
func Killed(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}
