//go:build engines

package hdfsfs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"
	"time"

	"github.com/framebeam/framebeam/transforms/files/store"
)

func TestADataNodeDiesInTheMiddleOfAFile(t *testing.T) {
	for _, c := range []struct {
		name string
		head bool
	}{
		{"the one that is written to", true},
		{"another one", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var to dialed
			cfg := config()
			cfg.Dial = to.dial
			f := folder(t, cfg)
			want := content(11, 24<<20)
			killed := ""
			tries := 0
			begin := time.Now()
			err := f.Put(t.Context(), "x", func(w io.Writer) error {
				tries++
				for i := 0; i < len(want); i += 1 << 20 {
					if i == 8<<20 && killed == "" {
						head := datanode(t, to.last())
						for _, name := range []string{"datanode-1", "datanode-2", "datanode-3"} {
							if (name == head) == c.head {
								killed = name
							}
						}
						if err := cluster.Kill(killed); err != nil {
							return err
						}
						t.Cleanup(func() { start(t, killed) })
					}
					if _, err := w.Write(want[i : i+1<<20]); err != nil {
						return err
					}
				}
				return nil
			}, (*store.Staged).PublishNew)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("written %d times, in %v", tries, time.Since(begin))
			if tries < 2 {
				t.Error("the file was not written again")
			}
			if b, err := f.Read(t.Context(), "x"); err != nil || !bytes.Equal(b, want) {
				t.Errorf("read %d bytes, %v", len(b), err)
			}
			if left, err := f.List(t.Context(), store.TempDir+"/*"); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}

func TestADataNodeDiesUnderAReader(t *testing.T) {
	var to dialed
	cfg := config()
	cfg.Dial = to.dial
	f := folder(t, cfg)
	want := content(12, 24<<20)
	if err := f.WriteAtomic(t.Context(), "x", want); err != nil {
		t.Fatal(err)
	}
	r, err := f.OpenRead(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := make([]byte, 4<<20)
	if _, err := io.ReadFull(r, got); err != nil {
		t.Fatal(err)
	}
	name := datanode(t, to.last())
	if err := cluster.Kill(name); err != nil {
		t.Fatal(err)
	}
	defer start(t, name)
	rest, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(append(got, rest...), want) {
		t.Errorf("%d bytes, %v", len(rest), err)
	}
}

// restart kills the NameNode and starts it again, and returns what it ended with.
func restart(t *testing.T) (wait func()) {
	t.Helper()
	if err := cluster.Kill("namenode"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		start(t, "namenode")
	}()
	return func() { <-ended }
}

func TestTheNameNodeRestartsMeanwhile(t *testing.T) {
	ctx := context.Background()
	cfg := config()
	cfg.BlockSize = 1 << 20
	f := folder(t, cfg)
	want := content(13, 6<<20)
	if err := f.WriteAtomic(ctx, "there", want); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		do   func(t *testing.T, kill func()) error
	}{
		{"while a file is written", func(t *testing.T, kill func()) error {
			return f.Put(ctx, "written", func(w io.Writer) error {
				if _, err := w.Write(want[:5<<19]); err != nil {
					return err
				}
				kill()
				_, err := w.Write(want[5<<19:])
				return err
			}, (*store.Staged).PublishNew)
		}},
		{"before a file is closed", func(t *testing.T, kill func()) error {
			return f.Put(ctx, "closed", func(w io.Writer) error {
				_, err := w.Write(want)
				kill()
				return err
			}, (*store.Staged).PublishNew)
		}},
		{"before a file gets its name", func(t *testing.T, kill func()) error {
			return f.Put(ctx, "named", store.WriteAll(want), func(s *store.Staged, ctx context.Context) error {
				kill()
				return s.PublishNew(ctx)
			})
		}},
		{"before a file is created", func(t *testing.T, kill func()) error {
			kill()
			return f.CreateExclusive(ctx, "created", want)
		}},
		{"while a file is read", func(t *testing.T, kill func()) error {
			r, err := f.OpenRead(ctx, "there")
			if err != nil {
				return err
			}
			defer r.Close()
			kill()
			got, err := io.ReadAll(r)
			if err == nil && !bytes.Equal(got, want) {
				err = fmt.Errorf("%d other bytes", len(got))
			}
			return err
		}},
		{"before a folder is listed and a file removed", func(t *testing.T, kill func()) error {
			if err := f.WriteAtomic(ctx, "d/x", nil); err != nil {
				return err
			}
			kill()
			names, err := f.List(ctx, "d/*")
			if err == nil && len(names) != 1 {
				err = fmt.Errorf("listed %v", names)
			}
			return errors.Join(err, f.Remove(ctx, "d/x"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			killed := false
			wait := func() {}
			begin := time.Now()
			err := c.do(t, func() {
				if !killed {
					killed = true
					wait = restart(t)
				}
			})
			t.Logf("it took %v", time.Since(begin))
			wait()
			if err != nil {
				t.Error(err)
			}
		})
	}
	for _, name := range []string{"written", "closed", "named", "created"} {
		if b, err := f.Read(ctx, name); err != nil || !bytes.Equal(b, want) {
			t.Errorf("%s: read %d bytes, %v", name, len(b), err)
		}
	}
	if left, err := f.List(ctx, store.TempDir+"/*"); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestANameNodeThatStandsStillDoesNotHangAnybody(t *testing.T) {
	cfg := config()
	cfg.Timeout, cfg.Patience = time.Second, 4*time.Second
	f := folder(t, cfg)
	if err := f.WriteAtomic(t.Context(), "x", []byte("a")); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Pause("namenode"); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	_, err := f.Read(t.Context(), "x")
	waited := time.Since(begin)
	if err := cluster.Continue("namenode"); err != nil {
		t.Fatal(err)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) || waited > 15*time.Second {
		t.Errorf("after %v: %v", waited, err)
	}
	// It goes on when the NameNode does.
	cfg.Patience = time.Minute
	f = folder(t, cfg)
	if b, err := f.Read(t.Context(), "x"); err != nil || string(b) != "a" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestANodeThatStandsStillIsGivenUp(t *testing.T) {
	var to dialed
	cfg := config()
	cfg.Dial, cfg.Timeout = to.dial, 2*time.Second
	f := folder(t, cfg)
	want := content(14, 8<<20)
	paused := ""
	err := f.Put(t.Context(), "x", func(w io.Writer) error {
		if _, err := w.Write(want[:4<<20]); err != nil {
			return err
		}
		if paused == "" {
			paused = datanode(t, to.last())
			if err := cluster.Pause(paused); err != nil {
				return err
			}
			t.Cleanup(func() { cluster.Continue(paused) })
		}
		_, err := w.Write(want[4<<20:])
		return err
	}, (*store.Staged).PublishNew)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := f.Read(t.Context(), "x"); err != nil || !bytes.Equal(b, want) {
		t.Errorf("read %d bytes, %v", len(b), err)
	}
}
