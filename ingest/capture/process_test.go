package capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/ingest/capture/report"
	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/transforms/frame"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		beChild(openTroubled)
	}
	if os.Getenv(orphanEnv) != "" {
		beOrphaned()
	}
	goleak.VerifyTestMain(m)
}

// inside is a capturing process that is none: fakes cannot be sent to another.
func inside(open func(*task) (Stream, error), clock clock) func(context.Context, processOptions) (*process, error) {
	return func(context.Context, processOptions) (*process, error) {
		in, tasks, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		pipe, out, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		queue := make(chan *task)
		go func() {
			defer in.Close()
			defer close(queue)
			for {
				t, err := readTask(in)
				if err != nil {
					return
				}
				queue <- t
			}
		}()
		go func() {
			serve(queue, out, open, clock)
			out.Close()
			for range queue {
			}
		}()
		p := &process{tasks: tasks, pipe: pipe, reports: report.NewReader(pipe)}
		p.kill = func(context.Context) {
			tasks.Close()
			pipe.Close()
		}
		p.crashed = func(ctx context.Context) error {
			p.kill(ctx)
			return errors.New("capture crashed")
		}
		return p, p.reports.Begin()
	}
}

// troubled is a stream of three pictures, after which comes trouble.
type troubled struct {
	fake
	trouble string
}

// openTroubled gives a scene whose name is a trouble that stream.
func openTroubled(t *task) (Stream, error) {
	_, what, ok := strings.Cut(t.Name, "trouble:")
	if !ok {
		return openStream(t)
	}
	if what == "hang when opened" {
		select {}
	}
	return &troubled{fake: fake{n: 3}, trouble: what}, nil
}

func (s *troubled) Close() error { return nil }

func (s *troubled) Read(img *gocv.Mat) (time.Duration, error) {
	if s.trouble == "stopped at once" {
		syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	}
	if s.next < s.n {
		return s.fake.Read(img)
	}
	switch s.trouble {
	case "segmentation fault":
		fmt.Fprintln(os.Stderr, "[mjpeg @ 0x55] overread 8")
		syscall.Kill(os.Getpid(), syscall.SIGSEGV)
	case "killed":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "panic":
		go panic("picture of no size")
	case "exit":
		os.Exit(7)
	case "stopped":
		syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case "much memory":
		var all [][]byte
		for range 64 {
			all = append(all, bytes.Repeat([]byte{1}, 8<<20))
		}
		defer fmt.Fprintln(io.Discard, all)
	case "end":
		return 0, io.EOF
	case "noise":
		for i := range 1000 {
			fmt.Fprintf(os.Stderr, "[h264 @ 0x55] no frame! %d\n", i)
			fmt.Println("and on the other stream")
		}
		return 0, io.EOF
	}
	select {}
}

// troubles is a camera of such scenes.
func trouble(what string) config.Camera {
	cfg := files(config.Scene, "trouble:"+what)
	cfg.Source.Files = nil
	return cfg
}

// locked is a buffer that a log writes to from several goroutines.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestWhateverHappensToAProcessIsItsSourcesFailureWithTheReason(t *testing.T) {
	for what, reason := range map[string]string{
		"segmentation fault": "capture crashed: exit status 2: SIGSEGV: segmentation violation",
		"killed":             "capture crashed: signal: killed",
		"panic":              "capture crashed: exit status 2: panic: picture of no size",
		"exit":               "capture crashed: exit status 7",
		"stopped":            "no answer within the deadline of 1s",
		"stopped at once":    "no answer within the deadline of 1s",
		"hang":               "no answer within the deadline of 1s",
		"hang when opened":   "open trouble:hang when opened: no answer within the deadline of 1s",
		"much memory":        "capture took more than 200 MiB of memory",
		"end":                "",
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			cfg := trouble(what)
			if strings.Contains(reason, "deadline of 1s") {
				cfg.OpenTimeout, cfg.ReadTimeout = time.Second, time.Second
			}
			cfg.Passes = 0
			if what == "end" {
				cfg.Passes = 1
			}
			var said locked
			cam := New(cfg, Options{Log: slog.New(slog.NewTextHandler(&said, nil)), MaxMemory: 200 << 20})
			n := 0
			err := cam.Run(t.Context(), func(*frame.Frame) error { n++; return nil })
			if reason == "" && err != nil || reason != "" && (err == nil || !strings.Contains(err.Error(), reason)) {
				t.Errorf("got %v, want %q", err, reason)
			}
			// A file is not crashed for ever, though it is to be looped.
			if n > 3 || n < 3 && (what == "end" || what == "hang") {
				t.Errorf("%d frames", n)
			}
			if strings.Contains(said.String(), "goroutine") {
				t.Error(said.String())
			}
			if what == "segmentation fault" && !strings.Contains(said.String(), `camera=yard text="[mjpeg @ 0x55] overread 8"`) {
				t.Error(said.String())
			}
		})
	}
}

func TestALiveSourceThatCrashesIsOpenedAgainInANewEpoch(t *testing.T) {
	cfg := trouble("segmentation fault")
	cfg.Source.Kind = config.URL
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var said locked
	crashes := 0
	cam := New(cfg, Options{Log: slog.New(slog.NewTextHandler(&said, nil)), wait: func(ctx context.Context, _ time.Duration) error {
		if crashes++; crashes == 3 {
			cancel()
		}
		return ctx.Err()
	}})
	var frames []*frame.Frame
	err := cam.Run(ctx, func(f *frame.Frame) error {
		frames = append(frames, f)
		return nil
	})
	if n := strings.Count(said.String(), "SIGSEGV"); !errors.Is(err, context.Canceled) || cam.Counters.Failures.Load() != 3 || n != 3 {
		t.Errorf("%v, %d failures\n%s", err, cam.Counters.Failures.Load(), &said)
	}
	for i := 1; i < len(frames); i++ {
		if !frames[i].Captured.After(frames[i-1].Captured) {
			t.Errorf("frame %d at %v after %v", i, frames[i].Captured, frames[i-1].Captured)
		}
	}
}

func TestAFileThatCrashesDoesNotKeepTheOthersFromPlaying(t *testing.T) {
	film := sample(t, "tree.avi")
	bad := filepath.Join(t.TempDir(), "trouble:killed")
	if err := os.WriteFile(bad, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	cfg := files(config.Video, film, bad, film)
	cfg.Passes = 2
	frames, err := tryProcesses(cfg, Options{})
	if err == nil || strings.Count(err.Error(), "signal: killed") != 1 || len(frames) < 4*68 || len(frames) > 4*68+3 {
		t.Errorf("%d frames, %v", len(frames), err)
	}
	for i := 1; i < len(frames); i++ {
		if !frames[i].Captured.After(frames[i-1].Captured) {
			t.Fatalf("frame %d at %v after %v", i, frames[i].Captured, frames[i-1].Captured)
		}
	}
}

func TestAnotherProcessGivesTheSameFrames(t *testing.T) {
	for _, encoding := range []frame.Encoding{frame.JPEG, frame.PNG, frame.Raw} {
		cfg := files(config.Video, sample(t, "tree.avi"))
		cfg.Encoding, cfg.MaxFPS = encoding, 3
		got, err := tryProcesses(cfg, Options{})
		if diff := cmp.Diff(collect(t, cfg, Options{}), got); diff != "" || err != nil {
			t.Error(encoding, err, diff)
		}
	}
}

func TestATaskArrivesWhole(t *testing.T) {
	want := &task{Name: "a", Start: begin, Pass: 3, Salt: "s", Published: map[string]int64{"e": 7}, Last: begin.Add(time.Hour)}
	want.Camera = files(config.URL, "a")
	filled := reflect.ValueOf(&want.Camera).Elem()
	for i := range filled.NumField() { // whatever fields there come to be
		switch f := filled.Field(i); f.Kind() {
		case reflect.String:
			f.SetString("jpeg")
		case reflect.Int, reflect.Int64:
			f.SetInt(12)
		case reflect.Float64:
			f.SetFloat(0.1)
		}
	}
	want.Camera.Source = config.Source{Kind: config.URL, Text: "rtsp://h/", URL: "rtsp://u:hunter2@h/", Files: []string{"x"}, Device: 3, Scene: "s"}
	var b bytes.Buffer
	if err := writeTask(&b, want); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	got, err := readTask(bytes.NewReader(whole))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v; %v", got, want, err)
	}
	for n := range whole {
		if _, err := readTask(bytes.NewReader(whole[:n])); err == nil {
			t.Fatalf("cut at %d of %d bytes it is read", n, len(whole))
		}
	}
}

func TestWhatLibrariesWriteIsLoggedWithItsCameraAndWithinBounds(t *testing.T) {
	var said locked
	cam := New(trouble("noise"), Options{Log: slog.New(slog.NewTextHandler(&said, nil))})
	if err := cam.Run(t.Context(), func(*frame.Frame) error { return nil }); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(said.String()), "\n")
	if len(lines) > maxLines+1 || !strings.Contains(lines[0], `camera=yard text="[h264 @ 0x55] no frame! 0"`) {
		t.Errorf("%d lines, first %s", len(lines), lines[0])
	}
}

// orphanEnv makes the test program a collector that captures without an end, and
// prints the number of the process that does.
const orphanEnv = "FRAMEBEAM_TEST_ORPHAN"

func beOrphaned() {
	cfg := trouble(os.Getenv(orphanEnv))
	cfg.ReadTimeout = time.Hour
	cam := New(cfg, Options{Log: quiet})
	n := 0
	cam.Run(context.Background(), func(*frame.Frame) error {
		if n++; n == 3 {
			// Whichever of its threads has started it.
			lists, _ := filepath.Glob("/proc/self/task/*/children")
			for _, list := range lists {
				children, _ := os.ReadFile(list)
				fmt.Println(string(children))
			}
		}
		return nil
	})
}

func TestAProcessEndsWithItsParentHoweverThatDies(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), orphanEnv+"=hang")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	for deadline := time.Now().Add(30 * time.Second); alive(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d still runs", pid)
		}
	}
}

// alive reports whether a process runs and is no zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestAProgramThatDoesNotCallChildIsTold(t *testing.T) {
	t.Setenv(childEnv, "1")
	if _, err := tryProcesses(trouble("end"), Options{}); err == nil || !strings.Contains(err.Error(), "call capture.Child first in main") {
		t.Error(err)
	}
}
