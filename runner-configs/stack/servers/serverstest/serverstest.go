// Package serverstest gives a test servers of its own.
package serverstest

import (
	"context"
	"testing"

	"github.com/framebeam/framebeam/runner-configs/stack/servers"
)

// Up starts a stack for one test, on free ports and in a temporary folder unless c says
// otherwise, and stops it at the test's end. The servers also end if the test is killed.
func Up(t testing.TB, c servers.Config) *servers.Stack {
	t.Helper()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	if c.BasePort == 0 {
		base, err := servers.FreePorts()
		if err != nil {
			t.Fatal(err)
		}
		c.BasePort = base
	}
	if c.Progress == nil {
		c.Progress = t.Output()
	}
	s, err := servers.Up(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The test's own context has ended by now.
		if err := s.Down(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}
