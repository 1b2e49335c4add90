//go:build engines

package hdfsfs_test

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/colinmarc/hdfs/v2"

	"github.com/framebeam/framebeam/transforms/files/store"
)

func bareClient(b *testing.B) *hdfs.Client {
	c, err := hdfs.NewClient(hdfs.ClientOptions{Addresses: []string{strings.TrimPrefix(cluster.HDFS(), "hdfs://")}, User: config().User})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	return c
}

// closeBare closes as the library asks for it.
func closeBare(w *hdfs.FileWriter) error {
	for {
		err := w.Close()
		if !hdfs.IsErrReplicating(err) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

var fileNumber atomic.Int64

// BenchmarkOneLargeFile compares with the bare library, in turns: 128 MiB with
// one copy.
func BenchmarkOneLargeFile(b *testing.B) {
	data := content(1, 128<<20)
	cfg := config()
	cfg.Replication = 1
	f := folder(b, cfg)
	bare := bareClient(b)
	if err := bare.MkdirAll("/bare", 0o755); err != nil {
		b.Fatal(err)
	}
	name := ""
	b.Run("write/ours", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			name = fmt.Sprint(fileNumber.Add(1))
			if err := f.Put(b.Context(), name, store.WriteAll(data), (*store.Staged).PublishNew); err != nil {
				b.Fatal(err)
			}
		}
	})
	path := ""
	b.Run("write/bare", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			path = fmt.Sprint("/bare/", fileNumber.Add(1))
			w, err := bare.CreateFile(path, 1, 128<<20, 0o644)
			if err == nil {
				_, err = w.Write(data)
			}
			if err == nil {
				err = closeBare(w)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	buf := make([]byte, 1<<20)
	b.Run("read/ours", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			r, err := f.OpenRead(b.Context(), name)
			if err != nil {
				b.Fatal(err)
			}
			if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r, buf); err != nil || n != int64(len(data)) {
				b.Fatal(n, err)
			}
			r.Close()
		}
	})
	b.Run("read/bare", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			r, err := bare.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r, buf); err != nil || n != int64(len(data)) {
				b.Fatal(n, err)
			}
			r.Close()
		}
	})
}

// BenchmarkSmallFiles creates, writes, closes, checks and renames files of
// 100 KB; the bare library does so with one client and does not check.
func BenchmarkSmallFiles(b *testing.B) {
	data := content(2, 100_000)
	cfg := config()
	cfg.Replication = 1
	f := folder(b, cfg)
	bare := bareClient(b)
	if err := bare.MkdirAll("/bare", 0o755); err != nil {
		b.Fatal(err)
	}
	parallel := func(b *testing.B, n int, write func() error) {
		const files = 160
		for b.Loop() {
			var next atomic.Int64
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() {
					for next.Add(1) <= files {
						if err := write(); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
		}
		b.ReportMetric(files*float64(b.N)/b.Elapsed().Seconds(), "files/s")
	}
	for _, n := range []int{1, 8} {
		b.Run(fmt.Sprintf("%d at once/ours", n), func(b *testing.B) {
			parallel(b, n, func() error {
				return f.Put(b.Context(), fmt.Sprint(fileNumber.Add(1)), store.WriteAll(data), (*store.Staged).PublishNew)
			})
		})
		b.Run(fmt.Sprintf("%d at once/bare", n), func(b *testing.B) {
			parallel(b, n, func() error {
				path := fmt.Sprint("/bare/", fileNumber.Add(1))
				w, err := bare.CreateFile(path+".tmp", 1, 128<<20, 0o644)
				if err == nil {
					_, err = w.Write(data)
				}
				if err == nil {
					err = closeBare(w)
				}
				if err == nil {
					err = bare.Rename(path+".tmp", path)
				}
				return err
			})
		})
	}
}
