package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/testdata/samples"
)

// film is the film, and configuration what the collector is told of it: its
// defaults, 640x480 and JPEG quality 90.
const (
	film          = "vtest.avi"
	configuration = "cameras:\n  - id: pedestrians\n    source: %s\n    start: 2024-05-01T08:00:00Z\n"
)

type options struct {
	engines  bool
	repeat   int
	only     string
	profiles string
}

// family are comparisons that share measurements.
type family struct {
	name string // of one word, for --only
	rows []row
	// measure gives one sample for each row.
	measure func(context.Context, *bencher) ([]sample, error)
}

var families = []family{
	{"jpeg", []row{
		{"pipeline on JPEG, quality and motion: CPU per frame", "ms", "below 1.6"},
		{"pipeline on JPEG, motion only: CPU per frame", "ms", ""},
	}, measureJPEG},
	{"json", []row{
		{"pipeline on raw JSON, quality and motion: CPU per frame", "ms", ""},
	}, measureJSON},
	{"gzip", []row{
		{"the original's gzip JSON: CPU per frame against plain Python", "ms", "below 1"},
	}, measureGzip},
	{"live", []row{
		{"live, 8 cameras at 10 frames/s, motion: CPU per frame", "ms", "below 2"},
	}, measureLive},
	{"backtest", []row{
		{"backtest of a moved line over reading the rows: frames per second and core", "/s", "20,000/s"},
		{"backtest of motion over the bare loop: CPU per frame", "ms", ""},
	}, measureBacktest},
	{"collector", []row{
		{"collector: frames per second", "/s", "above 0.8"},
		{"collector: CPU per frame", "ms", ""},
	}, measureCollector},
	{"history", []row{
		{"a day of 10 million rows, first event: time over reading its files", "ms", "first in 1000 ms"},
		{"a day of 10 million rows, all events: time over reading its files", "ms", ""},
	}, measureHistory},
	{"graph", []row{
		{"PageRank of 100,000 nodes, their edges found: CPU over a plain loop", "s", ""},
	}, measureGraph},
}

func caseNames() string {
	var names []string
	for _, f := range slices.Concat(families, onServers) {
		names = append(names, f.name)
	}
	return strings.Join(names, ", ")
}

// onServers are the families that need the servers of engines.
var onServers = []family{
	{launch.Flink.Name, []row{
		{"live on Flink over the bare loop: CPU per frame", "ms", ""},
		{"live on Flink over the direct runner: CPU per frame", "ms", "below 2"},
		{"with an end on Flink over the bare loop: CPU per frame", "ms", ""},
		{"with an end on Flink over the direct runner: CPU per frame", "ms", "below 2"},
		{"live on Flink, two partitions: frames/s in 2 slots over 1 slot", "/s", ""},
	}, measureFlink},
	{launch.Spark.Name, []row{
		{"on Spark over the bare loop: CPU per frame", "ms", ""},
		{"on Spark over the direct runner: CPU per frame", "ms", ""},
	}, measureSpark},
}

// bencher runs the work of one bench and keeps what each took.
type bencher struct {
	opts   options
	stock  stock
	dir    string // scratch
	config string // file of the collector's configuration
	totals totals
	live   int64 // frames in each partition of the live topic
}

func bench(ctx context.Context, opts options) error {
	var chosen []family
	all, needed := families, topics
	if opts.engines {
		all, needed = onServers, engineTopics
	}
	for _, f := range all {
		if strings.HasPrefix(f.name, opts.only) {
			chosen = append(chosen, f)
		}
	}
	if len(chosen) == 0 {
		return fmt.Errorf("--only=%s: no case is called so (there are: %s)", opts.only, caseNames())
	}
	dir, err := os.MkdirTemp("", "framebeam-bench-")
	if err != nil {
		return fmt.Errorf("scratch folder: %w", err)
	}
	defer os.RemoveAll(dir)
	path, err := samples.Path(film)
	if err != nil {
		return err
	}
	b := &bencher{opts: opts, dir: dir, config: filepath.Join(dir, "cameras.yaml")}
	if err := os.WriteFile(b.config, fmt.Appendf(nil, configuration, path), 0o644); err != nil {
		return fmt.Errorf("write the collector's configuration: %w", err)
	}
	fmt.Fprintln(os.Stderr, "filling the topics")
	var stop func()
	if b.stock, stop, err = startKafka(ctx, b.config, needed); err != nil {
		return err
	}
	defer stop()

	results := make([][][]sample, len(chosen)) // by family and row
	for n := range opts.repeat {
		for i, f := range chosen {
			fmt.Fprintf(os.Stderr, "measuring %s, %d of %d\n", f.name, n+1, opts.repeat)
			s, err := f.measure(ctx, b)
			if why, ok := errors.AsType[skipped](err); ok {
				fmt.Fprintf(os.Stderr, "SKIPPED %s: %v\n", f.name, why)
				continue
			}
			if err != nil {
				return err
			}
			if results[i] == nil {
				results[i] = make([][]sample, len(f.rows))
			}
			for k := range s {
				results[i][k] = append(results[i][k], s[k])
			}
		}
	}
	return report(os.Stdout, b, chosen, results)
}

// run does work in a process of its own and notes under its label what it took.
func (b *bencher) run(ctx context.Context, label, name string, p params) (cost, error) {
	p.Brokers, p.Config, p.Scratch = b.stock.Brokers, b.config, b.dir
	if b.opts.profiles != "" {
		p.Profile = filepath.Join(b.opts.profiles, strings.ReplaceAll(strings.ReplaceAll(label, ",", ""), " ", "-")+".pprof")
	}
	c, err := run(ctx, name, p)
	if err != nil {
		return c, err
	}
	if p.Frames != 0 && p.Warm == 0 && !p.Live && c.Frames != p.Frames {
		return c, fmt.Errorf("%s: %d frames, want %d", label, c.Frames, p.Frames)
	}
	b.totals.add(label, c)
	return c, nil
}

// analyse measures the pipeline on a short and a long log and returns what the
// frames cost by which they differ, and the boxes found in the long one.
func (b *bencher) analyse(ctx context.Context, label string, p params, short, long int64) (perFrame time.Duration, boxes int64, err error) {
	var costs [2]cost
	for i, frames := range []int64{short, long} {
		p.Frames = frames
		if costs[i], err = b.run(ctx, fmt.Sprintf("%s, %d frames", label, frames), "pipeline", p); err != nil {
			return 0, 0, err
		}
	}
	return marginal(costs[0], costs[1]), costs[1].Boxes, nil
}

// compare measures the bare loop and then the pipeline, with and perhaps also
// without measuring quality, which the bare loop does not. All must find the same.
func (b *bencher) compare(ctx context.Context, topic string, short, long int64, quality ...bool) (all []sample, err error) {
	bare, err := b.run(ctx, "bare loop on "+topic, "bare analysis", params{Topic: topic, Frames: long})
	if err != nil {
		return nil, err
	}
	for _, q := range quality {
		label := "pipeline on " + topic
		if !q {
			label += " without quality"
		}
		perFrame, boxes, err := b.analyse(ctx, label, params{Topic: topic, Quality: q}, short, long)
		if err != nil {
			return nil, err
		}
		if boxes != bare.Boxes {
			return nil, fmt.Errorf("%s: %d boxes, the bare loop finds %d: they do not do the same work", label, boxes, bare.Boxes)
		}
		all = append(all, sample{ms(perFrame), ms(bare.CPU) / float64(bare.Frames)})
	}
	return all, nil
}

func measureJPEG(ctx context.Context, b *bencher) ([]sample, error) {
	return b.compare(ctx, jpegTopic, jpegShort, jpegLong, true, false)
}

func measureJSON(ctx context.Context, b *bencher) ([]sample, error) {
	return b.compare(ctx, jsonTopic, jsonShort, jsonLong, true)
}

func measureCollector(ctx context.Context, b *bencher) ([]sample, error) {
	bare, err := b.run(ctx, "bare loop on the film", "bare collector", params{})
	if err != nil {
		return nil, err
	}
	ours, err := b.run(ctx, "collector on the film", "collector", params{Topic: capturedTopic})
	if err != nil {
		return nil, err
	}
	if ours.Frames != bare.Frames {
		return nil, fmt.Errorf("collector: %d frames, the bare loop reads %d", ours.Frames, bare.Frames)
	}
	return []sample{
		{ours.perSecond(), bare.perSecond()},
		{ms(ours.CPU) / float64(ours.Frames), ms(bare.CPU) / float64(bare.Frames)},
	}, nil
}

func (c cost) perSecond() float64 { return float64(c.Frames) / c.Wall.Seconds() }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
