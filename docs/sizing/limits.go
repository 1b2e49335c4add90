package main

import (
	"fmt"
	"math"
	"time"
)

// Limits that a layout is held against.
const (
	objectLimit  = 100e6     // files, folders and blocks: some 100 GB of NameNode heap
	entryLimit   = 1_048_576 // of a folder: dfs.namenode.fs-limits.max-directory-items
	createLimit  = 500       // files a second: 155 were measured on 2 cores shared with all else
	smallFile    = 0.1       // of a block
	heldLimit    = 256 << 20 // bytes of results that one key holds until its chunk is complete
	statefulCore = 1.0       // direct: the runner works a stateful stage on about one core
)

// finding is a limit that a layout breaks, or, as a note, a thing to know.
type finding struct {
	note              bool
	what, why, change string
}

// limits returns what is wrong with the layout, the serious first.
func (l *Layout) limits() (all []finding) {
	add := func(broken bool, what, why, change string) {
		if broken {
			all = append(all, finding{false, what, why, change})
		}
	}
	card := l.NetworkGbit * 1e9 / 8
	add(l.readerLoad(1) > 1,
		fmt.Sprintf("one camera needs %.1f cores to be decoded", l.readerLoad(1)),
		"a camera lies in one partition, and a partition is read and decoded by one core",
		"fewer frames per second or pixels at the collector (max_fps, resize)")
	add(l.readerLoad(1) <= 1 && l.ReaderLoad > 1,
		fmt.Sprintf("the busiest partition has %d cameras and needs %.1f cores to be decoded", l.MostCameras, l.ReaderLoad),
		"a partition is read and decoded by one core, so its lag grows for ever",
		"more --partitions (in a new topic: cameras must not move)")
	add(l.ReaderLoad <= 1 && math.IsInf(l.CatchUp, 1),
		fmt.Sprintf("%d slots are busy to %.0f %%", l.Slots, 100*l.ClusterLoad),
		"frames come faster than they are analysed", "more machines, or more --cores of them")
	add(l.Engine == "direct" && l.Slots > l.Cores,
		fmt.Sprintf("the direct runner needs %d cores of %d", l.Slots, l.Cores),
		"it is one process on one machine", "--engine=flink")
	add(l.Engine == "direct" && l.Frames*l.SequenceMs/1000 > statefulCore*l.Utilisation,
		fmt.Sprintf("the sequence stage needs %.1f cores", l.Frames*l.SequenceMs/1000),
		"the direct runner works a stateful stage on about one core", "--engine=flink")
	add(l.State > motionLimit,
		fmt.Sprintf("a camera's state needs %s", bytesText(l.State)),
		"motion has 240 KiB of the limit of 320: frames would have MotionSkipped instead of motion",
		"resize at the collector, or raise state_limit and plan its checkpoints")
	add(l.Fill > l.Latency.Seconds(),
		fmt.Sprintf("an average partition fills a chunk in %s", secondsText(l.Fill)),
		fmt.Sprintf("--latency is %v, and a result is in a file only when its chunk is complete", l.Latency),
		"a smaller --chunk, or fewer --partitions")
	add(l.Engine == "spark" && float64(l.Chunk)*l.FrameBytes > l.SliceBytes,
		fmt.Sprintf("a chunk has %s, a slice %s", bytesText(float64(l.Chunk)*l.FrameBytes), bytesText(l.SliceBytes)),
		"Spark holds a slice in memory, and chunks are not cut", "a smaller --chunk, or more --core-memory-gib")
	add(float64(l.Chunk)*sizeHeldRow.value > heldLimit,
		fmt.Sprintf("a chunk's results take %s until it is complete", bytesText(float64(l.Chunk)*sizeHeldRow.value)),
		"they are one key of the sink's state, read as a whole", "a smaller --chunk")
	add(l.Objects > objectLimit,
		fmt.Sprintf("%s NameNode objects", countText(l.Objects)),
		"each takes some 1 KB of NameNode heap with all that belongs to it, and a restart reads them all",
		"keep results, states or the archive for fewer days, a larger --chunk, or several name spaces (federation)")
	add(l.Entries > entryLimit,
		fmt.Sprintf("%s entries in one folder", countText(l.Entries)),
		"HDFS refuses more than 1,048,576", "a larger --chunk, fewer --partitions, or an output per topic")
	add(l.Creates > createLimit,
		fmt.Sprintf("%.0f files a second", l.Creates),
		"one NameNode makes them one after the other", "a larger --chunk")
	add(float64(l.Partitions*l.KafkaReplication)/float64(l.Brokers) > brokerPartitions,
		fmt.Sprintf("%d replicas on a broker", l.Partitions*l.KafkaReplication/l.Brokers),
		"more than 4,000 make a broker's restart and fail-over slow", "fewer --partitions, or more brokers")
	for _, m := range []struct {
		kind string
		rate float64
	}{{"broker", l.Network.Broker}, {"worker", l.Network.Worker}, {"DataNode", l.Network.DataNode},
		{"collector", l.Bytes / float64(l.Collectors)}} {
		add(m.rate > card,
			fmt.Sprintf("a %s moves %s/s one way", m.kind, bytesText(m.rate)),
			fmt.Sprintf("its network card does %.0f Gbit/s", l.NetworkGbit),
			"faster cards, more machines of fewer cores, or smaller frames")
	}
	note := func(is bool, what, why, change string) {
		if is {
			all = append(all, finding{true, what, why, change})
		}
	}
	note(l.Slots > l.Partitions,
		fmt.Sprintf("%d slots, %d partitions", l.Slots, l.Partitions),
		"a slot without a partition reads nothing: only the sequence stage uses it",
		"more --partitions, unless the busiest reader has room")
	note(l.FillSlowest > l.Latency.Seconds() && l.Fill <= l.Latency.Seconds(),
		fmt.Sprintf("the emptiest partition fills a chunk in %s", secondsText(l.FillSlowest)),
		fmt.Sprintf("hashing gives it %d cameras of %.1f on average", l.LeastCameras, float64(l.Cameras)/float64(l.Partitions)),
		"a smaller --chunk, if its files must be sooner")
	block := l.BlockMiB * (1 << 20)
	note(l.ResultsFile < smallFile*block,
		fmt.Sprintf("a results file has %s, a block %.0f MiB", bytesText(l.ResultsFile), l.BlockMiB),
		"the NameNode counts files, not bytes; large blocks are for large files",
		"nothing while the objects are few; else as for them")
	note(l.KeepArchive > 0 && l.ArchiveFile < smallFile*block,
		fmt.Sprintf("an archive file has %s, a block %.0f MiB", bytesText(l.ArchiveFile), l.BlockMiB),
		"the NameNode counts files, not bytes", "a larger --archive-chunk")
	note(l.Retention < time.Duration(l.CatchUp+l.Outage.Seconds())*time.Second,
		fmt.Sprintf("the topic keeps frames for %v", l.Retention),
		"after the outage, frames would be deleted before they are analysed", "a longer --retention")
	return all
}
