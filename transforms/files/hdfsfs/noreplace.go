package hdfsfs

import (
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
)

// keepTargets are the renames, by their source, that must not replace a target.
//
// The NameNode's rename2 takes a flag for that, the one atomic "create if there is
// none" that comes with whole content; but the library always sets it to replace
// and offers no other way. So the flag is cleared in the request on its way out.
// The alternative, creating the final file exclusively and writing into it, leaves
// a torn file after a crash, whose removal cannot be made safe: nothing on HDFS
// removes a file only if it is still unfinished, so that a slow creator and the
// one who lost patience with it could both believe to have won.
//
// What makes it safe to lean on the bytes of a request: a request that is a
// rename and cannot be understood is not sent, and a rename after which its
// flag was not seen cleared is an error.
type keepTargets struct {
	mu      sync.Mutex
	sources map[string]bool // whether the flag was cleared
}

func (k *keepTargets) add(source string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.sources == nil {
		k.sources = map[string]bool{}
	}
	k.sources[source] = false
}

// remove reports whether the flag was cleared.
func (k *keepTargets) remove(source string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	cleared := k.sources[source]
	delete(k.sources, source)
	return cleared
}

func (k *keepTargets) wrap(c net.Conn) net.Conn { return &renameConn{c, k} }

// renameConn is a connection to a NameNode. The library writes a request in one call.
type renameConn struct {
	net.Conn
	keep *keepTargets
}

func (c *renameConn) Write(b []byte) (int, error) {
	out, err := c.keep.rewrite(b)
	if err != nil {
		c.Conn.Close()
		return 0, err
	}
	return c.Conn.Write(out)
}

var errRename = errors.New("a rename request has another form than is known")

// rewrite returns the request with its flag cleared if it is a rename of one of
// the sources, else the request.
//
// A request is its length in 4 bytes, then three messages with their length as
// varint: a header, the method's name (field 1) and the method's arguments, for
// rename2 the source (1), the target (2) and whether to replace it (3).
func (k *keepTargets) rewrite(b []byte) ([]byte, error) {
	if len(b) < 4 || int(binary.BigEndian.Uint32(b)) != len(b)-4 {
		return b, nil // a greeting
	}
	rest := b[4:]
	var messages [3][]byte
	for i := range messages {
		m, n := protowire.ConsumeBytes(rest)
		if n < 0 {
			return b, nil // part of a login
		}
		messages[i], rest = m, rest[n:]
	}
	method, _, ok := field(messages[1], 1)
	if !ok || string(method) != "rename2" {
		return b, nil
	}
	source, _, ok := field(messages[2], 1)
	if !ok {
		return nil, errRename
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, known := k.sources[string(source)]; !known {
		return b, nil
	}
	_, at, ok := field(messages[2], 3)
	if !ok || messages[2][at] != 1 {
		return nil, errRename
	}
	out := slices.Clone(b)
	out[len(b)-len(rest)-len(messages[2])+at] = 0
	k.sources[string(source)] = true
	return out, nil
}

// field returns a field of a message: its bytes, or for a number where its
// varint begins.
func field(m []byte, want protowire.Number) (value []byte, at int, ok bool) {
	for i := 0; i < len(m); {
		num, typ, n := protowire.ConsumeTag(m[i:])
		if n < 0 {
			return nil, 0, false
		}
		i += n
		size := protowire.ConsumeFieldValue(num, typ, m[i:])
		if size < 0 {
			return nil, 0, false
		}
		if num == want {
			if typ == protowire.BytesType {
				value, _ = protowire.ConsumeBytes(m[i:])
			}
			return value, i, true
		}
		i += size
	}
	return nil, 0, false
}
