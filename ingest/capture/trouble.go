package capture

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"

	"github.com/framebeam/framebeam/ingest/capture/ffmpeg"
)

// Kind is, in a word for programs, why a source gives no pictures.
type Kind string

// Why a source gives no pictures. Each is told as a sentence that says what to do.
const (
	Unauthorized Kind = "unauthorized" // it does not take this user and password
	Forbidden    Kind = "forbidden"    // it knows the user, and does not let them see this
	NotFound     Kind = "not_found"    // it has no stream of this path
	Answered     Kind = "answered"     // it gives another answer than pictures
	UnknownHost  Kind = "unknown_host" // its name is not known (DNS)
	Refused      Kind = "refused"      // nothing listens there
	Unreachable  Kind = "unreachable"  // there is no way there
	Timeout      Kind = "timeout"      // it gave no answer, or no picture, in time
	HungUp       Kind = "hung_up"      // it closed the connection instead of answering
	Protocol     Kind = "protocol"     // what answers does not speak that protocol
	TLS          Kind = "tls"          // TLS cannot be spoken with it, or its certificate is not trusted
	NoVideo      Kind = "no_video"     // there is nothing to see in it
	Codec        Kind = "codec"        // there is no decoder for its format
	Undecodable  Kind = "undecodable"  // its pictures cannot be decoded
	Missing      Kind = "missing"      // there is no such file or device, or it may not be read
	Broken       Kind = "broken"       // it broke off, or a part of it is missing
	Stopped      Kind = "ended"        // a stream without an end has ended
	Crashed      Kind = "crashed"      // the process that read it crashed, or took too much memory
	Unknown      Kind = "unknown"      // something else
)

// kinds are all of them: what comes from a process that captures is not trusted.
var kinds = map[Kind]bool{
	Unauthorized: true, Forbidden: true, NotFound: true, Answered: true, UnknownHost: true, Refused: true, Unreachable: true, Timeout: true,
	HungUp: true, Protocol: true, TLS: true, NoVideo: true, Codec: true, Undecodable: true, Missing: true, Broken: true, Stopped: true, Crashed: true,
	Unknown: true,
}

// Trouble is why a source gives no pictures. [KindOf] finds it in an error.
type Trouble struct {
	Kind Kind
	// Text says what is wrong and, where that is known, what to do about it. It holds no
	// secrets.
	Text string
}

func (t *Trouble) Error() string { return t.Text }

func because(kind Kind, format string, args ...any) *Trouble {
	return &Trouble{Kind: kind, Text: fmt.Sprintf(format, args...)}
}

// KindOf is what kind of trouble an error of a source is, Unknown if nothing says.
func KindOf(err error) Kind {
	if t, ok := errors.AsType[*Trouble](err); ok {
		return t.Kind
	}
	if errors.Is(err, errHung) {
		return Timeout
	}
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		return Missing
	}
	return Unknown
}

// ofStatus explains what a server of RTSP or HTTP has answered; user tells whether it
// was given one.
func ofStatus(code int, text string, user bool) *Trouble {
	answer := strings.TrimSpace(fmt.Sprintf("%d %s", code, text))
	switch {
	case code == http.StatusUnauthorized && user:
		return because(Unauthorized, "the camera does not take this user and password (%s): check both in the source's URL", answer)
	case code == http.StatusUnauthorized:
		return because(Unauthorized, "the camera wants a user and a password (%s): write rtsp://user:${PASSWORD}@... into the source", answer)
	case code == http.StatusForbidden:
		return because(Forbidden, "the camera does not let this user see the stream (%s): check the user's rights on the camera", answer)
	case code == http.StatusNotFound:
		return because(NotFound, "the camera has no such stream (%s): check the path in the source's URL", answer)
	case code == 453 || code == http.StatusServiceUnavailable: // 453: RFC 2326, 11.3.4
		return because(Answered, "the camera answers %s: it may serve as many viewers as it can already", answer)
	case code >= 500:
		return because(Answered, "the camera answers %s: the fault is its own; restarting it may help", answer)
	}
	return because(Answered, "the camera answers %s", answer)
}

// ofNetwork explains why there is no connection to a server, or none any more.
func ofNetwork(err error) error {
	if err == nil {
		return nil
	}
	if d, ok := errors.AsType[*net.DNSError](err); ok {
		if d.IsNotFound {
			return because(UnknownHost, "the name %s is not known: check the host in the source's URL, and this machine's DNS", d.Name)
		}
		return because(UnknownHost, "the name %s cannot be looked up (%s): check this machine's DNS", d.Name, d.Err)
	}
	if isCertificate(err) {
		return because(TLS, "its certificate is not trusted: %v", err)
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return because(Refused, "%v: nothing listens there; check host and port, and that the camera is on and streams", err)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.ENETDOWN):
		return because(Unreachable, "%v: check the address, and the network between", err)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return because(HungUp, "%v: the camera closed the connection", err)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return because(Timeout, "%v: check that the camera is on, and that no firewall stands between", err)
	}
	return err
}

func isCertificate(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return true
	}
	_, ok := errors.AsType[tls.RecordHeaderError](err)
	return ok
}

// ofOpening explains why FFmpeg cannot open a URL or file; user tells whether a user
// was given.
func ofOpening(err error, user, file bool) error {
	e, ok := errors.AsType[*ffmpeg.OpenError](err)
	if !ok {
		return err
	}
	if code, text := e.Status(); code >= 400 && e.Step == ffmpeg.Opening {
		return ofStatus(code, text, user)
	}
	switch e.Step {
	case ffmpeg.Video:
		if e.Codec == "" && !file {
			return because(NoVideo, "%v: check the path in the source's URL, it may be that of the sound or of events", e)
		}
		return because(NoVideo, "%v", e)
	case ffmpeg.Decoder:
		return because(Codec, "%v (%s): let the camera send H.264, H.265 or MJPEG", e, codecName(e))
	case ffmpeg.Decoding:
		return because(Undecodable, "%v (%s)", e, codecName(e))
	case ffmpeg.Streams:
		return because(Undecodable, "%v", e)
	case ffmpeg.Other:
		return e
	}
	errno := e.Errno()
	switch {
	case file && (errno == syscall.ENOENT || errno == syscall.EACCES):
		return because(Missing, "%v", e)
	case file && e.Invalid():
		return because(Undecodable, "%v: it is no film, or was cut before its index", e)
	case strings.Contains(e.Said, "[tls @"):
		return because(TLS, "%v: TLS cannot be spoken with it; check the port, and whether the camera speaks TLS", e)
	case errno == syscall.EPROTONOSUPPORT:
		return because(Protocol, "%v: the camera does not send over TCP, or not as it is asked to; docs/cameras.md says how to ask for UDP", e)
	case errno == syscall.ETIMEDOUT:
		return because(Timeout, "%v: check that the camera is on, and that no firewall stands between", e)
	case errno == syscall.ECONNREFUSED:
		return because(Refused, "%v: nothing listens there; check host and port, and that the camera is on and streams", e)
	case errno == syscall.EHOSTUNREACH, errno == syscall.ENETUNREACH:
		return because(Unreachable, "%v: check the address, and the network between", e)
	case !file && e.Invalid():
		return because(Protocol, "%v: what it sends is no video that is known; check the URL's scheme, port and path", e)
	}
	return e
}

func codecName(e *ffmpeg.OpenError) string {
	if e.Codec == "" {
		return "unknown"
	}
	return e.Codec
}
