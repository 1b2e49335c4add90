//go:build engines

package hdfsfs_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestReadsAreRightWhateverTheWireDoes(t *testing.T) {
	cfg := config()
	cfg.BlockSize = 1 << 20
	want := content(7, 3<<20+77)
	if err := folder(t, cfg).WriteAtomic(t.Context(), "x", want); err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(6) {
		wires := newWire(seed, 0.7)
		cfg.Dial, cfg.Timeout = wires.dial, 500*time.Millisecond
		rc, err := folder(t, cfg).OpenRead(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		r := rc.(io.ReaderAt)
		rnd := rand.New(rand.NewPCG(1, seed))
		off := 0
		for i := range 200 {
			// Mostly a little further on, where the library skips.
			if off += rnd.IntN(1 << rnd.IntN(20)); off > len(want) || i%10 == 0 {
				off = rnd.IntN(len(want))
			}
			n := min(rnd.IntN(1<<rnd.IntN(21)), len(want)-off)
			b := make([]byte, n)
			if k, err := r.ReadAt(b, int64(off)); err != nil || !bytes.Equal(b, want[off:off+n]) {
				t.Fatalf("seed %d: %d bytes at %d: %d, %v, and they are right: %v", seed, n, off, k, err, bytes.Equal(b, want[off:off+n]))
			}
			off += n
		}
		rc.Close()
		t.Logf("seed %d: %d faults", seed, wires.faults.Load())
	}
}

// damage changes a byte in the middle of a block's file wherever it lies.
func damage(t *testing.T, original []byte) (copies int) {
	t.Helper()
	err := filepath.WalkDir(cluster.Dir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(d.Name(), "blk_") || strings.HasSuffix(d.Name(), ".meta") {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(b, original) {
			return nil
		}
		copies++
		b[len(b)/2]++
		return os.WriteFile(path, b, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return copies
}

func TestDamagedBytesAreNeverReturned(t *testing.T) {
	cfg := config()
	cfg.Replication, cfg.Patience = 1, 3*time.Second
	f := folder(t, cfg)
	want := content(8, 700_000)
	if err := f.WriteAtomic(t.Context(), "x", want); err != nil {
		t.Fatal(err)
	}
	if n := damage(t, want); n != 1 {
		t.Fatalf("%d copies were found", n)
	}
	if b, err := f.Read(t.Context(), "x"); err == nil {
		t.Errorf("read %d bytes, right: %v", len(b), bytes.Equal(b, want))
	} else {
		t.Log(fmt.Sprint(err))
	}
}

func TestAReaderThatJumpedGoesOnAtTheRightPlace(t *testing.T) {
	cfg := config()
	cfg.BlockSize = 4 << 20
	want := content(9, 4<<20)
	if err := folder(t, cfg).WriteAtomic(t.Context(), "x", want); err != nil {
		t.Fatal(err)
	}
	var left atomic.Int64
	left.Store(1 << 40)
	cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, network, addr)
		if strings.HasSuffix(cluster.HDFS(), addr) {
			return c, err
		}
		return &cutConn{c, &left}, err
	}
	rc, err := folder(t, cfg).OpenRead(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	r, b := rc.(io.ReaderAt), make([]byte, 1<<20)
	if _, err := r.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	left.Store(500_000)
	off := len(b) + 1000
	if _, err := r.ReadAt(b, int64(off)); err != nil || !bytes.Equal(b, want[off:off+len(b)]) {
		t.Errorf("it is right: %v, %v", bytes.Equal(b, want[off:off+len(b)]), err)
	}
	if left.Load() > 0 {
		t.Error("nothing was cut")
	}
}

// cutConn is cut when the bytes that are left are read; the next one is whole.
type cutConn struct {
	net.Conn
	left *atomic.Int64
}

func (c *cutConn) Read(b []byte) (int, error) {
	before := c.left.Load()
	if before > 0 && before < 1<<30 {
		n, err := c.Conn.Read(b[:min(int64(len(b)), before)])
		if c.left.Add(-int64(n)) <= 0 {
			c.Conn.Close()
		}
		return n, err
	}
	return c.Conn.Read(b)
}
