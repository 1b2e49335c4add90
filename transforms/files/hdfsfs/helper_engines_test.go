//go:build engines

package hdfsfs_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/user"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/framebeam/framebeam/runner-configs/stack/servers"
	"github.com/framebeam/framebeam/transforms/files/hdfsfs"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// cluster is a NameNode and three DataNodes that all tests of the package share.
// A test that stops one starts it again.
var cluster *servers.Stack

func TestMain(m *testing.M) {
	slog.SetLogLoggerLevel(slog.LevelError) // every fault would be told
	os.Exit(withCluster(m))
}

func withCluster(m *testing.M) int {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "framebeam-hdfs-")
	if err == nil {
		defer os.RemoveAll(dir)
		var base int
		if base, err = servers.FreePorts(); err == nil {
			cluster, err = servers.Up(ctx, servers.Config{Dir: dir, Services: []string{servers.HDFS}, DataNodes: 3, BasePort: base})
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer cluster.Down(ctx)
	code := m.Run()
	if code == 0 {
		// The library leaves the acknowledgements' goroutine of a broken stream behind.
		err := goleak.Find(goleak.IgnoreAnyFunction("github.com/colinmarc/hdfs/v2/internal/transfer.(*blockWriteStream).ackPackets"),
			goleak.IgnoreAnyFunction("github.com/colinmarc/hdfs/v2/internal/transfer.newBlockWriteStream.func1"),
			goleak.IgnoreAnyFunction("os/exec.(*Cmd).Wait"), goleak.IgnoreAnyFunction("os.(*Process).Wait"))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// config is that of the user who started the NameNode, who may do everything.
func config() hdfsfs.Config {
	u, err := user.Current()
	if err != nil {
		panic(err)
	}
	return hdfsfs.Config{User: u.Username, Timeout: 20 * time.Second, Patience: 3 * time.Minute}
}

// open returns a filesystem that is disconnected when the test ends.
func open(t testing.TB, cfg hdfsfs.Config) *hdfsfs.FS {
	t.Helper()
	f := hdfsfs.New(cfg)
	t.Cleanup(f.Disconnect)
	return f
}

// root is a folder of the test's own.
func root(t testing.TB) string {
	return cluster.HDFS() + "/" + strings.NewReplacer("/", "-", " ", "-").Replace(t.Name())
}

func folder(t testing.TB, cfg hdfsfs.Config) *store.Folder {
	t.Helper()
	return store.On(open(t, cfg), root(t))
}

// content is n bytes that depend on the seed.
func content(seed uint64, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 1}).Read(b)
	return b
}

// datanode is the name of the one that listens there.
func datanode(t testing.TB, addr string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range cluster.Names() {
		if strings.HasPrefix(name, "datanode") && slices.Contains(cluster.Ports(name), "blocks "+port) {
			return name
		}
	}
	t.Fatalf("no DataNode at %s", addr)
	return ""
}

// start starts a server that a test has killed.
func start(t testing.TB, name string) {
	t.Helper()
	if err := cluster.Start(context.Background(), name); err != nil {
		t.Error(err)
	}
}

// dialed remembers the addresses that were connected to.
type dialed struct {
	mu    sync.Mutex
	addrs []string
}

func (d *dialed) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d.mu.Lock()
	d.addrs = append(d.addrs, addr)
	d.mu.Unlock()
	var n net.Dialer
	return n.DialContext(ctx, network, addr)
}

func (d *dialed) last() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.addrs[len(d.addrs)-1]
}
