package cameras_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/framebeam/framebeam/history/historytest"
	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/monitor/inputs"
	"github.com/framebeam/framebeam/monitor/monitortest"
	"github.com/framebeam/framebeam/monitor/server"
	"github.com/framebeam/framebeam/testdata/command"
	"github.com/framebeam/framebeam/transforms/frame"
)

var measure = flag.Duration("measure", 0, "measure for so `long` what a grid of 64 cameras costs the process that serves it")

func TestMain(m *testing.M) {
	command.Become("cameras", sendFrames)
	os.Exit(m.Run())
}

const (
	gridCameras = 64
	gridFPS     = 10
)

// sendFrames is a process with an embedded Kafka and the cameras that fill it, and writes an output of
// an hour of them into a folder. It says at which address, and ends with its standard input.
func sendFrames() {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	const partitions = 4
	k, err := broker.Start(broker.Options{Topics: []broker.Topic{{Name: "frames", Partitions: partitions}}})
	fail(err)
	pictures, err := monitortest.Pictures(image.Pt(640, 480), 32)
	fail(err)
	fail((historytest.Output{
		Rows: 64 * 2048, Partitions: partitions, Cameras: gridCameras, Begin: time.Now().Add(-time.Hour), Span: time.Hour,
	}).Write(context.Background(), os.Args[len(os.Args)-1]))
	fmt.Println(k.Addrs()[0])
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	tick := time.NewTicker(time.Second / gridFPS)
	for i := int64(0); ctx.Err() == nil; i++ {
		<-tick.C
		var recs [partitions][]frame.Record
		for c := range gridCameras {
			f := frame.Frame{
				Camera: historytest.CameraName(c), Epoch: "e", Sequence: i, Captured: time.Now().UTC().Truncate(time.Microsecond),
				Width: 640, Height: 480, Encoding: frame.JPEG, Data: pictures[(int(i)+c)%len(pictures)],
			}
			recs[c%partitions] = append(recs[c%partitions], f.CloudEvent())
		}
		for p := range recs {
			end, err := k.Append(ctx, "frames", int32(p), recs[p]...)
			if err == nil && i%50 == 0 && end > 2000 {
				err = k.DeleteRecords("frames", int32(p), end-1000) // as retention does
			}
			if err != nil && ctx.Err() == nil {
				fail(err)
			}
		}
	}
	k.Close()
}

// What 64 cameras of 640x480 at ten frames a second cost the process that serves the page, while two
// browsers look at all of them.
func TestAGridOf64Cameras(t *testing.T) {
	if *measure == 0 {
		t.Skip("it is measured with -args -measure 30s")
	}
	root := t.TempDir()
	sender := command.New(t, "cameras", "", root)
	sender.Stderr = os.Stderr
	in, err := sender.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := sender.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sender.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		_ = sender.Wait()
	}()
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Options{Inputs: inputs.Options{Brokers: []string{strings.TrimSpace(address)}, Topic: "frames", Output: root}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	defer func() { stop(); <-ended }()
	<-s.Inputs().Ready()
	url := "http://" + l.Addr().String()
	runtime.GC()
	debug.FreeOSMemory() // what catching up took
	t.Logf("%d MB before somebody looks", resident()/1e6)
	before, began := cpu(), time.Now()
	var all sync.WaitGroup
	var mu sync.Mutex
	var pictures, bytes, largest int64
	for range 2 {
		all.Go(func() {
			stream, err := http.Get(url + "/api/v1/stream?topics=cameras,inputs") //nolint:noctx // ends with the server
			if err != nil {
				t.Error(err)
				return
			}
			go func() { _, _ = io.Copy(io.Discard, stream.Body) }()
			defer stream.Body.Close()
			keys := map[string]string{}
			for time.Since(began) < *measure {
				asked := time.Now()
				n, size, err := askPictures(url, keys)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				pictures, bytes, largest = pictures+n, bytes+size, max(largest, resident())
				mu.Unlock()
				time.Sleep(time.Second - time.Since(asked))
			}
		})
	}
	all.Wait()
	took := time.Since(began).Seconds()
	cores := (cpu() - before).Seconds() / took
	t.Logf("%.2f cores, %d MB at most, %.0f pictures/s and %.1f MB/s to each browser", cores, largest/1e6, float64(pictures)/2/took, float64(bytes)/2/took/1e6)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("of the memory %d MB are Go's heap, of which %d MB are in use; %d MB were given back", m.HeapSys/1e6, m.HeapAlloc/1e6, m.HeapReleased/1e6)
	if cores > 1 || largest > 300e6 {
		t.Error("that is more than one core or 300 MB")
	}
	if float64(pictures)/2/took < gridCameras/2 {
		t.Error("that are too few pictures")
	}
}

// askPictures asks for all pictures that are new.
func askPictures(url string, keys map[string]string) (n, size int64, err error) {
	want := make([]string, gridCameras)
	for i := range want {
		name := historytest.CameraName(i)
		want[i] = name + ":" + keys[name]
	}
	res, err := http.Get(url + "/api/v1/cameras/pictures?show=newest&want=" + strings.Join(want, ",")) //nolint:noctx // a measurement
	if err != nil {
		return 0, 0, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return 0, 0, fmt.Errorf("%s: %w", res.Status, err)
	}
	for at := 0; at < len(body); n++ {
		long := int(binary.BigEndian.Uint32(body[at:]))
		var head struct{ Camera, Key string }
		if err := json.Unmarshal(body[at+4:at+4+long], &head); err != nil {
			return n, 0, err
		}
		keys[head.Camera] = head.Key
		at += 4 + long
		at += 4 + int(binary.BigEndian.Uint32(body[at:]))
	}
	return n, int64(len(body)), nil
}

// cpu is what this process has computed until now.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// resident is how much memory this process has.
func resident() (bytes int64) {
	text, _ := os.ReadFile("/proc/self/statm")
	var all, pages int64
	_, _ = fmt.Sscan(string(text), &all, &pages)
	return pages * int64(os.Getpagesize())
}
