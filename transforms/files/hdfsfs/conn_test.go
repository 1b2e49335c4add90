package hdfsfs

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func TestAConnectionThatStandsStillFailsAndIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		c, err := dial(func(context.Context, string, string) (net.Conn, error) { return ours, nil }, time.Minute)(t.Context(), "tcp", "x:1")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetDeadline(time.Now()); err != nil { // the library's, which mean whole files
			t.Fatal(err)
		}
		go func() {
			for range 3 {
				time.Sleep(50 * time.Second)
				theirs.Write([]byte("a"))
			}
		}()
		b := make([]byte, 1)
		for range 3 {
			if _, err := c.Read(b); err != nil {
				t.Fatalf("slow progress: %v", err)
			}
		}
		begin := time.Now()
		if _, err := c.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != time.Minute {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
		if _, err := c.Write(b); err == nil {
			t.Error("the connection is still used")
		}
	})
}
