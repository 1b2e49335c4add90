package capture

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestACameraIsAskedBeforeOpenCVWaitsForIt(t *testing.T) {
	for _, c := range []struct {
		name, url string
		server    func(net.Conn) // nil: nobody listens
		wrong     string         // "": it may be opened
	}{
		{"one that answers", "rtsp://viewer:hunter2@HOST/stream", reply("RTSP/1.0 200 OK\r\n\r\n"), ""},
		{"one that wants a password", "rtsp://viewer:hunter2@HOST/stream", reply("RTSP/1.0 401 Unauthorized\r\n\r\n"), ""},
		{"one that does not listen", "rtsp://viewer:hunter2@HOST/stream", nil, "connection refused"},
		{"one that hangs up", "rtsp://viewer:hunter2@HOST/stream", reply(""), "the camera hung up"},
		{"one that hangs up in between", "rtsp://viewer:hunter2@HOST/stream", reply("RT"), "unexpected EOF"},
		{"one that speaks something else", "rtsp://viewer:hunter2@HOST/stream", reply("HTTP/1.1 400 Bad Request\r\n\r\n"), "no RTSP camera"},
		{"one that never answers", "rtsp://viewer:hunter2@HOST/stream", func(conn net.Conn) { io.Copy(io.Discard, conn) }, errHung.Error()},
		{"of HTTP only the connection is tried", "http://viewer:hunter2@HOST/stream", func(net.Conn) {}, ""},
		{"HTTP that does not listen", "http://viewer:hunter2@HOST/stream", nil, "connection refused"},
		{"UDP has no connection to try", "udp://HOST", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			if c.server == nil {
				l.Close()
				close(done)
			} else {
				go func() {
					defer close(done)
					if conn, err := l.Accept(); err == nil {
						c.server(conn)
						conn.Close()
					}
				}()
			}
			err = answers(strings.ReplaceAll(c.url, "HOST", l.Addr().String()), 500*time.Millisecond)
			l.Close()
			<-done
			if c.wrong == "" && err != nil || c.wrong != "" && !strings.Contains(fmt.Sprint(err), c.wrong) {
				t.Errorf("got %v, want %q", err, c.wrong)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows the password: %v", err)
			}
			if hung := c.wrong == errHung.Error(); errors.Is(err, errHung) != hung {
				t.Errorf("hung is %v", !hung)
			}
		})
	}
}

// reply reads a request, which must be without the password, and
// answers.
func reply(answer string) func(net.Conn) {
	return func(conn net.Conn) {
		request := make([]byte, 1<<10)
		n, _ := conn.Read(request)
		if strings.Contains(string(request[:n]), "hunter2") {
			answer = "the password was sent"
		}
		io.WriteString(conn, answer)
	}
}
