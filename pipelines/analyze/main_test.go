package main

import (
	"os"
	"testing"

	"github.com/framebeam/framebeam/testdata/command"
)

func TestMain(m *testing.M) {
	command.Become("analyze", main)
	os.Exit(m.Run())
}
