package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// pipes is a listener inside the process: the way to what keeps topics and groups, which
// nobody else can reach.
type pipes struct {
	addr net.Addr // the one that clients are told
	next chan net.Conn
	once sync.Once
	done chan struct{}
}

func newPipes(addr net.Addr) *pipes {
	return &pipes{addr: addr, next: make(chan net.Conn), done: make(chan struct{})}
}

func (p *pipes) listen(string, string) (net.Listener, error) { return p, nil }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.next:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return p.addr }

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.next <- theirs:
		return ours, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ask sends a request to what keeps topics and groups.
func (b *Broker) ask(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	c, err := b.inner.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	v, ok := versions().LookupMaxKeyVersion(req.Key())
	if !ok {
		return nil, fmt.Errorf("request %s is not known", kmsg.NameForKey(req.Key()))
	}
	req.SetVersion(min(v, req.MaxVersion()))
	if _, err := c.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID("framebeam")).AppendRequest(nil, req, 0)); err != nil {
		return nil, err
	}
	body, err := readMessage(c, nil)
	if err != nil {
		return nil, err
	}
	header := 4
	if req.IsFlexible() {
		header = 5
	}
	if len(body) < header {
		return nil, io.ErrUnexpectedEOF
	}
	resp := req.ResponseKind()
	return resp, resp.ReadFrom(body[header:])
}

// maxRequest bounds a message, as Kafka's socket.request.max.bytes does: room for the
// largest batch of several partitions.
const maxRequest = 64 << 20

var errTooLong = errors.New("a message that is too long")

// readMessage reads a message without its length, into b if that has room.
func readMessage(r io.Reader, b []byte) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxRequest {
		return nil, errTooLong
	}
	if uint32(cap(b)) < n {
		b = make([]byte, n)
	}
	b = b[:n]
	_, err := io.ReadFull(r, b)
	return b, err
}
