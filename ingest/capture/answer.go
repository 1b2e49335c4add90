package capture

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

// errHung is the error of a source that did not answer within its deadline.
var errHung = errors.New("no answer within the deadline")

func hung(doing, name string, timeout time.Duration) error {
	err := fmt.Errorf("%s %s: %w of %v", doing, name, errHung, timeout)
	if doing == "open" {
		err = fmt.Errorf("%w: check that the camera is on, and that no firewall stands between", err)
	}
	return err
}

// ports are the default ports of the URL schemes that begin with a TCP
// connection, as FFmpeg has them; of tcp there is none.
var ports = map[string]string{"rtsp": "554", "rtsps": "322", "rtmp": "1935", "rtmps": "443", "http": "80", "https": "443", "tcp": ""}

// answers fails unless the server of a URL can be connected to and, of rtsp,
// answers a request. URLs that need no TCP connection are not tried. Errors do
// not repeat the URL, which may hold a password; errHung is no answer in time.
//
// It says what is wrong in words that FFmpeg does not have.
func answers(rawURL string, timeout time.Duration) error {
	u, err := url.Parse(rawURL)
	if err != nil {
		return errors.New("is not a URL")
	}
	port, ok := ports[u.Scheme]
	if !ok {
		return nil
	}
	if u.Scheme == "http" || u.Scheme == "https" {
		if proxy, err := http.ProxyFromEnvironment(&http.Request{URL: u}); err != nil || proxy != nil {
			return nil // FFmpeg asks the proxy
		}
	}
	if u.Port() != "" {
		port = u.Port()
	}
	deadline := time.Now().Add(timeout)
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(u.Hostname(), port), timeout)
	if err == nil {
		defer conn.Close()
		if u.Scheme == "rtsp" {
			err = options(conn, *u, deadline)
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errHung
	}
	return ofNetwork(err)
}

// options asks what an RTSP server can do (RFC 2326, 10.1). Any answer will do:
// it is FFmpeg that has the password.
func options(conn net.Conn, u url.URL, deadline time.Time) error {
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	u.User = nil
	if _, err := fmt.Fprintf(conn, "OPTIONS %s RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: framebeam\r\n\r\n", &u); err != nil {
		return err
	}
	var start [5]byte
	if _, err := io.ReadFull(conn, start[:]); errors.Is(err, io.EOF) {
		return because(HungUp, "the camera hung up: it may not speak RTSP at this port, or serve as many viewers as it can already")
	} else if err != nil {
		return err
	}
	if string(start[:]) != "RTSP/" {
		return because(Protocol, "what answers is no RTSP camera: check the port in the source's URL")
	}
	return nil
}
