package hdfsfs

import (
	"bufio"
	"context"
	"net"
	"sync/atomic"
	"time"
)

// DialFunc connects to a NameNode or DataNode.
type DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// dial connects within timeout, and gives every later read and write the same
// time: without it a half-open connection hangs for ever.
func dial(next DialFunc, timeout time.Duration) DialFunc {
	if next == nil {
		next = (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		c, err := next(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &deadlineConn{Conn: c, timeout: timeout}, nil
	}
}

// readAhead is how much is read from a DataNode at once: the library asks for the
// bytes of one checksum after the other.
const readAhead = 64 << 10

// buffered reads ahead on the connections.
func buffered(next DialFunc) DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := next(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &bufferedConn{c, bufio.NewReaderSize(c, readAhead)}, nil
	}
}

type bufferedConn struct {
	net.Conn
	r *bufio.Reader
}

func (c *bufferedConn) Read(b []byte) (int, error) { return c.r.Read(b) }

// deadlineConn fails reads and writes that stand still, and is closed by the
// first failure: the library goes on with a NameNode's connection after a read
// has failed, and would take the late answer for that of its next request.
type deadlineConn struct {
	net.Conn
	timeout time.Duration
	broke   atomic.Pointer[error] // the first failure
}

func (c *deadlineConn) Read(b []byte) (int, error) {
	err := c.Conn.SetReadDeadline(time.Now().Add(c.timeout))
	n := 0
	if err == nil {
		n, err = c.Conn.Read(b)
	}
	if err != nil {
		err = c.fail(err)
	}
	return n, err
}

func (c *deadlineConn) Write(b []byte) (int, error) {
	err := c.Conn.SetWriteDeadline(time.Now().Add(c.timeout))
	n := 0
	if err == nil {
		n, err = c.Conn.Write(b)
	}
	if err != nil {
		err = c.fail(err)
	}
	return n, err
}

// fail closes the connection and returns why it was closed first.
func (c *deadlineConn) fail(err error) error {
	c.broke.CompareAndSwap(nil, &err)
	c.Conn.Close()
	return *c.broke.Load()
}

// The library sets deadlines for whole files, by default none.

func (c *deadlineConn) SetDeadline(time.Time) error      { return nil }
func (c *deadlineConn) SetReadDeadline(time.Time) error  { return nil }
func (c *deadlineConn) SetWriteDeadline(time.Time) error { return nil }
