package collector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"log/slog"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/framebeam/framebeam/ingest/capture"
	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/broker/brokertest"
	"github.com/framebeam/framebeam/kafka/publish"
	"github.com/framebeam/framebeam/testdata/samples"
	"github.com/framebeam/framebeam/transforms/frame"
)

func TestMain(m *testing.M) {
	capture.Child()
	goleak.VerifyTestMain(m)
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

const partitions = 3

func start(t *testing.T, configs map[string]string) *broker.Broker {
	t.Helper()
	return brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "frames", Partitions: partitions, Configs: configs}}})
}

func options(b *broker.Broker) Options {
	return Options{Publish: publish.Options{Brokers: b.Addrs(), Topic: "frames", DeliveryTimeout: time.Minute}, Log: quiet}
}

func film(t testing.TB, id, source string) config.Camera {
	t.Helper()
	c := config.Camera{
		ID: id, Size: image.Pt(64, 48), Encoding: frame.JPEG, Quality: 90, Passes: 1,
		ImageFPS: 10, OpenTimeout: 30 * time.Second, ReadTimeout: 10 * time.Second,
		Start: time.Date(2024, 5, 1, 8, 0, 0, 0, time.UTC),
	}
	if strings.HasPrefix(source, "scene:") {
		c.Source = config.Source{Kind: config.Scene, Text: source, Scene: source}
	} else {
		path, err := samples.Path(source)
		if err != nil {
			t.Fatal(err)
		}
		c.Source = config.Source{Kind: config.Video, Text: source, Files: []string{path}}
	}
	return c
}

func configOf(cameras ...config.Camera) *config.Config { return &config.Config{Cameras: cameras} }

// dump is what a partition holds.
func dump(t *testing.T, b *broker.Broker, partition int32) []frame.Record {
	t.Helper()
	records, err := b.Records(t.Context(), "frames", partition)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func TestFilesArePublishedTheSameEachTimeInTheOrderOfTheirTimes(t *testing.T) {
	cfg := configOf(
		film(t, "tree", "tree.avi"),
		film(t, "megamind", "Megamind.avi"),
		film(t, "scene-a", "scene:seed=7&size=64x48&frames=60&fps=10&dropped=20-23"),
		film(t, "scene-b", "scene:seed=8&size=64x48&frames=60&fps=10"),
	)
	cfg.Cameras[0].Passes = 2
	cfg.Cameras[1].MaxFPS = 5
	var first [][]frame.Record
	for run := range 3 {
		b := start(t, nil)
		if run == 2 { // also when the broker makes senders repeat and batches differ
			b.Fail(broker.Produce, broker.NotLeader, 4)
		}
		opts := options(b)
		if run > 0 {
			opts.BufferBytes = 40_000 // other batches, and much waiting
		}
		summary, err := Run(t.Context(), cfg, opts)
		if err != nil {
			t.Fatal(err)
		}
		var got [][]frame.Record
		sent, ended := 0, 0
		for p := range int32(partitions) {
			records := dump(t, b, p)
			got = append(got, records)
			for i := range records {
				if records[i].OfSource() {
					ended++
				} else {
					sent++
				}
			}
			if !sort.SliceIsSorted(records, func(i, j int) bool {
				a, b := records[i], records[j]
				return a.Timestamp < b.Timestamp || a.Timestamp == b.Timestamp && string(a.Key) < string(b.Key)
			}) {
				t.Errorf("partition %d is not in the order of capture time and camera", p)
			}
		}
		if total := summary.Total(); total.Sent != int64(sent) || total.Captured != int64(sent) || total.Unreadable != 3 || total.Unsent+total.Dropped+total.Refused != 0 {
			t.Errorf("%d in the log, summary: %v", sent, total)
		}
		if ended != len(cfg.Cameras) {
			t.Errorf("the ends of %d cameras are told, of %d", ended, len(cfg.Cameras))
		}
		if run == 0 {
			first = got
		} else if !reflect.DeepEqual(first, got) {
			t.Errorf("run %d differs", run)
		}
	}
	if len(first[0])+len(first[1])+len(first[2]) < 300 {
		t.Errorf("only %d, %d, %d frames", len(first[0]), len(first[1]), len(first[2]))
	}
}

// ids are those of frames.
func ids(t *testing.T, b *broker.Broker) map[string]bool {
	t.Helper()
	m := map[string]bool{}
	for p := range int32(partitions) {
		for _, r := range dump(t, b, p) {
			if !r.OfSource() {
				m[string(r.Headers[1].Value)] = true
			}
		}
	}
	return m
}

func TestAFilePublishedAgainNamesTheSameFramesUnlessToldOtherwise(t *testing.T) {
	b := start(t, nil)
	cfg := configOf(film(t, "tree", "tree.avi"))
	opts := options(b)
	for _, want := range []struct {
		again bool
		ids   int
	}{{false, 68}, {false, 68}, {true, 136}, {true, 204}} {
		opts.Again = want.again
		if _, err := Run(t.Context(), cfg, opts); err != nil {
			t.Fatal(err)
		}
		if got := len(ids(t, b)); got != want.ids {
			t.Errorf("again %v: %d different frames, want %d", want.again, got, want.ids)
		}
	}
}

func TestOneCamerasTroubleDoesNotTouchTheOthers(t *testing.T) {
	b := start(t, map[string]string{"max.message.bytes": "60000"})
	broken := film(t, "broken", "tree.avi")
	broken.Source.Files = []string{filepath.Join(t.TempDir(), "gone.avi")}
	broken.Start = time.Time{}
	large := film(t, "large", "tree.avi")
	large.Size, large.Encoding = image.Point{}, frame.Raw // 230,400 bytes
	summary, err := Run(t.Context(), configOf(broken, film(t, "good", "tree.avi"), large), options(b))
	if err == nil || !strings.Contains(err.Error(), "camera broken: ") || !strings.Contains(err.Error(), "camera large: a frame takes ") {
		t.Error(err)
	}
	for i, sent := range []int64{0, 68, 0} {
		if c := summary.Cameras[i]; c.Sent != sent || (c.Err == nil) != (sent > 0) {
			t.Errorf("%+v", c)
		}
	}
}

func TestSixtyFourSourcesAtOnceAreCaptured(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it starts 64 processes")
	}
	b := start(t, nil)
	var cameras []config.Camera
	for i := range 64 {
		cameras = append(cameras, film(t, fmt.Sprintf("camera-%d", i), fmt.Sprintf("scene:seed=%d&size=64x48&frames=5&fps=10", i)))
	}
	summary, err := Run(t.Context(), configOf(cameras...), options(b))
	if total := summary.Total(); err != nil || total.Sent != 64*5 || len(ids(t, b)) != 64*5 {
		t.Errorf("%v, %v", total, err)
	}
}

func TestTheJSONWireIsWhatTheParserReads(t *testing.T) {
	b := start(t, nil)
	c := film(t, "tree", "tree.avi")
	c.Encoding = frame.Raw
	opts := options(b)
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	opts.Format, opts.Zone = config.JSON, zone
	if _, err := Run(t.Context(), configOf(c), opts); err != nil {
		t.Fatal(err)
	}
	parser, err := frame.NewParser(frame.ParseOptions{Zone: "Europe/Berlin"})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for p := range int32(partitions) {
		for _, r := range dump(t, b, p) {
			f, err := parser.Parse(&r)
			if err != nil || f.Camera != "tree" || f.Width != 64 || f.Captured.UnixMilli() != r.Timestamp {
				t.Fatalf("%+v, %v", f.ID(), err)
			}
			n++
		}
	}
	if n != 68 {
		t.Errorf("%d frames", n)
	}
}

func TestAnInterruptedRunSendsWhatItHasCapturedAndSaysSo(t *testing.T) {
	b := start(t, nil)
	cfg := configOf(film(t, "film", "scene:seed=1&size=64x48&frames=100&fps=10"))
	cfg.Cameras[0].Passes = 0
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	opts := options(b)
	opts.Interval = time.Millisecond
	opts.Progress = func(s Summary) {
		if s.Total().Sent > 250 {
			cancel()
		}
	}
	summary, err := Run(ctx, cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	total := summary.Total()
	if got := len(ids(t, b)); int64(got) != total.Sent || total.Unsent != 0 || total.Captured-total.Sent > waiting+3 {
		t.Errorf("%d in the log, %v", got, total)
	}
}

func TestWhatCannotBeFlushedInTimeIsCounted(t *testing.T) {
	b := start(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	opts := options(b)
	opts.FlushTimeout, opts.Interval = 50*time.Millisecond, time.Millisecond
	b.Fail(broker.Produce, broker.NotLeader, -1)
	opts.Progress = func(s Summary) {
		if s.Total().Unsent > 10 {
			cancel()
		}
	}
	summary, err := Run(ctx, configOf(film(t, "film", "scene:seed=1&size=64x48&frames=100000&fps=1000")), opts)
	if !errors.Is(err, publish.ErrGivenUp) || summary.Total().Sent != 0 || summary.Total().Unsent <= 10 {
		t.Errorf("%v, %v", err, summary.Total())
	}
	var out bytes.Buffer
	summary.Write(&out)
	if !strings.Contains(out.String(), " not acknowledged") {
		t.Error(out.String())
	}
}

func TestFramesThatBrokersWouldRefuseWaitForTheirTime(t *testing.T) {
	b := start(t, nil)
	c := film(t, "film", "scene:seed=1&size=64x48&frames=1000&fps=1")
	now := c.Start.Add(-maxAhead)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	opts := options(b)
	opts.now = func() time.Time { return now.Add(100 * time.Second) }
	opts.Interval = time.Millisecond
	opts.Progress = func(s Summary) {
		if s.Total().Captured > 101+waiting { // as far as it gets without time going on
			cancel()
		}
	}
	summary, err := Run(ctx, configOf(c), opts)
	if err != nil || summary.Total().Sent != 101 {
		t.Errorf("%v, %v", summary.Total(), err)
	}
}

func logTo(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
