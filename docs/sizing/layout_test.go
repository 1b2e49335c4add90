package main

import (
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/frame"
)

// parse reads a command line.
func parse(args []string) (command, error) {
	fs, said := define()
	if err := fs.Parse(args); err != nil {
		return command{}, err
	}
	return said(fs.Args())
}

// run prints what a command line asks for.
func run(args []string, out io.Writer) error {
	c, err := parse(args)
	if err != nil {
		return err
	}
	return print(out, c)
}

func plan(t *testing.T, args string) Layout {
	t.Helper()
	c, err := parse(strings.Fields(args))
	if err != nil {
		t.Fatal(err)
	}
	return Plan(c.columns[0])
}

func TestTheProgramKnowsThePipelinesConstants(t *testing.T) {
	if blockChunks != chunkfolder.BlockChunks || defaultChunk != chunkfolder.DefaultN {
		t.Errorf("%d chunks share a folder and a chunk has %d offsets; the pipelines say %d and %d",
			blockChunks, defaultChunk, chunkfolder.BlockChunks, chunkfolder.DefaultN)
	}
	if got := profiles.Default().StateLimit * 3 / 4; got != motionLimit {
		t.Errorf("a camera's state is at most %d, the pipelines say %d", motionLimit, got)
	}
	f := frame.Frame{Camera: "camera-00001", Epoch: "20240501T080000.000000000Z-1a2b3c4d", Sequence: 123456,
		Captured: time.Date(2024, 5, 1, 8, 0, 0, 123456789, time.UTC), Encoding: frame.JPEG, Width: 640, Height: 480}
	rec := f.CloudEvent()
	n := float64(len(rec.Key))
	for _, h := range rec.Headers {
		n += float64(len(h.Key) + len(h.Value))
	}
	if math.Abs(n-sizeHeaders.value) > 0.2*sizeHeaders.value {
		t.Errorf("key and headers take %v bytes, the table of costs says %v", n, sizeHeaders.value)
	}
}

func TestCostsOfThePipelineAddUpToWhatWasMeasured(t *testing.T) {
	l := plan(t, "--cameras=1 --engine=direct --jpeg-bytes=84851")
	if got := l.pipelineMs(); math.Abs(got-1.61) > 0.005 {
		t.Errorf("a frame costs %.3f ms on the direct runner, make bench says 1.61", got)
	}
}

func TestALimitThatIsBrokenIsNamed(t *testing.T) {
	for args, want := range map[string]string{
		"--cameras=10000":                                                               "", // the recommended layout
		"--cameras=1 --engine=direct":                                                   "",
		"--cameras=100 --engine=spark":                                                  "",
		"--cameras=1 --fps=60 --resolution=3840x2160":                                   "one camera needs",
		"--cameras=1000 --partitions=4":                                                 "the busiest partition has",
		"--cameras=2000 --engine=direct":                                                "the direct runner needs",
		"--cameras=300 --engine=direct --cores=64":                                      "the sequence stage needs",
		"--cameras=10000 --partitions=100":                                              "664 slots, 100 partitions",
		"--cameras=1 --resolution=1920x1080":                                            "a camera's state needs",
		"--cameras=1 --chunk=65536":                                                     "an average partition fills a chunk in 1h49m14s",
		"--cameras=100 --engine=spark --chunk=65536":                                    "Spark holds a slice in memory",
		"--cameras=100 --partitions=4 --chunk=1048576":                                  "results take",
		"--cameras=10000 --keep-results=365":                                            "NameNode objects",
		"--cameras=2000000 --fps=1 --partitions=2000000 --chunk=2048":                   "entries in one folder",
		"--cameras=10000 --chunk=64":                                                    "files a second",
		"--cameras=10000 --network-gbit=1 --cores=64":                                   "a worker moves",
		"--cameras=10000 --network-gbit=1 --cores=64 --retention=1s -jpeg-bytes=400000": "its network card does 1 Gbit/s",
	} {
		t.Run(args, func(t *testing.T) {
			l := plan(t, args)
			var broken, all []string
			for _, f := range l.limits() {
				all = append(all, f.what+": "+f.why)
				if !f.note {
					broken = append(broken, f.what)
				}
				if f.what == "" || f.why == "" || f.change == "" {
					t.Errorf("a finding says too little: %+v", f)
				}
			}
			if want == "" && broken != nil || !strings.Contains(strings.Join(all, "\n"), want) {
				t.Errorf("found: %q, want %q", all, want)
			}
		})
	}
}

func TestAWrongCommandLineIsRefusedWithAllThatIsWrong(t *testing.T) {
	err := run(strings.Fields("--cameras=0,5 --fps=x --engine=storm --jitter=2s"), io.Discard)
	if err == nil {
		t.Fatal("it was taken")
	}
	for _, want := range []string{"--cameras=0", "--fps=x", "--engine=storm", "--jitter=2s"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: nothing of %s", err, want)
		}
	}
}

// drawWorkload draws a workload that is valid.
func drawWorkload(t *rapid.T) Workload {
	c, err := parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	w := c.columns[0]
	w.Cameras = rapid.IntRange(1, 20_000).Draw(t, "cameras")
	w.FPS = rapid.Float64Range(0.1, 30).Draw(t, "fps")
	w.Engine = rapid.SampledFrom(engineNames).Draw(t, "engine")
	w.JPEGBytes = rapid.Float64Range(5_000, 125_000).Draw(t, "bytes") // half as much again still fits the state
	w.KeepArchive = rapid.Float64Range(0, 30).Draw(t, "archive")
	return w
}

func TestMoreToDoNeverNeedsLess(t *testing.T) {
	for name, more := range map[string]func(*Workload){
		"cameras": func(w *Workload) { w.Cameras *= 2 },
		"frames":  func(w *Workload) { w.FPS *= 1.5 },
		"pixels":  func(w *Workload) { w.Resolution = size{1280, 720} },
		"bytes":   func(w *Workload) { w.JPEGBytes *= 1.5 },
		"copies":  func(w *Workload) { w.KafkaReplication++; w.HDFSReplication++ },
		"days":    func(w *Workload) { w.KeepResults++; w.KeepArchive++; w.Retention *= 2 },
	} {
		t.Run("more "+name, rapid.MakeCheck(func(t *rapid.T) {
			w := drawWorkload(t)
			w.Partitions = rapid.IntRange(1, 1000).Draw(t, "partitions")
			w.Chunk, w.ArchiveChunk = 4096, 4096
			a := Plan(w)
			more(&w)
			b := Plan(w)
			for what, v := range map[string][2]float64{
				"slots": {float64(a.Slots), float64(b.Slots)}, "workers": {float64(a.Workers), float64(b.Workers)},
				"brokers": {float64(a.Brokers), float64(b.Brokers)}, "collectors": {float64(a.Collectors), float64(b.Collectors)},
				"DataNodes": {float64(a.Data), float64(b.Data)}, "objects": {a.Objects, b.Objects},
				"checkpoint": {a.Checkpoint, b.Checkpoint}, "reader": {a.ReaderLoad, b.ReaderLoad},
				"to HDFS": {a.Network.HDFS, b.Network.HDFS}, "shuffle": {a.Network.Shuffle, b.Network.Shuffle},
			} {
				if v[1] < v[0]*(1-1e-9) {
					t.Fatalf("%s: %v, with more %v", what, v[0], v[1])
				}
			}
		}))
	}
}

func TestALargerChunkMakesFewerFilesLater(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorkload(t)
		w.Chunk = rapid.Int64Range(1, 1<<20).Draw(t, "chunk")
		a := Plan(w)
		w.Chunk *= 2
		b := Plan(w)
		if b.FilesDay > a.FilesDay || b.Fill < a.Fill || b.ResultsFile < a.ResultsFile {
			t.Fatalf("%d offsets: %v files a day in %v s; %d: %v in %v s", a.Chunk, a.FilesDay, a.Fill, b.Chunk, b.FilesDay, b.Fill)
		}
	})
}

func TestTheRecommendedLayoutKeepsWhatItIsChosenBy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Plan(drawWorkload(t))
		if l.ReaderLoad > l.Utilisation && l.Partitions < l.Cameras {
			t.Fatalf("%d partitions of %d cameras: the busiest reader is busy to %v", l.Partitions, l.Cameras, l.ReaderLoad)
		}
		if l.Chunk > defaultChunk && l.Fill > l.Latency.Seconds() {
			t.Fatalf("a chunk of %d fills in %v s", l.Chunk, l.Fill)
		}
		if l.Engine == "flink" && l.ClusterLoad > l.Utilisation+1e-9 {
			t.Fatalf("%d slots are busy to %v", l.Slots, l.ClusterLoad)
		}
	})
}

func TestTheExpectedSpreadIsThatOfTheHash(t *testing.T) {
	for _, c := range []struct{ cameras, partitions int }{{100, 3}, {100, 16}, {1000, 64}, {10_000, 64}, {10_000, 664}, {10_000, 2000}} {
		n := counts(spread(c.cameras, c.partitions), c.partitions)
		most, least := expectedMax(c.cameras, c.partitions), expectedMin(c.cameras, c.partitions)
		// One draw of a random maximum lies within some 15 % of its median, or 3.
		near := func(got, want int) bool { return math.Abs(float64(got-want)) <= max(3, 0.15*float64(want)) }
		if !near(slices.Max(n), most) || !near(slices.Min(n), least) {
			t.Errorf("%d cameras on %d partitions: %d to %d, expected %d to %d", c.cameras, c.partitions, slices.Min(n), slices.Max(n), least, most)
		}
	}
	if most, least := expectedMax(7, 1), expectedMin(7, 1); most != 7 || least != 7 {
		t.Errorf("7 cameras on one partition: %d to %d", least, most)
	}
}
