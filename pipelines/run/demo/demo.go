// Package demo is the whole way of a frame in one process, with nothing else started: two
// films as cameras, an embedded Kafka, the analyses on the direct runner, the archive, and
// pictures to look at.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/framebeam/framebeam/console"
	"github.com/framebeam/framebeam/ingest/collector"
	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/publish"
	"github.com/framebeam/framebeam/monitor/inputs"
	"github.com/framebeam/framebeam/monitor/server"
	"github.com/framebeam/framebeam/pipelines/archive/copying"
	"github.com/framebeam/framebeam/pipelines/job"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/pipelines/render/rendering"
	"github.com/framebeam/framebeam/testdata/samples"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/picture"
	"github.com/framebeam/framebeam/transforms/plan"
	"github.com/framebeam/framebeam/transforms/result"
)

const (
	topic      = "frames"
	partitions = 2
	// chunkSize is small, so that the films fill some chunks.
	chunkSize = 256
	// interval is how often progress is shown.
	interval = time.Second
)

// films play the cameras. The start of each is fixed, so that the frames are
// the same on every machine.
var films = []struct{ camera, file, start string }{
	{"pedestrians", "vtest.avi", "2024-05-01T08:00:00Z"},
	{"megamind", "Megamind.avi", "2024-05-01T08:00:30Z"},
}

// looking is what is looked for in them.
const looking = `quality: true
motion: true
cuts: true
perceptual_hash: true
histogram: true
cameras:
  - match: pedestrians
    background: true
    tracking: true
    activity: {square: true}
    lines: {crossing: {points: [[0.5, 0.1], [0.5, 1]]}}
    zones: {grass: {polygon: [[0, 0.4], [0.35, 0.4], [0.35, 1], [0, 1]], loiter: 20s}}
    health: true
    cuts: false
`

// What a run leaves in its folder.
const (
	camerasFile    = "cameras.yaml"
	analysesFile   = "analyses.yaml"
	analysisFolder = "analysis"
	archiveFolder  = "archive"
)

// Run does everything, into the folder out, and says what it found, and where. With an
// address to serve at it then serves the page over all that until ctx ends.
func Run(ctx context.Context, out, serve string) error {
	began := time.Now()
	if err := clear(out); err != nil {
		return err
	}
	var page net.Listener
	if serve != "" {
		// First, so that nobody waits for a page whose address another program has.
		var err error
		if page, err = (&net.ListenConfig{}).Listen(ctx, "tcp", serve); err != nil {
			return fmt.Errorf("serve the page: %w", err)
		}
		defer page.Close()
	}
	kafka, err := broker.Start(broker.Options{Topics: []broker.Topic{{Name: topic, Partitions: partitions}}})
	if err != nil {
		return err
	}
	defer kafka.Close()
	spec := log.Spec{Kind: "kafka", Brokers: kafka.Addrs()}

	fmt.Printf("== capture: %d films as cameras, to an embedded Kafka at %s\n", len(films), strings.Join(kafka.Addrs(), ","))
	if err := capture(ctx, out, kafka.Addrs()); err != nil {
		return err
	}
	start, errStart := plan.Start("earliest")
	until, errUntil := plan.Until("now")
	if err := errors.Join(errStart, errUntil); err != nil {
		return err
	}
	config := filepath.Join(out, analysesFile)
	if err := os.WriteFile(config, []byte(looking), 0o644); err != nil {
		return fmt.Errorf("write the analyses' configuration: %w", err)
	}
	wanted, err := profiles.Load(config)
	if err != nil {
		return err
	}
	stages, err := wanted.Stages()
	if err != nil {
		return err
	}
	fmt.Printf("== analyse: what %s says, on the direct runner\n", config)
	analysis := job.Job{
		Runner: launch.Direct, Log: spec, Topic: topic, Output: filepath.Join(out, analysisFolder), N: chunkSize,
		Start: start, Until: until, Analyses: stages, Pictures: picture.WithDetections, Progress: interval,
	}
	analysed := time.Now()
	parts, err := analysis.Run(ctx)
	if err != nil {
		return err
	}
	var frames int64
	for _, p := range parts {
		frames += p.To - p.From
	}
	took := time.Since(analysed).Seconds()
	fmt.Printf("analysed and written: %d frames in %.1f s, %.0f frames/s\n", frames, took, float64(frames)/took)

	fmt.Println("== archive: the frames as they lie in Kafka")
	archive := copying.Job{
		Runner: launch.Direct, Log: spec, Topic: topic, Archive: filepath.Join(out, archiveFolder), N: chunkSize,
		Start: start, Until: until, Progress: interval,
	}
	if _, err := archive.Run(ctx); err != nil {
		return err
	}
	if err := report(ctx, &analysis, spec); err != nil {
		return err
	}
	fmt.Printf("everything took %.0f s\n", time.Since(began).Seconds())
	if page == nil {
		fmt.Printf("\nIn a browser, at http://127.0.0.1:8088/:  %s monitor --output %s --archive %s\n(make run SERVE=1 keeps serving the page when it is done.)\n",
			self(), analysis.Output, archive.Archive)
		return nil
	}
	return show(ctx, page, out, spec, &analysis, archive.Archive)
}

// show serves the page over what was made.
func show(ctx context.Context, l net.Listener, out string, spec log.Spec, analysis *job.Job, archive string) error {
	s, err := server.New(server.Options{Inputs: inputs.Options{
		Brokers: spec.Brokers, Topic: topic, Output: analysis.Output, Archive: archive,
		Cameras: filepath.Join(out, camerasFile), Analyses: filepath.Join(out, analysesFile),
	}})
	if err != nil {
		return err
	}
	fmt.Printf("\nThe page is at http://%s/ until this is interrupted (Ctrl-C).\n", l.Addr())
	return s.Serve(ctx, l)
}

// clear removes what an earlier run left, and nothing else.
func clear(out string) error {
	entries, err := os.ReadDir(out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("output folder: %w", err)
	}
	ours := []string{camerasFile, analysesFile, analysisFolder, archiveFolder}
	for _, e := range entries {
		if !slices.Contains(ours, e.Name()) {
			return fmt.Errorf("output folder %s: it holds %s, which is not of an earlier run; choose another with --into", out, e.Name())
		}
	}
	for _, name := range ours {
		if err := os.RemoveAll(filepath.Join(out, name)); err != nil {
			return fmt.Errorf("remove what an earlier run left: %w", err)
		}
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("output folder: %w", err)
	}
	return nil
}

// capture publishes the films, merged by capture time.
func capture(ctx context.Context, out string, brokers []string) error {
	var yaml strings.Builder
	yaml.WriteString("cameras:\n")
	for _, f := range films {
		path, err := samples.Path(f.file)
		if err != nil {
			return err
		}
		fmt.Fprintf(&yaml, "  - id: %s\n    source: %s\n    start: %s\n", f.camera, path, f.start)
	}
	file := filepath.Join(out, camerasFile)
	if err := os.WriteFile(file, []byte(yaml.String()), 0o644); err != nil {
		return fmt.Errorf("write the cameras' configuration: %w", err)
	}
	cfg, err := config.Load(file, config.CloudEvents)
	if err != nil {
		return err
	}
	s, err := collector.Run(ctx, cfg, collector.Options{
		Publish:     publish.Options{Brokers: brokers, Topic: topic},
		BufferBytes: 64 << 20,
		Interval:    interval,
		Progress: func(s collector.Summary) {
			t := s.Total()
			console.Default().Progress(fmt.Sprintf("captured %d  published %d", t.Captured, t.Sent),
				slog.Int64("captured", t.Captured), slog.Int64("published", t.Sent))
		},
	})
	console.Default().EndProgress()
	if err != nil {
		return err
	}
	t := s.Total()
	fmt.Printf("captured and published: %d frames, %.0f MB, in %.1f s, %.0f frames/s\n",
		t.Sent, float64(t.Bytes)/1e6, s.Elapsed.Seconds(), float64(t.Sent)/s.Elapsed.Seconds())
	return ctx.Err()
}

// report draws the pictures, of incomplete chunks too, and says what was found
// and where everything is.
func report(ctx context.Context, j *job.Job, spec log.Spec) error {
	draw := rendering.Job{Runner: j.Runner, Log: spec, Output: j.Output, Which: j.Pictures, Sheets: true}
	drawn, err := draw.Run(ctx)
	if err != nil {
		return err
	}
	folder, err := store.Open(ctx, j.Output)
	if err != nil {
		return err
	}
	out, err := output.OpenExisting(ctx, folder)
	if err != nil {
		return err
	}
	var sum result.Summary
	if err := out.Each(ctx, func(_ string, rows []result.Frame, _ bool) error {
		sum.Add(rows)
		return nil
	}); err != nil {
		return err
	}
	fmt.Println("\nFound, by camera:")
	if err := sum.Write(os.Stdout); err != nil {
		return err
	}
	fmt.Println("\nTo look at, one contact sheet per camera:")
	for _, s := range drawn.Sheets {
		fmt.Println("  " + folder.Path(s))
	}
	base := filepath.Dir(folder.Root())
	fmt.Printf(`
Where everything is:
  results   %[1]s/results/**/*.parquet   (chunks not yet full: _partial/results)
  images    %[1]s/images/**/*.zip        (annotated, frames with detections; chunks not yet full: _partial/images)
  archive   %[2]s/frames/**/*.avro       (the frames as they were in Kafka)

Results as text:        %[6]s show --output %[1]s --found
What happened:          %[6]s events --output %[1]s
How often, per camera:  %[6]s counts --output %[1]s --by camera,rule,transition
At a glance:            %[6]s storyboard --output %[1]s --archive %[2]s --page %[3]s/storyboard.html
Analyse them again:     %[6]s reprocess --archive %[2]s --output %[3]s-again --chunk %[4]d --config %[3]s/%[5]s
`, folder.Root(), filepath.Join(base, archiveFolder), base, chunkSize, analysesFile, self())
	return nil
}

// self is how this program is started, or one that has the other commands.
func self() string {
	if filepath.Base(os.Args[0]) == "framebeam" {
		return os.Args[0]
	}
	return "go run ./cmd/framebeam"
}
