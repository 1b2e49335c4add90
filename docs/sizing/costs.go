package main

// How a number came about.
const (
	measured = "measured" // on the parts it speaks of
	derived  = "derived"  // from measurements, as its source says
	bound    = "at most"  // all that the machine had, client and server together
	assumed  = "assumed"  // not measured: replace it by yours
)

// reference is the frame at which costs were measured: vtest.avi resized to
// 640x480, JPEG of quality 90, with key and headers as it lies on the topic.
const (
	referencePixels = 640 * 480
	referenceBytes  = 84_851
)

// unit says what a cost grows with.
type unit int

const (
	perFrame      unit = iota // the same for every frame
	perPixels                 // with pixels; the value is of the reference frame
	perBytes                  // with encoded bytes; the value is of the reference frame
	perMegabyte               // the value is of 10^6 bytes
	bytesPerFrame             // not time but bytes
	bytesPerPixel
	bytesPerFile
	bytesPerCamera
)

func (u unit) String() string {
	return [...]string{"ms/frame", "ms/frame, grows with pixels", "ms/frame, grows with bytes", "ms/MB",
		"B/frame", "B/pixel", "B/file", "B/camera"}[u]
}

// cost is what something takes, and where the number is from.
type cost struct {
	name   string
	value  float64
	unit   unit
	kind   string
	source string
}

// The costs. Times are CPU milliseconds of one core of an AMD EPYC (2 cores).
// This is the only place with such numbers: measure anew, replace, and run
//
//	go test ./docs/sizing -rewrite
//
// which writes the tables of docs/scale.md again.
var (
	costCollect = cost{"collector: capture, resize, encode", 5.4, perPixels, derived,
		"make bench: 268 frames/s on 1.45 cores; MPEG-4 of 768x576, cubic resize"}
	costRead = cost{"source: fetch and check", 0.05, perBytes, derived,
		"make bench, share of its CPU profile in 1.61 ms"}
	costDecode = cost{"decode JPEG to gray", 0.80, perPixels, derived,
		"make bench, share of its CPU profile in 1.61 ms; 0.7 to 0.9 in a bare loop"}
	costQuality = cost{"quality", 0.10, perPixels, derived,
		"make bench, share of its CPU profile in 1.61 ms"}
	costMotion = cost{"motion: blur, difference, contours, state", 0.24, perPixels, derived,
		"make bench, share of its CPU profile in 1.61 ms"}
	costArchive = cost{"archive: fetch, write Avro", 2.1, perMegabyte, derived,
		"Kafka client 1.0 s per 600 MB, Avro encoder 2.7 GB/s"}
	costBrokerWrite = cost{"broker: take a record, per replica", 15, perMegabyte, bound,
		"133 MB/s of 50 KB records, broker and client on 2 cores"}
	costBrokerRead = cost{"broker: give a record", 3.3, perMegabyte, bound,
		"601 MB/s, broker and client on 2 cores"}
	costHDFSWrite = cost{"DataNode: take a block, per replica", 7.3, perMegabyte, bound,
		"273 MB/s, NameNode, DataNode and client on 2 cores"}

	sizeHeaders = cost{"key and headers of a record", 330, bytesPerFrame, measured,
		"CloudEvents attributes of the collector's record"}
	sizeArchive = cost{"archive: beside the record", 100, bytesPerFrame, measured,
		"make run: 84,934 B/frame in a file of 256"}
	sizeRow = cost{"results: a row", 85, bytesPerFrame, measured,
		"make run: files of 27 and of 256 frames, 3 to 4 boxes a frame"}
	sizeResults = cost{"results: a file without rows", 7_100, bytesPerFile, measured,
		"make run: the same files"}
	sizeState = cost{"state of a camera beside the previous frame", 1_000, bytesPerCamera, measured,
		"make run: states files of one camera"}
	sizePacked = cost{"previous frame, packed where its JPEG does not fit", 0.43, bytesPerPixel, measured,
		"130 KB at 640x480"}
	sizeHeldRow = cost{"a result held until its chunk is complete", 300, bytesPerFrame, assumed,
		"its columns, uncompressed"}
	sizeRestriction = cost{"position of a partition's reader, each", 1_350, bytesPerFile, measured,
		"Flink 1.19, a few cameras"}
	sizeRestrictionCamera = cost{"the same, for each of its cameras", 24, bytesPerCamera, measured,
		"8.7 KB with 300 cameras"}
)

// engineCost is what an engine adds to a frame: all that is not the stages' own.
type engineCost struct {
	worker, runner cost // in the Go worker, in the engine's JVM
}

// The engines, from make bench-engines on another processor, where the direct runner
// took 2.56 to 2.83 ms: what is below is in proportion to the 1.61 ms here. Starting a
// job does not count: on Spark that is 1 s of CPU for each slice, and some 15 to 30 s where
// each has executors of its own.
var engines = map[string]engineCost{
	"direct": {
		cost{"direct: Beam, garbage collection, files", 0.42, perBytes, derived, "make bench: what is left of 1.61 ms"},
		cost{"direct: runner", 0, perBytes, measured, "in the same process"},
	},
	"flink": {
		cost{"flink: Go worker", 0.86, perBytes, derived, "make bench-engines: 1.27 times the direct runner, less the stages"},
		cost{"flink: TaskManager", 1.15, perBytes, derived, "make bench-engines: live 1.99 times the direct runner, less the Go worker"},
	},
	"spark": {
		cost{"spark: Go worker", 0.86, perBytes, assumed, "as Flink's: the same program"},
		cost{"spark: executor", 1.85, perBytes, derived, "make bench-engines: 2.4 times the direct runner, less the Go worker"},
	},
}

// costs lists all, in the order of a frame's way.
func costs() []cost {
	all := []cost{costCollect, costBrokerWrite, costBrokerRead, costRead, costDecode, costQuality, costMotion}
	for _, name := range engineNames {
		e := engines[name]
		all = append(all, e.worker)
		if e.runner.value > 0 {
			all = append(all, e.runner)
		}
	}
	return append(all, costArchive, costHDFSWrite, sizeHeaders, sizeArchive, sizeRow, sizeResults, sizeState,
		sizePacked, sizeHeldRow, sizeRestriction, sizeRestrictionCamera)
}

var engineNames = []string{"direct", "flink", "spark"}

// of is the CPU time in milliseconds of a frame of so many pixels and bytes.
func (c cost) of(pixels, bytes float64) float64 {
	switch c.unit {
	case perFrame:
		return c.value
	case perPixels:
		return c.value * pixels / referencePixels
	case perBytes:
		return c.value * bytes / referenceBytes
	case perMegabyte:
		return c.value * bytes / 1e6
	}
	panic("sizing: " + c.name + " is no time")
}
