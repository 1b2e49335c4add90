package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Workload is what there is to do and on what. The flags say the units.
type Workload struct {
	Cameras          int
	FPS              float64 // of a camera
	Resolution       size
	JPEGBytes        float64 // of a frame on the topic; 0: as the reference frame, by pixels
	Engine           string
	Retention        time.Duration // of the topic
	KeepResults      float64       // days, results and states
	KeepArchive      float64       // days; 0: no archive
	KafkaReplication int
	HDFSReplication  int
	Partitions       int   // 0: recommended
	Chunk            int64 // 0: recommended
	ArchiveChunk     int64 // 0: recommended
	Latency          time.Duration
	Outage           time.Duration
	Utilisation      float64
	Cores            int     // of a machine
	NetworkGbit      float64 // of a machine, each way
	DiskTB           float64 // of a machine that keeps data
	DiskMBs          float64 // that all its disks write together
	CoreMemoryGiB    float64 // Spark: executor's heap per core
	BlockMiB         float64 // HDFS
}

type size struct{ width, height int }

func (s size) String() string { return fmt.Sprintf("%dx%d", s.width, s.height) }

func (s *size) Set(text string) error {
	if n, err := fmt.Sscanf(text, "%dx%d", &s.width, &s.height); n != 2 || err != nil || s.String() != text {
		return fmt.Errorf("%q is not WIDTHxHEIGHT", text)
	}
	return nil
}

// define adds the workload's flags, with their defaults, to fs.
func (w *Workload) define(fs *flag.FlagSet) {
	fs.IntVar(&w.Cameras, "cameras", 100, "`number` of cameras")
	fs.Float64Var(&w.FPS, "fps", 10, "frames per second of a camera")
	w.Resolution = size{640, 480}
	fs.Var(&w.Resolution, "resolution", "`WIDTHxHEIGHT` of a frame on the topic")
	fs.Float64Var(&w.JPEGBytes, "jpeg-bytes", 0, "`bytes` of a frame on the topic (0: 84,851 at 640x480, else by pixels)")
	fs.StringVar(&w.Engine, "engine", "flink", strings.Join(engineNames, ", "))
	fs.DurationVar(&w.Retention, "retention", 6*time.Hour, "how long the topic keeps frames")
	fs.Float64Var(&w.KeepResults, "keep-results", 30, "`days` that results and states are kept")
	fs.Float64Var(&w.KeepArchive, "keep-archive", 7, "`days` that the archive is kept; 0: no archive")
	fs.IntVar(&w.KafkaReplication, "kafka-replication", 3, "`copies` of the topic")
	fs.IntVar(&w.HDFSReplication, "hdfs-replication", 3, "`copies` of a file")
	fs.IntVar(&w.Partitions, "partitions", 0, "`partitions` of the topic (0: recommended)")
	fs.Int64Var(&w.Chunk, "chunk", 0, "`offsets` of a chunk of results (0: recommended)")
	fs.Int64Var(&w.ArchiveChunk, "archive-chunk", 0, "`offsets` of a chunk of the archive (0: recommended)")
	fs.DurationVar(&w.Latency, "latency", 5*time.Minute, "how long a chunk may take to fill")
	fs.DurationVar(&w.Outage, "outage", 10*time.Minute, "an outage to catch up after")
	fs.Float64Var(&w.Utilisation, "utilisation", 0.6, "the part of a core that is planned for; the rest is for catching up")
	fs.IntVar(&w.Cores, "cores", 16, "`cores` of a machine")
	fs.Float64Var(&w.NetworkGbit, "network-gbit", 10, "`Gbit/s` of a machine, each way")
	fs.Float64Var(&w.DiskTB, "disk-tb", 48, "`TB` of disk in a machine that keeps data")
	fs.Float64Var(&w.DiskMBs, "disk-mbs", 1000, "`MB/s` that such a machine's disks write together")
	fs.Float64Var(&w.CoreMemoryGiB, "core-memory-gib", 4, "Spark: `GiB` of an executor's heap per core")
	fs.Float64Var(&w.BlockMiB, "block-mib", 128, "`MiB` of an HDFS block")
}

// validate returns every violation, joined.
func (w *Workload) validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(w.Cameras >= 1 && w.Cameras <= 1e7, "--cameras=%d: must be 1 to 10,000,000", w.Cameras)
	check(slices.Contains(engineNames, w.Engine), "--engine=%s: not one of %s", w.Engine, strings.Join(engineNames, ", "))
	check(w.Resolution.width >= 1 && w.Resolution.height >= 1 && w.Resolution.width <= 1<<15 && w.Resolution.height <= 1<<15,
		"--resolution=%v: must be 1x1 to 32768x32768", w.Resolution)
	check(w.Utilisation > 0 && w.Utilisation < 1, "--utilisation=%v: must lie between 0 and 1", w.Utilisation)
	check(w.Partitions >= 0 && w.Partitions <= 1e7, "--partitions=%d: must be 0 to 10,000,000", w.Partitions)
	for _, f := range []struct {
		name string
		v    float64
		ok   bool // 0 is allowed
	}{
		{"fps", w.FPS, false}, {"jpeg-bytes", w.JPEGBytes, true}, {"retention", float64(w.Retention), false},
		{"keep-results", w.KeepResults, false}, {"keep-archive", w.KeepArchive, true},
		{"kafka-replication", float64(w.KafkaReplication), false}, {"hdfs-replication", float64(w.HDFSReplication), false},
		{"chunk", float64(w.Chunk), true}, {"archive-chunk", float64(w.ArchiveChunk), true},
		{"latency", float64(w.Latency), false}, {"outage", float64(w.Outage), true}, {"cores", float64(w.Cores), false},
		{"network-gbit", w.NetworkGbit, false}, {"disk-tb", w.DiskTB, false}, {"disk-mbs", w.DiskMBs, false},
		{"core-memory-gib", w.CoreMemoryGiB, false}, {"block-mib", w.BlockMiB, false},
	} {
		check(f.v > 0 || f.ok && f.v == 0, "--%s=%v: too small", f.name, f.v)
	}
	return errors.Join(errs...)
}

func (w *Workload) pixels() float64 { return float64(w.Resolution.width * w.Resolution.height) }

func (w *Workload) bytes() float64 {
	if w.JPEGBytes > 0 {
		return w.JPEGBytes
	}
	return sizeHeaders.value + (referenceBytes-sizeHeaders.value)*w.pixels()/referencePixels
}

// command is a parsed command line.
type command struct {
	columns  []Workload
	costs    bool
	limits   bool
	simulate bool
	sim      simulation
}

// define are the flags, and what a parsed command line says. Of a workload's flag several
// values may be given, separated by commas: one layout is made for the first of each, one
// for the second, and so on; a flag with fewer values repeats its last one.
func define() (fs *flag.FlagSet, said func(args []string) (command, error)) {
	var c command
	fs = flag.NewFlagSet("sizing", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.BoolVar(&c.costs, "costs", false, "print the costs that everything is computed from")
	fs.BoolVar(&c.limits, "limits", false, "print only what breaks a limit, and notes")
	fs.BoolVar(&c.simulate, "simulate", false, "simulate the layout, with jitter and outages")
	c.sim.define(fs)

	var template Workload
	single := flag.NewFlagSet("sizing", flag.ContinueOnError)
	template.define(single)
	given := map[string][]string{}
	n := 1
	single.VisitAll(func(f *flag.Flag) {
		usage := f.Usage
		if f.DefValue != "0" {
			usage += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		fs.Func(f.Name, usage, func(text string) error {
			given[f.Name] = strings.Split(text, ",")
			n = max(n, len(given[f.Name]))
			return nil
		})
	})
	return fs, func(args []string) (command, error) {
		var errs []error
		if len(args) > 0 {
			errs = append(errs, fmt.Errorf("unknown argument %q", args[0]))
		}
		for i := range n {
			var w Workload
			one := flag.NewFlagSet("sizing", flag.ContinueOnError)
			w.define(one)
			one.VisitAll(func(f *flag.Flag) {
				values := given[f.Name]
				if values == nil {
					return
				}
				if err := f.Value.Set(values[min(i, len(values)-1)]); err != nil {
					errs = append(errs, fmt.Errorf("--%s=%s: %w", f.Name, strings.Join(values, ","), err))
				}
			})
			errs = append(errs, w.validate())
			c.columns = append(c.columns, w)
		}
		errs = append(errs, c.sim.validate())
		return c, errors.Join(errs...)
	}
}
