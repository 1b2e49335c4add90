package embedded

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxConns bounds how many clients are served at once.
const maxConns = 512

// accept serves clients, each in a goroutine of its own.
func (b *Broker) accept() {
	for {
		c, err := b.listener.Accept()
		if err != nil {
			if b.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			// Too many open files, mostly.
			b.opts.Log.Warn("embedded Kafka: cannot take a connection", "err", err)
			select {
			case <-time.After(time.Second):
			case <-b.ctx.Done():
			}
			continue
		}
		b.mu.Lock()
		full := len(b.conns) >= maxConns
		if !full && b.ctx.Err() == nil {
			b.conns[c] = struct{}{}
			b.wg.Go(func() {
				b.serve(c)
				b.mu.Lock()
				delete(b.conns, c)
				b.mu.Unlock()
				_ = c.Close()
			})
		} else {
			_ = c.Close()
		}
		b.mu.Unlock()
	}
}

// serve answers one client's requests, one after the other, as Kafka does.
func (b *Broker) serve(c net.Conn) {
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	var meta net.Conn
	defer func() {
		if meta != nil {
			_ = meta.Close()
		}
	}()
	r := bufio.NewReaderSize(c, 64<<10)
	var in, out []byte
	for {
		var err error
		if in, err = readMessage(r, in); err != nil {
			return
		}
		head, req, err := parse(in)
		if err != nil {
			b.opts.Log.Debug("embedded Kafka: a request cannot be read", "client", c.RemoteAddr(), "err", err)
			return
		}
		if answer := b.answer(req); answer != nil {
			resp := answer(ctx)
			if resp == nil {
				continue // a producer that wants to know nothing
			}
			out = append(out[:0], 0, 0, 0, 0)
			out = binary.BigEndian.AppendUint32(out, uint32(head.correlation))
			if resp.IsFlexible() {
				out = append(out, 0)
			}
			out = resp.AppendTo(out)
			binary.BigEndian.PutUint32(out, uint32(len(out)-4))
		} else {
			if meta == nil {
				if meta, err = b.inner.dial(ctx); err != nil {
					return
				}
				stop := context.AfterFunc(ctx, func() { _ = meta.Close() })
				defer stop()
			}
			if out, err = relay(meta, in, out); err != nil {
				return
			}
			b.topics.after(head.key)
		}
		if _, err := c.Write(out); err != nil {
			return
		}
		const large = 4 << 20
		if cap(in) > large {
			in = nil
		}
		if cap(out) > large {
			out = nil
		}
	}
}

// relay passes a request on, and returns the answer with its length.
func relay(meta net.Conn, in, out []byte) ([]byte, error) {
	out = binary.BigEndian.AppendUint32(out[:0], uint32(len(in)))
	out = append(out, in...)
	if _, err := meta.Write(out); err != nil {
		return nil, err
	}
	body, err := readMessage(meta, nil)
	if err != nil {
		return nil, err
	}
	out = binary.BigEndian.AppendUint32(out[:0], uint32(len(body)))
	return append(out, body...), nil
}

type head struct {
	key         int16
	correlation int32
}

// parse reads a request; its body only if it is one that we answer.
func parse(b []byte) (head, kmsg.Request, error) {
	r := kbin.Reader{Src: b}
	h := head{key: r.Int16()}
	version := r.Int16()
	h.correlation = r.Int32()
	if !r.Ok() {
		return h, nil, errors.New("no header")
	}
	bounds, ours := answered[kmsg.Key(h.key)]
	if !ours {
		return h, nil, nil
	}
	if version < bounds.min || version > bounds.max {
		return h, nil, fmt.Errorf("request %s of version %d", kmsg.NameForKey(h.key), version)
	}
	req := kmsg.RequestForKey(h.key)
	req.SetVersion(version)
	r.NullableString() // the client's name
	if req.IsFlexible() {
		kmsg.SkipTags(&r)
	}
	if !r.Ok() {
		return h, nil, errors.New("no whole header")
	}
	if err := req.ReadFrom(r.Src); err != nil {
		return h, nil, fmt.Errorf("request %s of version %d: %w", kmsg.NameForKey(h.key), version, err)
	}
	return h, req, nil
}

// answered are the requests that are about records, in the versions that kfake lists: up to
// those of Kafka 3.0.
var answered = map[kmsg.Key]struct{ min, max int16 }{
	kmsg.Produce:              {3, 9},
	kmsg.Fetch:                {4, 12},
	kmsg.ListOffsets:          {0, 7},
	kmsg.OffsetForLeaderEpoch: {3, 4},
	kmsg.DescribeLogDirs:      {0, 2},
}

// answer is how a request is answered that is about records; nil if it is not.
func (b *Broker) answer(req kmsg.Request) func(context.Context) kmsg.Response {
	switch req := req.(type) {
	case *kmsg.ProduceRequest:
		return func(ctx context.Context) kmsg.Response { return b.produce(ctx, req) }
	case *kmsg.FetchRequest:
		return func(ctx context.Context) kmsg.Response { return b.fetch(ctx, req) }
	case *kmsg.ListOffsetsRequest:
		return func(context.Context) kmsg.Response { return b.listOffsets(req) }
	case *kmsg.OffsetForLeaderEpochRequest:
		return func(context.Context) kmsg.Response { return b.epochEnds(req) }
	case *kmsg.DescribeLogDirsRequest:
		return func(context.Context) kmsg.Response { return b.logDirs(req) }
	}
	return nil
}
