package capture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/framebeam/framebeam/ingest/config"
)

// serveLines answers every request of a protocol of lines until the test ends.
func serveLines(t *testing.T, answer func(request string) string) (host string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				lines := bufio.NewReader(conn)
				for request := ""; ; {
					line, err := lines.ReadString('\n')
					if err != nil {
						return
					}
					if request += line; line != "\r\n" {
						continue
					}
					text := answer(request)
					if conn.Write([]byte(text)); !strings.HasPrefix(text, "RTSP") {
						return
					}
					request = ""
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

var sequenceLine = regexp.MustCompile(`(?i)CSeq: *\d+\r\n`)

// rtspSays lets the options pass, and answers all else with a status.
func rtspSays(status, more string) func(string) string {
	return func(request string) string {
		if strings.HasPrefix(request, "OPTIONS") {
			return "RTSP/1.0 200 OK\r\n" + sequenceLine.FindString(request) + "Public: DESCRIBE, SETUP, PLAY\r\nContent-Length: 0\r\n\r\n"
		}
		return "RTSP/1.0 " + status + "\r\n" + sequenceLine.FindString(request) + more + "Content-Length: 0\r\n\r\n"
	}
}

func httpSays(status, kind string, body []byte) func(string) string {
	return func(string) string {
		return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, kind, len(body), body)
	}
}

// sound is a second of silence as a WAV file.
func sound() []byte {
	var b bytes.Buffer
	b.WriteString("RIFF")
	binary.Write(&b, binary.LittleEndian, uint32(36+8000))
	b.WriteString("WAVEfmt ")
	binary.Write(&b, binary.LittleEndian, struct {
		Size             uint32
		Format, Channels uint16
		Rate, Bytes      uint32
		Align, Bits      uint16
	}{16, 1, 1, 8000, 8000, 1, 8})
	b.WriteString("data")
	binary.Write(&b, binary.LittleEndian, uint32(8000))
	b.Write(bytes.Repeat([]byte{128}, 8000))
	return b.Bytes()
}

func TestWhatACameraAnswersIsSaidAndWhatToDo(t *testing.T) {
	const ask = "WWW-Authenticate: Basic realm=\"gate\"\r\n"
	for _, c := range []struct {
		name, url string
		answer    func(string) string
		kind      Kind
		says      string
	}{
		{"a wrong password", "rtsp://viewer:hunter2@HOST/stream", rtspSays("401 Unauthorized", ask), Unauthorized, "does not take this user and password (401 Unauthorized): check both"},
		{"no password", "rtsp://HOST/stream", rtspSays("401 Unauthorized", ask), Unauthorized, "wants a user and a password (401 Unauthorized)"},
		{"a user without the right", "rtsp://viewer:hunter2@HOST/stream", rtspSays("403 Forbidden", ""), Forbidden, "does not let this user see"},
		{"a wrong path", "rtsp://viewer:hunter2@HOST/stream", rtspSays("404 Not Found", ""), NotFound, "no such stream (404 Not Found): check the path"},
		{"too many viewers", "rtsp://viewer:hunter2@HOST/stream", rtspSays("453 Not Enough Bandwidth", ""), Answered, "453 Not Enough Bandwidth: it may serve as many viewers"},
		{"a fault of the camera", "rtsp://viewer:hunter2@HOST/stream", rtspSays("500 Internal Server Error", ""), Answered, "500 Internal Server Error: the fault is its own"},
		{"a wrong password by HTTP", "http://viewer:hunter2@HOST/stream", httpSays("401 Unauthorized", "text/html", nil), Unauthorized, "does not take this user and password (401"},
		{"a wrong path by HTTP", "http://viewer:hunter2@HOST/stream", httpSays("404 Not Found", "text/html", nil), NotFound, "no such stream (404"},
		{"an answer that has no error of FFmpeg's", "http://viewer:hunter2@HOST/stream", httpSays("429 Too Many Requests", "text/html", nil), Answered, "429 Too Many Requests"},
		{"a page", "http://viewer:hunter2@HOST/", httpSays("200 OK", "text/html", []byte("<html>welcome</html>")), Protocol, "no video that is known"},
		{"sound", "http://viewer:hunter2@HOST/sound.wav", httpSays("200 OK", "audio/wav", sound()), NoVideo, "has no video: check the path"},
		{"a name that nobody has", "rtsp://viewer:hunter2@camera.invalid/stream", nil, UnknownHost, "camera.invalid"},
		{"a port at which nothing listens", "rtsp://viewer:hunter2@127.0.0.1:1/stream", nil, Refused, "nothing listens there"},
		{"another protocol", "rtsp://viewer:hunter2@HOST/stream", httpSays("400 Bad Request", "text/html", nil), Protocol, "no RTSP camera"},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := c.url
			if c.answer != nil {
				url = strings.Replace(url, "HOST", serveLines(t, c.answer), 1)
			}
			src, err := config.ParseSource(url, "", os.LookupEnv)
			if err != nil {
				t.Fatal(err)
			}
			s, err := openLive(src, 5*time.Second)
			if err == nil {
				s.Close()
				t.Fatal("it is opened")
			}
			if KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: %v, want %s: %s", KindOf(err), err, c.kind, c.says)
			}
		})
	}
}

func TestWhatIsWrongWithAFileIsOfAKindToo(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		content []byte
		kind    Kind
	}{
		"nonsense.mp4": {[]byte(strings.Repeat("no film ", 1000)), Undecodable},
		"sound.wav":    {sound(), NoVideo},
		"missing.avi":  {nil, Missing},
	} {
		path := filepath.Join(dir, name)
		if c.content != nil {
			if err := os.WriteFile(path, c.content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		s, err := openVideo(path)
		if err == nil {
			s.Close()
		}
		if KindOf(err) != c.kind || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %s: %v", name, KindOf(err), err)
		}
	}
}

func TestWhatAProcessSaysOfItsTroubleIsNotTrusted(t *testing.T) {
	for said, want := range map[string]Kind{"unauthorized": Unauthorized, "": Unknown, "owned": Unknown} {
		if got := known(said); got != want {
			t.Errorf("%q: %s", said, got)
		}
	}
}
