//go:build engines

package hdfsfs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/framebeam/framebeam/transforms/files/store"
)

// wire connects with faults that a seed chooses: connections that are refused,
// that are slow, that are cut or stand still after some bytes in one direction.
type wire struct {
	mu     sync.Mutex
	rnd    *rand.Rand
	share  float64 // of connections that have a fault
	faults atomic.Int64
}

func newWire(seed uint64, share float64) *wire {
	return &wire{rnd: rand.New(rand.NewPCG(seed, 1)), share: share}
}

func (w *wire) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	w.mu.Lock()
	kind, after, in := w.rnd.IntN(4), w.rnd.IntN(1<<w.rnd.IntN(18)), w.rnd.IntN(2) == 0
	faulty := w.rnd.Float64() < w.share
	w.mu.Unlock()
	if faulty {
		w.faults.Add(1)
		if kind == 0 {
			return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
		}
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, network, addr)
	if err != nil || !faulty {
		return c, err
	}
	dead, _ := net.Pipe() // nobody is at its other end
	f := &faultyConn{Conn: c, dead: dead, slow: kind == 1, cut: kind == 2}
	f.in.Store(1 << 40)
	f.out.Store(1 << 40)
	if in {
		f.in.Store(int64(after))
	} else {
		f.out.Store(int64(after))
	}
	return f, nil
}

// faultyConn has its fault when in or out, the bytes that still pass, are used up.
type faultyConn struct {
	net.Conn
	dead      net.Conn
	slow, cut bool
	in, out   atomic.Int64
}

func (f *faultyConn) through(b []byte, left *atomic.Int64, do, stand func([]byte) (int, error)) (int, error) {
	if f.slow {
		time.Sleep(2 * time.Millisecond)
		return do(b)
	}
	n := left.Load()
	if n <= 0 {
		if f.cut {
			f.Conn.Close()
			return do(b)
		}
		return stand(b)
	}
	k, err := do(b[:min(int64(len(b)), n)])
	left.Add(-int64(k))
	return k, err
}

func (f *faultyConn) Read(b []byte) (int, error) {
	return f.through(b, &f.in, f.Conn.Read, f.dead.Read)
}

func (f *faultyConn) Write(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		k, err := f.through(b[n:], &f.out, f.Conn.Write, f.dead.Write)
		n += k
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (f *faultyConn) SetReadDeadline(t time.Time) error {
	return errors.Join(f.Conn.SetReadDeadline(t), f.dead.SetReadDeadline(t))
}

func (f *faultyConn) SetWriteDeadline(t time.Time) error {
	return errors.Join(f.Conn.SetWriteDeadline(t), f.dead.SetWriteDeadline(t))
}

func (f *faultyConn) Close() error {
	f.dead.Close()
	return f.Conn.Close()
}

func TestWhateverTheWireDoesFilesAreWholeAndRight(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			ctx := t.Context()
			calm := folder(t, config())
			wires := newWire(seed, 0.15+0.05*float64(seed))
			var writers sync.WaitGroup
			winners := make([]atomic.Int64, 8)
			for g := range uint64(3) {
				cfg := config()
				cfg.Dial, cfg.Timeout, cfg.BlockSize = wires.dial, 700*time.Millisecond, 65536
				f := folder(t, cfg)
				writers.Go(func() {
					for i := range uint64(8) {
						name := fmt.Sprintf("%d-%d", g, i)
						want := content(g*100+i, int(1000+i*i*5000))
						if err := f.Put(ctx, name, store.WriteAll(want), (*store.Staged).PublishNew); err != nil {
							t.Errorf("write %s: %v", name, err)
							continue
						}
						if got, err := f.Read(ctx, name); err != nil || !bytes.Equal(got, want) {
							t.Errorf("read %s: %d of %d bytes, %v", name, len(got), len(want), err)
						}
						if err := f.WriteAtomic(ctx, "shared", content(999, 100_000)); err != nil {
							t.Errorf("replace: %v", err)
						}
						// Of those who create it one wins, and it is theirs.
						err := f.CreateExclusive(ctx, fmt.Sprint("claim-", i), content(g, 3000))
						if err == nil {
							if !winners[i].CompareAndSwap(0, int64(g)+1) {
								t.Errorf("claim %d has two winners", i)
							}
						} else if !errors.Is(err, fs.ErrExist) {
							t.Errorf("claim %d: %v", i, err)
						}
						if _, err := f.List(ctx, "*"); err != nil {
							t.Errorf("list: %v", err)
						}
					}
				})
			}
			done := make(chan struct{})
			go func() { writers.Wait(); close(done) }()
			check := func() int {
				names, err := calm.List(ctx, "*")
				if err != nil {
					t.Error(err)
				}
				for _, name := range names {
					var g, i uint64
					var want [][]byte
					switch {
					case name == "shared":
						want = [][]byte{content(999, 100_000)}
					case strings.HasPrefix(name, "claim-"):
						want = [][]byte{content(0, 3000), content(1, 3000), content(2, 3000)}
					default:
						fmt.Sscanf(name, "%d-%d", &g, &i)
						want = [][]byte{content(g*100+i, int(1000+i*i*5000))}
					}
					got, err := calm.Read(ctx, name)
					if errors.Is(err, fs.ErrNotExist) && name == "shared" {
						continue // replaced meanwhile
					}
					right := err == nil
					for k, w := range want {
						if right = err == nil && bytes.Equal(got, w); right {
							if strings.HasPrefix(name, "claim-") {
								fmt.Sscanf(name, "claim-%d", &i)
								if won := winners[i].Load(); won != 0 && won != int64(k)+1 {
									t.Errorf("%s is of %d, but %d won", name, k, won-1)
								}
							}
							break
						}
					}
					if !right {
						t.Errorf("%s: %d bytes that are not right, %v", name, len(got), err)
					}
				}
				return len(names)
			}
			for running := true; running; {
				select {
				case <-done:
					running = false
				case <-time.After(100 * time.Millisecond):
					check()
				}
			}
			if n := check(); n != 3*8+8+1 {
				t.Errorf("there are %d files", n)
			}
			for i := range winners {
				if winners[i].Load() == 0 {
					t.Errorf("claim %d has no winner", i)
				}
			}
			t.Logf("%d faults", wires.faults.Load())
		})
	}
}

func TestACreatorThatDiesAnywhereLeavesAllOrNothing(t *testing.T) {
	ctx := context.Background()
	want, other := content(1, 5000), content(2, 5000)
	won, lost := 0, 0
	for step := 0; ; step++ {
		name := fmt.Sprint("g-", step)
		// The creator's n-th message, and all after it, never arrive.
		var sent atomic.Int64
		cfg := config()
		cfg.Timeout, cfg.Patience = time.Second, 300*time.Millisecond
		cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if sent.Load() > int64(step) {
				return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
			}
			var d net.Dialer
			c, err := d.DialContext(ctx, network, addr)
			return &dyingConn{c, &sent, int64(step)}, err
		}
		err := folder(t, cfg).CreateExclusive(ctx, name, want)
		calm := folder(t, config())
		second := calm.CreateExclusive(ctx, name, other)
		got, rerr := calm.Read(ctx, name)
		switch {
		case rerr != nil:
			t.Fatalf("step %d: %v", step, rerr)
		case second == nil && bytes.Equal(got, other) && err != nil:
			won++
		case errors.Is(second, fs.ErrExist) && bytes.Equal(got, want):
			lost++
		default:
			t.Errorf("step %d: the first got %v, the second %v, and there are %d bytes", step, err, second, len(got))
		}
		if err == nil {
			break
		}
	}
	if won == 0 || lost == 0 {
		t.Errorf("the one who died never won, or always: %d, %d", lost, won)
	}
	t.Logf("died at %d steps before it was done, at %d after", won, lost)
}

// dyingConn loses everything from a number of messages on.
type dyingConn struct {
	net.Conn
	sent  *atomic.Int64
	limit int64
}

func (c *dyingConn) Write(b []byte) (int, error) {
	if c.sent.Add(1) > c.limit {
		c.Conn.Close()
		return 0, io.ErrClosedPipe
	}
	n, err := c.Conn.Write(b)
	if c.sent.Load() == c.limit {
		c.Conn.Close() // the last one arrives, its answer does not
	}
	return n, err
}
