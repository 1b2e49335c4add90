// Package embedded is a Kafka of one broker inside this program whose log outlives it: for
// one machine, and whoever has no Kafka.
//
// Records lie in a [commitlog.Store], so what was acknowledged survives a crash of the
// process and a power cut. Topics, their settings, consumer groups and their offsets are
// those of kfake, which keeps them in files too, and syncs them; no record ever reaches it,
// since it would read all that there is into memory when it starts.
//
// It speaks the protocol of Kafka 3.0 to any client, but for transactions and compaction. It
// replicates nothing and knows no users and no TLS: it is for this machine, or a network
// in which everybody may read and write everything.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"golang.org/x/sys/unix"

	"github.com/framebeam/framebeam/kafka/commitlog"
)

const (
	// DefaultMaxMessageBytes is the largest record batch that a topic takes unless it has a
	// setting: room for a raw frame of 1920x1080 pixels.
	DefaultMaxMessageBytes = 16 << 20

	// retainEvery is how often what is too old or too much is deleted. Between two looks
	// a log grows beyond its bound by what comes meanwhile.
	retainEvery = 5 * time.Second
)

// Options configures a [Broker].
type Options struct {
	// Dir is a folder of its own. What is in it is continued.
	Dir string
	// Listen is the address (host:port) on which clients are served, and under which they are
	// told to reach the broker. Default: an ephemeral port of 127.0.0.1.
	Listen string
	// Topics are there when Start returns, with these settings. Those that exist keep their
	// partitions.
	Topics []Topic
	// Reserve and SyncEvery are those of the logs.
	Reserve   int64
	SyncEvery time.Duration
	// Log is told what is amiss. Default: slog.Default().
	Log *slog.Logger
}

// Topic is a topic that is to be there.
type Topic struct {
	Name       string
	Partitions int32
	// Configs are Kafka's settings of topics. Unlike there, records are kept for ever
	// unless retention.ms or retention.bytes says otherwise. The latter counts for each
	// partition.
	Configs map[string]string
}

// Broker is a running Kafka.
type Broker struct {
	opts     Options
	listener net.Listener
	lock     *os.File
	store    *commitlog.Store
	meta     *kfake.Cluster // topics and groups
	inner    *pipes         // connections to it
	topics   topics

	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	quiet time.Time // until when nothing is said of what cannot be written
}

// ErrInUse is wrapped when another process has the folder.
var ErrInUse = errors.New("another process uses it")

// Start starts a broker.
func Start(opts Options) (_ *Broker, err error) {
	if opts.Listen == "" {
		opts.Listen = "127.0.0.1:0"
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	b := &Broker{opts: opts, conns: map[net.Conn]struct{}{}}
	b.topics.b = b
	b.ctx, b.stop = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = fmt.Errorf("embedded Kafka: %w", err)
			_ = b.Close()
		}
	}()
	if err := os.MkdirAll(opts.Dir, 0o750); err != nil {
		return nil, err
	}
	if b.lock, err = os.OpenFile(filepath.Join(opts.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, err
	}
	if err := unix.Flock(int(b.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, fmt.Errorf("folder %s: %w", opts.Dir, ErrInUse)
	}
	if b.listener, err = listen(opts.Listen); err != nil {
		return nil, err
	}
	if err := b.openMeta(); err != nil {
		return nil, err
	}
	if b.store, err = commitlog.Open(commitlog.Options{
		Dir: filepath.Join(opts.Dir, "logs"), SyncEvery: opts.SyncEvery, Reserve: opts.Reserve, Log: opts.Log,
	}); err != nil {
		return nil, err
	}
	for _, t := range opts.Topics {
		if err := b.ensure(t); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(b.sweep(), b.retain(time.Now())); err != nil { // which opens all logs
		return nil, err
	}
	b.wg.Go(b.accept)
	b.wg.Go(b.keepRetaining)
	return b, nil
}

// listen refuses addresses that clients cannot be told.
func listen(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("address %s: %w", address, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return nil, fmt.Errorf("address %s: it has to name the host as clients reach it", address)
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return named{l, host}, nil
}

// named is a listener that is told of by the name that it was given.
type named struct {
	net.Listener
	host string
}

func (n named) Addr() net.Addr {
	_, port, _ := net.SplitHostPort(n.Listener.Addr().String())
	return address(net.JoinHostPort(n.host, port))
}

type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

// openMeta starts what knows of topics and groups.
func (b *Broker) openMeta() error {
	dir := filepath.Join(b.opts.Dir, "meta")
	// It goes on writing behind what a crash left of the last line, and would not see
	// that again at the next start. When it is closed it writes everything anew.
	for again := range 2 {
		b.inner = newPipes(b.listener.Addr())
		var err error
		b.meta, err = kfake.NewCluster(
			kfake.ClusterID("framebeam"),
			kfake.Ports(0),
			kfake.ListenFn(b.inner.listen),
			kfake.DataDir(dir),
			kfake.SyncWrites(),
			kfake.MaxVersions(versions()),
			kfake.BrokerConfigs(map[string]string{
				"message.max.bytes":         strconv.Itoa(DefaultMaxMessageBytes),
				"log.retention.ms":          "-1",
				"offsets.retention.minutes": strconv.Itoa(10 * 365 * 24 * 60), // who was away for a month goes on
			}),
		)
		if err != nil {
			return err
		}
		if again == 0 {
			b.meta.Close()
		}
	}
	return nil
}

// versions are those of Kafka 3.0, the last one that asks for records by their topic's
// name, without what is not there.
func versions() *kversion.Versions {
	v := kversion.V3_0_0()
	for _, key := range []kmsg.Key{
		kmsg.AddPartitionsToTxn, kmsg.AddOffsetsToTxn, kmsg.EndTxn, kmsg.WriteTxnMarkers, kmsg.TxnOffsetCommit,
		kmsg.DescribeTransactions, kmsg.ListTransactions, kmsg.DescribeProducers, kmsg.DeleteRecords,
		kmsg.AlterReplicaLogDirs, kmsg.SASLHandshake, kmsg.SASLAuthenticate,
	} {
		v.SetMaxKeyVersion(key.Int16(), -1)
	}
	return v
}

// Addrs are the one host:port at which clients reach the broker.
func (b *Broker) Addrs() []string { return []string{b.listener.Addr().String()} }

// Failed gets an error when the disk does not keep what it was given: the broker has to be
// closed and started anew.
func (b *Broker) Failed() <-chan error { return b.store.Failed() }

// Close stops the broker. Everything that was appended is on the disk then.
func (b *Broker) Close() error {
	b.stop()
	if b.listener != nil {
		_ = b.listener.Close()
	}
	b.mu.Lock()
	for c := range b.conns {
		_ = c.Close()
	}
	b.mu.Unlock()
	b.wg.Wait()
	if b.meta != nil {
		b.meta.Close()
		b.inner.Close()
	}
	var err error
	if b.store != nil {
		err = b.store.Close()
	}
	if b.lock != nil {
		_ = b.lock.Close() // which gives the lock back
	}
	return err
}
