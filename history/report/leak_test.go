package report_test

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"

	_ "github.com/framebeam/framebeam/transforms/archive"
	_ "github.com/framebeam/framebeam/transforms/log/kafka"
)

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		os.Stderr.WriteString(err.Error())
		code = 1
	}
	os.Exit(code)
}
