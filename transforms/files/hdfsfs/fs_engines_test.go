//go:build engines

package hdfsfs_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/colinmarc/hdfs/v2"
	"github.com/colinmarc/hdfs/v2/hadoopconf"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/framebeam/framebeam/transforms/files/store"
)

func TestAFolderKeepsWhatIsWritten(t *testing.T) {
	cfg := config()
	cfg.BlockSize, cfg.Replication = 65536, 2
	f := folder(t, cfg)
	ctx := t.Context()
	if names, err := f.List(ctx, "results/*"); err != nil || len(names) > 0 {
		t.Errorf("a folder that does not exist lists %v, %v", names, err)
	}
	if _, err := f.Read(ctx, "results/x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading what is not there: %v", err)
	}
	for i, n := range []int{0, 1, 511, 512, 65535, 65536, 65537, 131072, 1_000_003, 3 << 20} {
		name, want := fmt.Sprintf("results/a[b]+%d", n), content(uint64(i), n)
		for range 2 { // the second time in place of the first
			if err := f.WriteAtomic(ctx, name, want); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := f.Read(ctx, name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: read %d, %v", n, len(got), err)
		}
		if size, err := f.Size(ctx, name); err != nil || size != int64(n) {
			t.Errorf("%d bytes: size %d, %v", n, size, err)
		}
	}
	names, err := f.List(ctx, `results/a\[b\]+65*`)
	if want := []string{"results/a[b]+65535", "results/a[b]+65536", "results/a[b]+65537"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("listed %v, %v", names, err)
	}
	for range 2 {
		if err := f.Remove(ctx, "results/a[b]+0"); err != nil {
			t.Error(err)
		}
	}
	if left, err := f.List(ctx, "results/"+store.TempDir+"/*"); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestPatternsMatchInEveryPart(t *testing.T) {
	f := open(t, config())
	ctx := t.Context()
	for _, name := range []string{"a/x.avro", "a/y.avro", "b/x.avro", "b/c/x.avro", "a*/x.avro"} {
		w, err := f.OpenWrite(ctx, root(t)+"/"+name)
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for pattern, want := range map[string][]string{
		"*/x.avro":   {"a*/x.avro", "a/x.avro", "b/x.avro"},
		"a/*":        {"a/x.avro", "a/y.avro"},
		`a\*/?.avro`: {"a*/x.avro"},
		"b/c/x.avro": {"b/c/x.avro"},
		"none/*":     nil,
		"a/none":     nil,
	} {
		got, err := f.List(ctx, root(t)+"/"+pattern)
		for i := range got {
			got[i] = strings.TrimPrefix(got[i], root(t)+"/")
		}
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v; want %v", pattern, got, err, want)
		}
	}
	if err := f.Copy(ctx, root(t)+"/a/x.avro", root(t)+"/new/x.avro"); err != nil {
		t.Error(err)
	}
	if at, err := f.LastModified(ctx, root(t)+"/new/x.avro"); err != nil || time.Since(at) > time.Minute {
		t.Errorf("%v, %v", at, err)
	}
	if err := f.Rename(ctx, root(t)+"/new/x.avro", root(t)+"/newer/still/x.avro"); err != nil {
		t.Error(err)
	}
	if _, err := f.Size(ctx, root(t)+"/newer/still/x.avro"); err != nil {
		t.Error(err)
	}
}

func TestOfManyWhoCreateAFileOneWins(t *testing.T) {
	const n = 12
	for round := range 5 {
		name := fmt.Sprintf("j/g-%d.json", round)
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			f := folder(t, config()) // processes of their own, as it were
			wg.Go(func() { errs[i] = f.CreateExclusive(t.Context(), name, fmt.Append(nil, i)) })
		}
		wg.Wait()
		winner := -1
		for i, err := range errs {
			switch {
			case err == nil && winner < 0:
				winner = i
			case err == nil:
				t.Errorf("%d and %d both won", winner, i)
			case !errors.Is(err, fs.ErrExist):
				t.Error(err)
			}
		}
		if b, err := folder(t, config()).Read(t.Context(), name); err != nil || string(b) != fmt.Sprint(winner) {
			t.Errorf("read %q, %v; the winner is %d", b, err, winner)
		}
	}
}

func TestPublishNewDoesNotReplaceAndReplaceDoes(t *testing.T) {
	f := folder(t, config())
	for i, want := range []error{nil, fs.ErrExist} {
		if err := f.Put(t.Context(), "x", store.WriteAll(fmt.Append(nil, i)), (*store.Staged).PublishNew); !errors.Is(err, want) {
			t.Errorf("time %d: %v", i, err)
		}
	}
	if b, err := f.Read(t.Context(), "x"); err != nil || string(b) != "0" {
		t.Errorf("read %q, %v", b, err)
	}
	if err := f.WriteAtomic(t.Context(), "x", []byte("2")); err != nil {
		t.Error(err)
	}
	if b, err := f.Read(t.Context(), "x"); err != nil || string(b) != "2" {
		t.Errorf("read %q, %v", b, err)
	}
}

func TestManyReadOneFileAtOnce(t *testing.T) {
	cfg := config()
	cfg.BlockSize = 1 << 20
	f := folder(t, cfg)
	want := content(7, 5<<20+77)
	if err := f.WriteAtomic(t.Context(), "x", want); err != nil {
		t.Fatal(err)
	}
	rc, err := f.OpenRead(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	r := rc.(io.ReaderAt)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(g)))
			for range 60 {
				off, n := rnd.IntN(len(want)+10), rnd.IntN(1<<rnd.IntN(22))
				b := make([]byte, n)
				k, err := r.ReadAt(b, int64(off))
				end := min(off+n, len(want))
				if off > end {
					end = off
				}
				if k != end-off || !bytes.Equal(b[:k], want[min(off, len(want)):min(end, len(want))]) || (k < n) != (err == io.EOF) || err != nil && err != io.EOF {
					t.Errorf("%d bytes at %d: %d, %v", n, off, k, err)
				}
			}
		})
	}
	wg.Wait()
	// And in one go, with seeks.
	s := rc.(io.ReadSeeker)
	if _, err := s.Seek(-100, io.SeekEnd); err != nil {
		t.Error(err)
	}
	if b, err := io.ReadAll(s); err != nil || !bytes.Equal(b, want[len(want)-100:]) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if _, err := s.Seek(0, io.SeekStart); err != nil {
		t.Error(err)
	}
	if b, err := io.ReadAll(s); err != nil || !bytes.Equal(b, want) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestManySmallFilesAtOnce(t *testing.T) {
	f := folder(t, config())
	const n = 300
	next := make(chan int)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for i := range next {
				if err := f.Put(t.Context(), fmt.Sprintf("d/%d", i), store.WriteAll(content(uint64(i), 20_000+i)), (*store.Staged).PublishNew); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	names, err := f.List(t.Context(), "d/*")
	if err != nil || len(names) != n {
		t.Errorf("%d files, %v", len(names), err)
	}
	for i := range n {
		if b, err := f.Read(t.Context(), fmt.Sprintf("d/%d", i)); err != nil || !bytes.Equal(b, content(uint64(i), 20_000+i)) {
			t.Errorf("file %d: %d bytes, %v", i, len(b), err)
		}
	}
}

func TestAnotherUserIsRefusedAtOnce(t *testing.T) {
	if err := folder(t, config()).WriteAtomic(t.Context(), "x", []byte("mine")); err != nil {
		t.Fatal(err)
	}
	cfg := config()
	cfg.User = "alice"
	f := folder(t, cfg)
	begin := time.Now()
	if err := f.WriteAtomic(t.Context(), "x", nil); !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
	if err := f.Remove(t.Context(), "x"); !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
	if waited := time.Since(begin); waited > 5*time.Second {
		t.Errorf("it took %v", waited)
	}
	if b, err := f.Read(t.Context(), "x"); err != nil || string(b) != "mine" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestAStandbyThatComesFirstIsPassedOver(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go standby(l)
	cfg := config()
	cfg.Hadoop = hadoopconf.HadoopConf{
		"fs.defaultFS":                    "hdfs://blue",
		"dfs.ha.namenodes.blue":           "a,b",
		"dfs.namenode.rpc-address.blue.a": l.Addr().String(),
		"dfs.namenode.rpc-address.blue.b": strings.TrimPrefix(cluster.HDFS(), "hdfs://"),
	}
	fsys := open(t, cfg)
	for _, authority := range []string{"", "blue"} {
		f := store.On(fsys, "hdfs://"+authority+"/"+t.Name())
		if err := f.WriteAtomic(t.Context(), "x", []byte(authority)); err != nil {
			t.Fatal(err)
		}
		if b, err := f.Read(t.Context(), "x"); err != nil || string(b) != authority {
			t.Errorf("%q, %v", b, err)
		}
	}
}

// standby answers every request as a NameNode on standby does.
func standby(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			io.CopyN(io.Discard, c, 7) // the greeting
			for {
				var n uint32
				if binary.Read(c, binary.BigEndian, &n) != nil {
					return
				}
				b := make([]byte, n)
				if _, err := io.ReadFull(c, b); err != nil {
					return
				}
				header, _ := protowire.ConsumeBytes(b)
				var call uint64
				for len(header) > 0 {
					num, typ, k := protowire.ConsumeTag(header)
					size := protowire.ConsumeFieldValue(num, typ, header[k:])
					if num == 3 { // the request's number
						call, _ = protowire.ConsumeVarint(header[k:])
					}
					header = header[k+size:]
				}
				if int64(protowire.DecodeZigZag(call)) < 0 {
					continue // the connection's context
				}
				var h []byte
				h = protowire.AppendVarint(protowire.AppendTag(h, 1, protowire.VarintType), uint64(protowire.DecodeZigZag(call)))
				h = protowire.AppendVarint(protowire.AppendTag(h, 2, protowire.VarintType), 1) // an error
				h = protowire.AppendString(protowire.AppendTag(h, 4, protowire.BytesType), "org.apache.hadoop.ipc.StandbyException")
				h = protowire.AppendBytes(nil, h)
				c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(h))), h...))
			}
		}()
	}
}

func TestHadoopReadsTheSame(t *testing.T) {
	cfg := config()
	cfg.BlockSize = 1 << 20
	f := folder(t, cfg)
	want := content(3, 3<<20+12345)
	if err := f.WriteAtomic(t.Context(), "x", want); err != nil {
		t.Fatal(err)
	}
	got, err := cluster.Hadoop(t.Context(), "fs", "-cat", f.Path("x"))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("-cat: %d bytes, %v", len(got), err)
	}
	sum, err := cluster.Hadoop(t.Context(), "fs", "-checksum", f.Path("x"))
	if err != nil {
		t.Fatal(err)
	}
	bare, err := hdfs.NewClient(hdfs.ClientOptions{Addresses: []string{strings.TrimPrefix(cluster.HDFS(), "hdfs://")}, User: config().User})
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Close()
	r, err := bare.Open("/" + t.Name() + "/x")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ours, err := r.Checksum()
	if err != nil || !strings.Contains(string(sum), fmt.Sprintf("%x", ours)) {
		t.Errorf("-checksum says %s, the library %x, %v", sum, ours, err)
	}
	if _, err := cluster.Hadoop(t.Context(), "fs", "-cp", f.Path("x"), f.Path("y")); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Read(t.Context(), "y"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("what Hadoop wrote: %d bytes, %v", len(got), err)
	}
}
