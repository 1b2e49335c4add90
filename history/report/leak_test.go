package report_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	_ "github.com/framebeam/framebeam/transforms/log/kafka"
)

// matsLeft counts open Mats, where that is built in.
var matsLeft = func() int { return 0 }

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if n := matsLeft(); n > 0 && code == 0 {
		fmt.Fprintln(os.Stderr, n, "Mats are open")
		code = 1
	}
	os.Exit(code)
}
