package hdfsfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/colinmarc/hdfs/v2"
)

// explain turns what the library leaves of an error of a server into errors of
// package fs, and adds the server's first line, which the library leaves out.
// A remote end of file is none of ours: io.EOF never leaves this package but at
// the end of a file.
func explain(err error) error {
	if err == nil {
		return nil
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err // callers name the path
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("connection closed: %w", io.ErrUnexpectedEOF)
	}
	if err.Error() == "unexpected sequence number" {
		return fmt.Errorf("%w: a NameNode that demands Kerberos answers like this to a client without it", err)
	}
	var remote hdfs.Error
	if !errors.As(err, &remote) {
		return err
	}
	line, _, _ := strings.Cut(remote.Message(), "\n")
	switch class(remote) {
	case "AccessControlException":
		return fmt.Errorf("%w: %s", fs.ErrPermission, line)
	case "FileNotFoundException", "LeaseExpiredException":
		// A lease ends when the file is removed under its writer.
		return fmt.Errorf("%w: %s", fs.ErrNotExist, line)
	}
	if line == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, line)
}

// class is the name of a server's exception, without its package.
func class(err hdfs.Error) string {
	e := err.Exception()
	return e[strings.LastIndexByte(e, '.')+1:]
}

// settled reports an answer that is the same however often it is asked for.
func settled(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrPermission) ||
		errors.Is(err, fs.ErrInvalid) || errors.Is(err, fs.ErrClosed) || errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EISDIR) ||
		errors.Is(err, context.Canceled) || errors.Is(err, errRename)
}

// broken reports that the connection to the NameNode is to blame: whether the
// request was carried out is not known.
func broken(err error) bool {
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) ||
		strings.HasPrefix(err.Error(), "no available namenodes") || // the library keeps the text only
		strings.HasPrefix(err.Error(), "unexpected sequence number") || strings.HasPrefix(err.Error(), "invalid response")
}

// refused reports that a NameNode would not have us, which no other try mends:
// the handshake's error is left as a text only.
func refused(err error) bool {
	if !strings.Contains(err.Error(), "SASL handshake") {
		return false
	}
	for _, passing := range []string{"EOF", "connection re", "broken pipe", "timeout", "Networking_Error"} {
		if strings.Contains(err.Error(), passing) {
			return false
		}
	}
	return true
}

// transientRequest reports whether a request to the NameNode may succeed later.
func transientRequest(err error) bool {
	if settled(err) || refused(err) {
		return false
	}
	if l, ok := errors.AsType[*loginError](err); ok {
		return l.transient()
	}
	var remote hdfs.Error
	if errors.As(err, &remote) {
		switch class(remote) {
		case "SafeModeException", "StandbyException", "RetriableException", "ObserverRetryOnActiveException",
			"NotReplicatedYetException", "RecoveryInProgressException", "AlreadyBeingCreatedException", "RpcServerException",
			"RpcNoSuchProtocolException", "SecretManager$InvalidToken":
			return true
		}
		return false
	}
	return broken(err)
}

// transientData reports whether writing or reading the data again may succeed.
// What a DataNode has to say is a text, and nearly all of it passes.
func transientData(err error) bool {
	if settled(err) {
		return false
	}
	var remote hdfs.Error
	if errors.As(err, &remote) {
		return !strings.Contains(class(remote), "QuotaExceeded") && class(remote) != "NSQuotaExceededException" &&
			class(remote) != "HadoopIllegalArgumentException"
	}
	return true
}

// failedWrite is a write that broke; the file has been removed.
type failedWrite struct{ error }

func (e *failedWrite) Unwrap() error { return e.error }

// Transient reports that the file may be written anew.
func (e *failedWrite) Transient() bool { return true }
