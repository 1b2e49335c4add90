// Package monitortest serves the page for a test, over real video: an embedded Kafka with the
// frames of two cameras, their analysis, and the archive.
package monitortest

import (
	"context"
	"errors"
	"fmt"
	"image"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/monitor/inputs"
	"github.com/framebeam/framebeam/monitor/server"
	"github.com/framebeam/framebeam/pipelines/archive/copying"
	"github.com/framebeam/framebeam/pipelines/job"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/testdata/samples"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/eventsink"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/picture"
	"github.com/framebeam/framebeam/transforms/plan"
)

// The two cameras, each in a partition of its own; both show the same street.
const (
	Street = "street"
	Yard   = "yard"
)

// Analyses is the configuration that a site begins with.
const Analyses = `# What is looked for.
motion: false
background: true
tracking: true
lines:
  path: {points: [[0.5, 0.2], [0.5, 1]]} # where people walk
zones:
  grass: {polygon: [[0, 0.4], [0.35, 0.4], [0.35, 1], [0, 1]], loiter: 3s}
health: true
`

// Cameras is the configuration of the collector that would have made the frames.
const Cameras = `cameras:
  - id: street
    source: rtsp://viewer:${STREET_PASSWORD}@street.example/stream
  - id: yard
    source: rtsp://yard.example/stream
`

// Site is all that the page is made of, and the page.
type Site struct {
	Broker                    *broker.Broker
	Folder                    string
	Output, Archive           string
	CamerasFile, AnalysesFile string
	Begin                     time.Time // of the frames, which are ten a second
	Zone                      *time.Location
	Server                    *server.Server
	URL                       string // of the page, http://127.0.0.1:…
	Stages                    profiles.Stages
	frames                    int // of each camera until now
	stopServing               func()
	ports                     []int
	unready                   bool // there is no output yet
}

// Options say what a site has.
type Options struct {
	Frames  int  // of each camera; default 120
	Unready bool // nothing is analysed yet
	Archive bool // the frames are archived too
	Server  func(*server.Options)
}

// Zone is one in which it is about noon now, so that tests have the same day as their frames.
func Zone(t *testing.T) *time.Location {
	t.Helper()
	name := "UTC"
	if h := time.Now().UTC().Hour() - 12; h > 0 {
		name = fmt.Sprintf("Etc/GMT+%d", h)
	} else if h < 0 {
		name = fmt.Sprintf("Etc/GMT-%d", -h)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// New makes a site, and serves its page until the test ends.
func New(t *testing.T, opts Options) *Site {
	t.Helper()
	if opts.Frames == 0 {
		opts.Frames = 120
	}
	dir := t.TempDir()
	s := &Site{
		Folder: dir, Output: filepath.Join(dir, "analysis"), CamerasFile: filepath.Join(dir, "cameras.yaml"),
		AnalysesFile: filepath.Join(dir, "analyses.yaml"), Zone: Zone(t), unready: opts.Unready,
		Begin: time.Now().Add(-time.Duration(opts.Frames) * 100 * time.Millisecond).Truncate(100 * time.Millisecond),
	}
	s.write(t, s.CamerasFile, Cameras)
	s.write(t, s.AnalysesFile, Analyses)
	s.StartKafka(t)
	t.Cleanup(func() { s.Broker.Close() })
	s.Capture(t, opts.Frames)
	if !opts.Unready {
		s.Analyse(t)
	}
	if opts.Archive {
		s.Archive = filepath.Join(dir, "archive")
		s.archive(t)
	}
	s.Serve(t, opts.Server)
	return s
}

// StartKafka starts the broker, with what it had and at its address if it was stopped.
func (s *Site) StartKafka(t *testing.T) {
	t.Helper()
	opts := broker.Options{
		Dir: filepath.Join(s.Folder, "kafka"), Ports: s.ports,
		Topics: []broker.Topic{{Name: trial.Topic, Partitions: 2}, {Name: "events", Partitions: 1}},
	}
	var err error
	if s.Broker, err = broker.Start(opts); err != nil {
		t.Fatal(err)
	}
	if s.ports == nil {
		at, err := netip.ParseAddrPort(s.Broker.Addrs()[0])
		if err != nil {
			t.Fatal(err)
		}
		s.ports = []int{int(at.Port())}
	}
}

// Append appends a record to a partition, of which its timestamp is set to that of the next frame.
func (s *Site) Append(t *testing.T, partition int32, rec frame.Record) {
	t.Helper()
	rec.Timestamp = s.Begin.Add(time.Duration(s.frames) * 100 * time.Millisecond).UnixMilli()
	if _, err := s.Broker.Append(t.Context(), trial.Topic, partition, rec); err != nil {
		t.Fatal(err)
	}
}

// StopKafka ends the broker.
func (s *Site) StopKafka() { s.Broker.Close() }

// Lose has the log say that a camera's source is lost.
func (s *Site) Lose(t *testing.T, partition int32, camera, reason string) {
	t.Helper()
	c := frame.SourceChange{
		Camera: camera, State: frame.SourceLost, At: s.Begin.Add(time.Duration(s.frames) * 100 * time.Millisecond).UTC(), Reason: reason,
		Epoch: "e", Sequence: int64(s.frames - 1),
	}
	if _, err := s.Broker.Append(t.Context(), trial.Topic, partition, c.CloudEvent()); err != nil {
		t.Fatal(err)
	}
}

func (s *Site) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Spec is the site's Kafka.
func (s *Site) Spec() log.Spec { return log.Spec{Kind: "kafka", Brokers: s.Broker.Addrs()} }

// Capture appends the next n frames of each camera.
func (s *Site) Capture(t *testing.T, n int) {
	t.Helper()
	for partition, camera := range []string{Street, Yard} {
		var recs []frame.Record
		for i := s.frames; i < s.frames+n; i++ {
			recs = append(recs, Frame(t, camera, i, s.Begin.Add(time.Duration(i)*100*time.Millisecond)))
		}
		if _, err := s.Broker.Append(t.Context(), trial.Topic, int32(partition), recs...); err != nil {
			t.Fatal(err)
		}
	}
	s.frames += n
}

// job is one that analyses the site's log.
func (s *Site) job(t *testing.T) job.Job {
	t.Helper()
	c, err := profiles.Load(s.AnalysesFile)
	if err == nil {
		s.Stages, err = c.Stages()
	}
	if err != nil {
		t.Fatal(err)
	}
	return job.Job{
		Runner: launch.Direct, Log: s.Spec(), Topic: trial.Topic, Output: s.Output, N: 64, Analyses: s.Stages,
		Events: eventsink.Config{Brokers: s.Broker.Addrs(), Topic: "events"},
	}
}

// Analyse analyses all frames that there are, as analyses.yaml says it now.
func (s *Site) Analyse(t *testing.T) {
	t.Helper()
	j := s.job(t)
	j.Start, j.Until = trial.Whole(t)
	if _, err := j.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.unready = false
}

// AnalyseLive analyses frames as they come, until the test ends or stop is called.
func (s *Site) AnalyseLive(t *testing.T) (stop func()) {
	t.Helper()
	j := s.job(t)
	j.Start, _ = trial.Whole(t)
	var err error
	if j.Until, err = plan.Until("never"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() {
		_, err := j.Run(ctx)
		ended <- err
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func (s *Site) archive(t *testing.T) {
	t.Helper()
	j := copying.Job{Runner: launch.Direct, Log: s.Spec(), Topic: trial.Topic, Archive: s.Archive, N: 64}
	j.Start, j.Until = trial.Whole(t)
	if _, err := j.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Serve serves the page, anew if it is served already; change may change what it is told.
func (s *Site) Serve(t *testing.T, change func(*server.Options)) {
	t.Helper()
	if s.stopServing != nil {
		s.stopServing()
	}
	opts := server.Options{
		Inputs: inputs.Options{
			Brokers: s.Broker.Addrs(), Topic: trial.Topic, Output: s.Output, Archive: s.Archive,
			Cameras: s.CamerasFile, Analyses: s.AnalysesFile, Zone: s.Zone,
		},
		Edit: true, Log: slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	if change != nil {
		change(&opts)
	}
	var err error
	if s.Server, err = server.New(opts); err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.Server.Serve(ctx, l) }()
	s.URL = "http://" + l.Addr().String()
	s.stopServing = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(s.stopServing)
	if s.unready {
		return
	}
	select {
	case <-s.Server.Inputs().Ready():
	case <-time.After(time.Minute):
		t.Fatal("the page does not come to the end of the output")
	}
}

type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Logf("%s", b)
	return len(b), nil
}

// pictures are those of the sample video, made once: it begins anew at its end.
var pictures = sync.OnceValues(func() ([][]byte, error) { return Pictures(image.Pt(384, 288), 240) })

// Pictures are the first of the sample video, as JPEGs of a size.
func Pictures(size image.Point, most int) (all [][]byte, err error) {
	path, err := samples.Path("vtest.avi")
	if err != nil {
		return nil, err
	}
	video, err := gocv.OpenVideoCapture(path)
	if err != nil {
		return nil, err
	}
	defer video.Close()
	m := gocv.NewMat()
	defer m.Close()
	for len(all) < most && video.Read(&m) {
		gocv.Resize(m, &m, size, 0, 0, gocv.InterpolationArea)
		b, err := picture.EncodeJPEG(m, config.DefaultQuality)
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

// Frame is a record of a camera's frame number i, a picture of the sample video.
func Frame(t *testing.T, camera string, i int, captured time.Time) frame.Record {
	t.Helper()
	all, err := pictures()
	if err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	f := frame.Frame{
		Camera: camera, Epoch: "e", Sequence: int64(i), Captured: captured, Width: 384, Height: 288, Encoding: frame.JPEG,
		Data: all[i%len(all)],
	}
	return f.CloudEvent()
}
