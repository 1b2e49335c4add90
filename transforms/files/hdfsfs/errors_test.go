package hdfsfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"syscall"
	"testing"
)

// remote is an exception of a server.
type remote struct{ class, message string }

func (r remote) Error() string     { return "call failed" }
func (r remote) Method() string    { return "m" }
func (r remote) Desc() string      { return "d" }
func (r remote) Exception() string { return r.class }
func (r remote) Message() string   { return r.message }

func TestWhatMaySucceedLater(t *testing.T) {
	for _, c := range []struct {
		name          string
		err           error
		request, data bool
	}{
		{"a NameNode in safe mode", &fs.PathError{Err: remote{"org.apache.hadoop.hdfs.server.namenode.SafeModeException", ""}}, true, true},
		{"a standby", remote{"org.apache.hadoop.ipc.StandbyException", ""}, true, true},
		{"no permission", remote{"org.apache.hadoop.security.AccessControlException", "alice may not\n\tat x"}, false, false},
		{"no file", remote{"java.io.FileNotFoundException", ""}, false, false},
		{"removed while it is written", remote{"org.apache.hadoop.hdfs.server.namenode.LeaseExpiredException", ""}, false, false},
		{"no DataNode for a block", remote{"java.io.IOException", "could only be written to 0 of the 1 minReplication nodes"}, false, true},
		{"a quota", remote{"org.apache.hadoop.hdfs.protocol.DSQuotaExceededException", ""}, false, false},
		{"an end of file from a server", &fs.PathError{Err: io.EOF}, true, true},
		{"a reset connection", &net.OpError{Err: syscall.ECONNRESET}, true, true},
		{"no NameNode", errors.New("no available namenodes: dial tcp: refused"), true, true},
		{"a NameNode that refuses the ticket", errors.New("no available namenodes: SASL handshake: sasl call failed"), false, true},
		{"a NameNode that dies while it is greeted", errors.New("no available namenodes: SASL handshake: EOF"), true, true},
		{"no such key", &loginError{errors.New("keytab x: no such file")}, false, true},
		{"no KDC", &loginError{errors.New("[Root cause: Networking_Error] refused")}, true, true},
		{"a DataNode's error", errors.New("write failed: ERROR ()"), false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := explain(c.err)
			if got := transientRequest(err); got != c.request {
				t.Errorf("a request: %v", got)
			}
			if got := transientData(err); got != c.data {
				t.Errorf("data: %v", got)
			}
			if errors.Is(err, io.EOF) {
				t.Error("it could be taken for the end of a file")
			}
		})
	}
	if err := explain(&loginError{fmt.Errorf("keytab x: %w", fs.ErrNotExist)}); errors.Is(err, fs.ErrNotExist) {
		t.Error("a missing keytab could be taken for a missing file")
	}
	if err := explain(remote{"org.apache.hadoop.security.AccessControlException", "alice may not\n\tat x"}); err.Error() != fmt.Sprint(fs.ErrPermission, ": alice may not") {
		t.Errorf("it says %q", err)
	}
}
