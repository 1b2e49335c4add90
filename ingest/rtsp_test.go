package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/testdata/webcam"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/perframe"
	"github.com/framebeam/framebeam/transforms/result"
)

// python is Debian's: the GStreamer packages are for it, not for any other.
const python = "/usr/bin/python3"

// needsGStreamer skips tests of real RTSP cameras where there is no server to
// play one. Its packages are 44 MB, too much to install for everybody.
func needsGStreamer(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped by -short: it starts cameras")
	}
	out, err := exec.Command(python, "-c", "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer").CombinedOutput()
	if err != nil {
		t.Skipf("NO RTSP CAMERA WAS TESTED. It needs GStreamer's RTSP server:\n\n\tapt-get install --no-install-recommends gir1.2-gst-rtsp-server-1.0 python3-gi\n\n%v: %s", err, out)
	}
}

// rtsp is a running RTSP camera with 10 pictures a second.
type rtsp struct {
	*exec.Cmd
	url   string
	lines *bufio.Reader // what it says after its URL: the transport of each connection
}

func startRTSP(t *testing.T, args ...string) *rtsp {
	t.Helper()
	c := &rtsp{Cmd: exec.Command(python, append([]string{"../testdata/rtsp/camera.py"}, args...)...)}
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.stop)
	c.lines = bufio.NewReader(out)
	c.url = c.says(t)
	return c
}

func (c *rtsp) says(t *testing.T) string {
	t.Helper()
	line, err := c.lines.ReadString('\n')
	if err != nil {
		t.Fatalf("the camera has ended: %v", err)
	}
	return strings.TrimSpace(line)
}

func (c *rtsp) address(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(c.url)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

func (c *rtsp) stop() {
	c.Process.Kill()
	c.Wait()
}

func (c *rtsp) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := c.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// published follows what is in the topic.
type published struct {
	client *kgo.Client
	parser *frame.Parser
	frames map[string][]frame.Frame // by camera
	log    []frame.Record           // all of it
	states map[string][]string      // of the sources, by camera
}

func follow(t *testing.T, b *broker.Broker) *published {
	t.Helper()
	parser, err := frame.NewParser(frame.ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Addrs()...), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{trial.Topic: {0: kgo.NewOffset().At(0)}}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &published{client: client, parser: parser, frames: map[string][]frame.Frame{}, states: map[string][]string{}}
}

// until reads on until it has what is meant.
func (p *published) until(t *testing.T, by *process, meant func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !meant() {
		fetches := p.client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%v\n%s", err, &by.said)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			rec := frame.Record{Offset: r.Offset, Timestamp: r.Timestamp.UnixMilli(), Key: r.Key, Value: r.Value}
			for _, h := range r.Headers {
				rec.Headers = append(rec.Headers, frame.Header{Key: h.Key, Value: h.Value})
			}
			p.log = append(p.log, rec)
			if rec.OfSource() {
				s, err := frame.ParseSource(&rec)
				if err != nil {
					t.Fatal(err)
				}
				p.states[s.Camera] = append(p.states[s.Camera], string(s.State))
				return
			}
			f, err := p.parser.Parse(&rec)
			if err != nil {
				t.Fatal(err)
			}
			p.frames[f.Camera] = append(p.frames[f.Camera], f)
		})
	}
}

// epochs are a camera's frames in their order, by epoch.
func (p *published) epochs(camera string) (list [][]frame.Frame) {
	for _, f := range p.frames[camera] {
		if n := len(list); n == 0 || list[n-1][0].Epoch != f.Epoch {
			list = append(list, nil)
		}
		list[len(list)-1] = append(list[len(list)-1], f)
	}
	return list
}

// comesTo is until the camera's source has come to that state so many times, and to no other
// since.
func (p *published) comesTo(camera string, state frame.SourceState, times int) func() bool {
	return func() bool {
		states, n := p.states[camera], 0
		for _, s := range states {
			if s == string(state) {
				n++
			}
		}
		return n == times && states[len(states)-1] == string(state)
	}
}

// events are what an analysis of what is in the topic says of a camera's source.
func (p *published) events(t *testing.T, camera string) (list []string) {
	t.Helper()
	cfg := profiles.Default()
	stages, err := cfg.Stages()
	if err != nil {
		t.Fatal(err)
	}
	each, err := perframe.NewAnalyzer(stages.PerFrame)
	if err != nil {
		t.Fatal(err)
	}
	defer each.Close()
	analyzer, err := stages.Sequence.Analyzer(camera)
	if err != nil {
		t.Fatal(err)
	}
	cam := analyzer.Start()
	defer cam.Close()
	for i := range p.log {
		if p.log[i].Camera() != camera {
			continue
		}
		it, err := each.Analyze(chunk.Partition{Topic: trial.Topic}, &p.log[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := cam.Next(&it); err != nil {
			t.Fatal(err)
		}
		for _, e := range it.Result.Events {
			if e.Analysis == result.OfSource {
				list = append(list, e.Type+" "+e.Transition)
			}
		}
	}
	return list
}

// says waits until the collector has said it so many times.
func (p *process) says(t *testing.T, what string, times int) {
	t.Helper()
	said := regexp.MustCompile(what)
	for deadline := time.Now().Add(time.Minute); len(said.FindAllString(p.said.String(), -1)) < times; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after a minute it has not said %q %d times:\n%s", what, times, &p.said)
		}
	}
}

// interrupted interrupts the collector, which must not wait for any camera.
func (p *process) interrupted(t *testing.T) {
	t.Helper()
	began := time.Now()
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	p.ends(t)
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("it took %v to end", d)
	}
}

// listen answers each connection as asked and tells when it came.
func listen(t *testing.T, address string, answer func(net.Conn)) (l net.Listener, calls <-chan time.Time) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	times := make(chan time.Time, 100)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			times <- time.Now()
			wg.Go(func() {
				defer conn.Close()
				defer context.AfterFunc(t.Context(), func() { conn.Close() })()
				answer(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return l, times
}

func hangUp(net.Conn) {}

func neverAnswer(conn net.Conn) { io.Copy(io.Discard, conn) }

// growing fails unless three calls come, the second after the pause and the
// third after twice of it, give or take half, or later.
func growing(t *testing.T, calls <-chan time.Time, by *process, pause time.Duration) {
	t.Helper()
	var last time.Time
	for i := range 3 {
		select {
		case now := <-calls:
			if i > 0 {
				if now.Sub(last) < pause/2 {
					t.Errorf("call %d comes %v after the one before, want about %v", i, now.Sub(last), pause)
				}
				pause *= 2
			}
			last = now
		case <-time.After(time.Minute):
			t.Fatalf("nobody calls\n%s", &by.said)
		}
	}
}

const interval = 100 * time.Millisecond // of the pictures of every RTSP camera here

// even fails unless frames are dated as they were taken, at even intervals, and
// not as FFmpeg hands them out: those of the first seconds all at once.
func even(t *testing.T, frames []frame.Frame) {
	t.Helper()
	for _, f := range frames {
		d := f.Captured.Sub(frames[0].Captured) - time.Duration(f.Sequence-frames[0].Sequence)*interval
		if d.Abs() > 8*interval { // a machine under load
			t.Errorf("%s: captured %v after the epoch's first", f.ID(), f.Captured.Sub(frames[0].Captured))
		}
	}
}

func TestAnRTSPCameraThatDiesOrStallsComesBackInANewEpochAndTouchesNoOther(t *testing.T) {
	needsGStreamer(t)
	b := trial.Start(t, nil)
	gate, yard := startRTSP(t), startRTSP(t)
	begun := time.Now()
	p := collect(t, b, fmt.Sprintf("defaults: {resize: native, read_timeout: 2s}\ncameras:\n  - {id: gate, source: '%s'}\n  - {id: yard, source: '%s'}\n", gate.url, yard.url))
	topic := follow(t, b)
	epoch := func(n, frames int) func() bool {
		return func() bool {
			e := topic.epochs("gate")
			return len(e) == n && len(e[n-1]) >= frames
		}
	}
	topic.until(t, p, epoch(1, 20))

	gate.stop()
	died := time.Now()
	// It is told while it is off.
	topic.until(t, p, topic.comesTo("gate", frame.SourceLost, 1))
	if got := topic.events(t, "gate"); !slices.Equal(got, []string{"SourceLost begin"}) {
		t.Errorf("of a camera that is off: %q", got)
	}
	l, calls := listen(t, gate.address(t), hangUp)
	growing(t, calls, p, time.Second) // the pause of half a second is over
	l.Close()
	restarted := time.Now()
	_, port, _ := net.SplitHostPort(gate.address(t))
	gate = startRTSP(t, "--port", port)
	topic.until(t, p, epoch(2, 20))

	gate.signal(t, syscall.SIGSTOP)
	stalled := time.Now()
	p.says(t, `camera=gate .*no answer within the deadline of 2s`, 1)
	continued := time.Now()
	gate.signal(t, syscall.SIGCONT)
	topic.until(t, p, epoch(3, 20))

	gate.signal(t, syscall.SIGSTOP)
	p.says(t, `camera=gate .*no answer within the deadline of 2s`, 2)
	p.interrupted(t)

	end := length(t, b)
	topic.until(t, p, func() bool { return int64(len(topic.log)) == end })
	if want := []string{"started", "lost", "back", "lost", "back", "lost", "stopped"}; !slices.Equal(topic.states["gate"], want) {
		t.Errorf("the camera's source has been %v, want %v", topic.states["gate"], want)
	}
	if want := []string{"started", "stopped"}; !slices.Equal(topic.states["yard"], want) {
		t.Errorf("the other's has been %v, want %v", topic.states["yard"], want)
	}
	if got, want := topic.events(t, "gate"), []string{
		"SourceLost begin", "SourceLost end", "SourceLost begin", "SourceLost end", "SourceLost begin", "SourceStopped begin",
	}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	gates := topic.epochs("gate")
	if len(gates) != 3 {
		t.Fatalf("%d epochs, want 3", len(gates))
	}
	for i, limits := range [][2]time.Time{{begun, died}, {restarted, stalled}, {continued, time.Now()}} {
		e := gates[i]
		if i > 0 && e[0].Epoch <= gates[i-1][0].Epoch {
			t.Errorf("epoch %s after %s", e[0].Epoch, gates[i-1][0].Epoch)
		}
		// What is on its way when a camera dies is read just after it.
		if first, last := e[0].Captured, e[len(e)-1].Captured; first.Before(limits[0]) || last.After(limits[1].Add(time.Second)) {
			t.Errorf("epoch %d is captured %v to %v, the camera ran %v to %v", i, first, last, limits[0], limits[1])
		}
		if e[0].Sequence != 0 {
			t.Errorf("epoch %d begins with sequence %d", i, e[0].Sequence)
		}
		even(t, e)
	}
	yards := topic.epochs("yard")
	if len(yards) != 1 {
		t.Fatalf("the other camera has %d epochs\n%s", len(yards), &p.said)
	}
	even(t, yards[0])
	if last := yards[0][len(yards[0])-1].Captured; last.Before(continued) {
		t.Errorf("the other camera's last frame is of %v", last)
	}
}

func TestAnRTSPCameraIsReadOverTCPUnlessItHasOnlyUDP(t *testing.T) {
	needsGStreamer(t)
	const options = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
	for _, c := range []struct {
		name, has, options, want string
	}{
		{"a camera that has both", "any", "", "tcp"},
		{"a camera that has only TCP", "tcp", "", "tcp"},
		{"a camera that has only UDP", "udp", "", "udp"},
		{"one that is asked for UDP", "any", "rtsp_transport;udp", "udp"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("GATE_PASSWORD", "hunter2")
			t.Setenv(options, c.options)
			if c.options == "" {
				os.Unsetenv(options)
			}
			b := trial.Start(t, nil)
			gate := startRTSP(t, "--transport", c.has, "--user", "viewer", "--password", "hunter2")
			p := collect(t, b, "cameras:\n  - {id: gate, source: 'rtsp://viewer:${GATE_PASSWORD}@"+gate.address(t)+"/stream'}\n")
			grows(t, b, 5, p)
			if got := gate.says(t); got != c.want {
				t.Errorf("read over %s, want %s", got, c.want)
			}
			p.interrupted(t)
			if strings.Contains(p.said.String(), "hunter2") {
				t.Errorf("it shows the password:\n%s", &p.said)
			}
		})
	}
}

func TestACameraThatAcceptsAndNeverAnswersTouchesNoOther(t *testing.T) {
	b := trial.Start(t, nil)
	l, calls := listen(t, "127.0.0.1:0", neverAnswer)
	p := collect(t, b, "cameras:\n  - {id: gate, source: 'rtsp://"+l.Addr().String()+"/stream', open_timeout: 300ms}\n"+
		"  - {id: yard, source: 'scene:seed=7&size=64x48&frames=100&fps=10'}\n"+
		"  - {id: hall, source: '"+webcam.Serve(t, 64, 48, 10*time.Millisecond).URL+"/stream'}\n")
	growing(t, calls, p, 500*time.Millisecond)
	p.says(t, `camera=gate .*no answer within the deadline of 300ms`, 3)
	// OpenCV opens one stream at a time: it must not be kept by one that hangs.
	topic := follow(t, b)
	topic.until(t, p, func() bool { return len(topic.frames["yard"]) == 100 && len(topic.frames["hall"]) >= 20 })
	p.interrupted(t)
	if !strings.Contains(p.said.String(), "yard: captured 100, sent 100") {
		t.Error(&p.said)
	}
}

// reply answers every request with one status.
func reply(protocol, status string) func(net.Conn) {
	return func(conn net.Conn) {
		sequence := regexp.MustCompile(`(?m)^CSeq: \d+\r\n`)
		r := bufio.NewReader(conn)
		for request := ""; ; {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if request += line; line != "\r\n" {
				continue
			}
			fmt.Fprintf(conn, "%s %s\r\n%sWWW-Authenticate: Basic realm=\"gate\"\r\nContent-Length: 0\r\n\r\n", protocol, status, sequence.FindString(request))
			request = ""
		}
	}
}

func TestThePasswordOfACameraThatFailsIsNotShown(t *testing.T) {
	t.Setenv("CAMERA_PASSWORD", "hunter2")
	b := trial.Start(t, nil)
	config := "defaults: {open_timeout: 1s}\ncameras:\n"
	var cameras []string
	camera := func(id, source string, answer func(net.Conn)) {
		l, _ := listen(t, "127.0.0.1:0", answer)
		if answer == nil {
			l.Close()
		}
		cameras = append(cameras, id)
		config += fmt.Sprintf("  - {id: %s, source: '%s'}\n", id, strings.ReplaceAll(source, "HOST", l.Addr().String()))
	}
	const url = "rtsp://viewer:${CAMERA_PASSWORD}@HOST/stream"
	camera("refuses", url, nil)
	camera("hangs-up", url, hangUp)
	camera("never-answers", url, neverAnswer)
	camera("unauthorized", url, reply("RTSP/1.0", "401 Unauthorized"))
	camera("not-found", url, reply("RTSP/1.0", "404 Not Found"))
	camera("talks-nonsense", url, reply("nonsense", "CAMERA"))
	camera("in-the-query", "rtsp://HOST/stream?user=viewer&password=${CAMERA_PASSWORD}", reply("RTSP/1.0", "401 Unauthorized"))
	camera("http", "http://viewer:${CAMERA_PASSWORD}@HOST/stream", reply("HTTP/1.1", "401 Unauthorized"))
	camera("http-not-found", "http://HOST/stream?password=${CAMERA_PASSWORD}", reply("HTTP/1.1", "404 Not Found"))

	p := collect(t, b, config)
	for _, id := range cameras {
		p.says(t, "source lost.* camera="+id+" ", 2)
	}
	p.interrupted(t)
	for _, secret := range []string{"hunter2", base64.StdEncoding.EncodeToString([]byte("viewer:hunter2"))} {
		if strings.Contains(p.said.String(), secret) {
			t.Errorf("%s is in\n%s", secret, &p.said)
		}
	}
}
