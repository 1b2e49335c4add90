package servers

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(watchedDir); dir != "" {
		startAndHang(dir)
	}
	goleak.VerifyTestMain(m)
}
