//go:build engines

package engines

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/framebeam/framebeam/ingest/capture"
	"github.com/framebeam/framebeam/runner-configs/stack/servers"
	_ "github.com/framebeam/framebeam/transforms/files/hdfsfs"
)

// The servers and the program that all tests of the package share.
var (
	stack     *servers.Stack
	framebeam string // the built program
)

func TestMain(m *testing.M) {
	capture.Child()
	code, err := setUp(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func setUp(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "framebeam-engines-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	framebeam = filepath.Join(dir, "framebeam")
	// With crash points, what captures has a wall clock that a test can set.
	build := exec.Command("go", "build", "-ldflags=-w", "-tags", "crashpoints", "-o", framebeam, "./cmd/framebeam")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build the program: %w\n%s", err, out)
	}
	ctx := context.Background()
	port, err := servers.FreePorts()
	if err != nil {
		return 0, err
	}
	stack, err = servers.Up(ctx, servers.Config{
		Dir: filepath.Join(dir, "servers"), BasePort: port, Services: []string{"kafka", "hdfs"},
		Brokers: 3, DataNodes: 3, TaskManagers: 2, SparkWorkers: 2,
	})
	if err != nil {
		return 0, err
	}
	defer func() {
		if derr := stack.Down(ctx); err == nil {
			err = derr
		}
	}()
	// Workers that Flink and Spark start inherit nothing of this.
	os.Setenv("HADOOP_CONF_DIR", stack.HadoopConf())
	return m.Run(), nil
}

// engine starts an engine's servers when the first test asks for them.
func engine(t *testing.T, name string) {
	t.Helper()
	once, _ := engines.LoadOrStore(name, sync.OnceValue(func() error {
		s, err := servers.Up(context.Background(), servers.Config{Dir: stack.Dir(), Services: []string{name}})
		if err == nil {
			stack = s
		}
		return err
	}))
	if err := once.(func() error)(); err != nil {
		t.Fatal(err)
	}
}

var engines sync.Map // name to the error of starting it
