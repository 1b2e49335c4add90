package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/ingest"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/console"
	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/ingest/collector"
	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/kafka/commitlog"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/pipelines/live"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/retention"
)

func newLive() *cobra.Command {
	c := &cobra.Command{
		Use:   "live [cameras.yaml | source…]",
		Short: "Run everything on this machine: cameras, a Kafka, the analyses and the page",
		Long: `Run everything on this machine, in one process: the cameras, a Kafka whose log outlives it,
the analyses, and the web page. It goes on where it was, whatever ended it.

Cameras are those of a file, as ingest has one, or sources, as they stand in one: an address, a
device, a film, which is played as if it were a camera. All that is kept lies in the folder of
--data: kafka, results, archive, and the two configurations unless they are elsewhere.
Any other command can read the results, and the topics "frames" and "events" of the Kafka.

The frames have a partition for each processor, 4 at most, or what --partitions says at the first
run. --listen off serves no page, --keep forever keeps everything.`,
		Example: "  " + program.This + " cameras.yaml\n" +
			"  " + program.This + " 'rtsp://viewer:${GATE_PASSWORD}@gate.example/stream'\n" +
			"  " + program.This + " cameras.yaml --analyses analyses.yaml --data /var/lib/framebeam --keep 14d --keep-frames 200GB --with-archive",
	}
	l := newLiveLine(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		opts, err := l.check(args)
		if err != nil {
			return program.Wrong(err)
		}
		stop, err := l.measured.Serve()
		if err != nil {
			return err
		}
		defer stop()
		stderr, hide := ingest.Discreet(c.ErrOrStderr(), opts.Cameras)
		opts.Changed = hide
		out := console.Default().Over(stderr)
		console.Use(out)
		opts.Out, opts.Log = c.OutOrStdout(), slog.New(out.Handler(slog.LevelInfo))
		opts.Interval = time.Minute
		if out.Terminal() {
			opts.Interval = launch.Interval
		}
		opts.Progress = func(s collector.Summary) { captured(out, s) }
		return work(c, launch.Command{
			Endless: true,
			Again:   "the next run goes on where this one was",
			Run: func(ctx context.Context) error {
				defer out.EndProgress()
				return live.Run(ctx, opts)
			},
		})
	}
	return c
}

// captured says how far the cameras are.
func captured(out *console.Console, s collector.Summary) {
	t := s.Total()
	rate := float64(t.Sent) / max(s.Elapsed.Seconds(), 0.001)
	out.Progress(fmt.Sprintf("%v %s  (%.0f/s)", s.Elapsed.Round(time.Second), t, rate), slog.Int64("captured", t.Captured),
		slog.Int64("sent", t.Sent), slog.Int64("dropped", t.Dropped), slog.Int64("failures", t.Failures), slog.Float64("per_second", rate))
}

// liveLine is the command line of live.
type liveLine struct {
	flags             *pflag.FlagSet
	data, analyses    string
	alerts            string
	archive, edit     bool
	kafka, keepFrames string
	partitions        int
	chunk             *int64
	zone              *string
	page              *page
	keep              *keeping
	measured          *flags.Metrics
}

func newLiveLine(c *cobra.Command) *liveLine {
	l := &liveLine{flags: c.Flags()}
	f := l.flags
	f.StringVar(&l.data, "data", "framebeam-data", "the `folder` of all that is kept; made if it is not there")
	f.StringVar(&l.analyses, "analyses", "", "the `file` that says what is looked for (default: analyses.yaml in the data folder, begun with what is usual)")
	f.StringVar(&l.alerts, "alerts", "", "the `file` of alert's rules")
	f.BoolVar(&l.archive, "with-archive", false, "archive all frames too: they are kept as long as results, beyond what the log has")
	f.StringVar(&l.kafka, "kafka-listen", "127.0.0.1:9092", "the `address` of the embedded Kafka, for other programs; whoever reaches it may read and write everything")
	f.StringVar(&l.keepFrames, "keep-frames", "20%", "how much of the disk frames may take up in the log, the oldest go first: a `size`, 200GB, or a part of the disk, 20%")
	f.IntVar(&l.partitions, "partitions", 0, "`number` of partitions of a topic that is created")
	l.chunk = flags.Chunk(f, chunkfolder.DefaultN)
	f.BoolVar(&l.edit, "edit", false, "let the page change the files of cameras and analyses; they are checked first")
	l.zone = flags.Zone(f)
	l.page = newPage(f)
	l.keep = newKeepingPinned(f)
	keep := f.Lookup("keep")
	keep.DefValue, l.keep.age = "30d", "30d"
	l.measured = flags.ListenMetrics(c, "localhost:9464")
	_ = c.MarkFlagFilename("analyses", "yaml", "yml")
	_ = c.MarkFlagFilename("alerts", "yaml", "yml")
	_ = c.MarkFlagDirname("data")
	return l
}

// check lists everything that is wrong with the command line and the files it names. Files
// that are not there are begun when nothing is wrong.
func (l *liveLine) check(args []string) (opts live.Options, err error) {
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	if strings.TrimSpace(l.data) == "" {
		note(errors.New("--data names no folder"))
	}
	if opts.Data.Folder, err = filepath.Abs(l.data); err != nil {
		note(err)
	}
	opts.Kafka, opts.Archive, opts.Chunk, opts.Metrics = l.kafka, l.archive, *l.chunk, l.measured.Endpoint
	note(checkChunk(l.flags, opts.Chunk))
	switch {
	case l.partitions < 0 || l.partitions > 64:
		note(fmt.Errorf("--partitions=%d: not 1 to 64", l.partitions))
	case l.partitions == 0:
		opts.Partitions = min(runtime.GOMAXPROCS(0), 4)
	default:
		opts.Partitions = l.partitions
	}
	opts.KeepFrames, err = framesSize(l.keepFrames, opts.Data.Folder)
	note(err)
	if l.flags.Changed("keep-rules") && !l.flags.Changed("keep") {
		l.keep.age = "" // the rules say it
	}
	opts.Keep, err = l.keep.rules()
	note(err)
	if l.page.listen != "off" {
		opts.Page = l.page.listen
		opts.PageOptions, err = l.page.options()
		note(err)
		opts.PageOptions.Edit = l.edit
		opts.PageOptions.Inputs.Zone, err = period.Zone(*l.zone)
		note(err)
	}
	begin := map[string][]byte{}
	note(l.cameras(&opts, args, begin))
	note(l.looked(&opts, begin))
	if l.alerts != "" {
		opts.Alerts, err = loadAlerts(l.alerts)
		note(err)
	}
	if err := errors.Join(errs...); err != nil {
		return opts, err
	}
	if len(begin) > 0 {
		if err := opts.Data.Make(); err != nil {
			return opts, err
		}
	}
	for file, content := range begin {
		begun, err := live.Begin(file, content)
		if err != nil {
			return opts, err
		}
		if begun {
			console.Default().Say("begun: %s", file)
		}
	}
	return opts, nil
}

// cameras are those of a file, or of sources, of which a file is made.
func (l *liveLine) cameras(opts *live.Options, args []string, begin map[string][]byte) (err error) {
	file := opts.Data.Cameras()
	sources := args
	if len(args) == 1 && (strings.HasSuffix(args[0], ".yaml") || strings.HasSuffix(args[0], ".yml")) {
		file, sources = args[0], nil
	}
	if opts.CamerasFile, err = filepath.Abs(file); err != nil {
		return err
	}
	if len(sources) == 0 {
		if _, missing := os.Stat(file); len(args) == 0 && missing != nil {
			return errors.New("no cameras: name a file of cameras, or a source such as an RTSP address, a device or a film")
		}
		if opts.CamerasText, err = os.ReadFile(file); err != nil {
			return fmt.Errorf("read cameras: %w", err)
		}
		opts.Cameras, err = config.LoadContent(opts.CamerasText, opts.CamerasFile, config.CloudEvents)
		return err
	}
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	text, err := live.Sources(sources, here, os.LookupEnv)
	if err != nil {
		return err
	}
	switch have, err := os.ReadFile(file); {
	case os.IsNotExist(err):
		begin[file] = text
	case err != nil:
		return err
	case string(have) != string(text):
		return fmt.Errorf("%s has other cameras than these sources: run live without any, change the file, or choose another --data", file)
	}
	opts.CamerasText = text
	opts.Cameras, err = config.LoadContent(text, file, config.CloudEvents)
	return err
}

// looked is what is looked for.
func (l *liveLine) looked(opts *live.Options, begin map[string][]byte) (err error) {
	file := l.analyses
	if file == "" {
		file = opts.Data.Analyses()
	}
	if opts.AnalysesFile, err = filepath.Abs(file); err != nil {
		return err
	}
	opts.AnalysesText, err = os.ReadFile(opts.AnalysesFile)
	if l.analyses == "" && os.IsNotExist(err) {
		opts.AnalysesText, err = live.DefaultAnalyses, nil
		begin[opts.AnalysesFile] = live.DefaultAnalyses
	}
	if err != nil {
		return fmt.Errorf("read analyses: %w", err)
	}
	if opts.Analyses, err = profiles.Parse(opts.AnalysesFile, opts.AnalysesText); err != nil {
		return err
	}
	_, err = opts.Analyses.Stages() // looks at the files that analyses name
	return err
}

// minFrames is the least that the log may keep: some segments for each partition.
const minFrames = 1 << 30

// framesSize is how many bytes a size or a part of the disk are on which a folder is, or will
// be.
func framesSize(text, folder string) (bytes int64, err error) {
	fail := func(err error) (int64, error) { return 0, fmt.Errorf("--keep-frames=%s: %w", text, err) }
	if number, ok := strings.CutSuffix(text, "%"); ok {
		part, err := strconv.ParseFloat(number, 64)
		if err != nil || part <= 0 || part > 95 {
			return fail(errors.New("not 1% to 95% of the disk"))
		}
		for {
			_, total, err := commitlog.Disk(folder)
			if err == nil {
				return max(int64(float64(total)*part/100), minFrames), nil
			}
			above := filepath.Dir(folder)
			if !errors.Is(err, os.ErrNotExist) || above == folder {
				return fail(err)
			}
			folder = above
		}
	}
	if bytes, err = retention.ParseSize(text); err != nil {
		return fail(err)
	}
	if bytes < minFrames {
		return fail(errors.New("less than 1GiB"))
	}
	return bytes, nil
}
