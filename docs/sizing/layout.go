package main

import (
	"math"
	"time"
)

// What the program and its engines fix.
const (
	day              = 24 * time.Hour
	motionLimit      = 240 << 10 // of a camera: three quarters of analyses' state_limit, where motion is alone
	blockChunks      = 4096      // chunks that share a folder: transforms/files/chunkfolder.BlockChunks
	defaultChunk     = 2048      // --chunk of the pipelines
	checkpointSecs   = 10        // runner-configs/flink
	diskFill         = 0.8       // a disk that is fuller is full
	networkFill      = 0.7       // planned for; the rest is for catching up and re-replication
	archiveBlocks    = 16        // the most blocks of an archive file: what is read again when its writer dies
	sliceOfHeap      = 8         // Spark: a slice is an eighth of an executor core's heap, as the default of --slice-bytes
	brokerPartitions = 4000      // replicas on a broker
)

// Layout is how a workload is laid out, and what it amounts to. Rates are per
// second; times of CPU are milliseconds per frame.
type Layout struct {
	Workload
	Frames, FrameBytes, Bytes float64 // per second, of one, per second

	Partitions                         int
	MostCameras, LeastCameras          int // of a partition, expected
	Chunk, ArchiveChunk                int64
	SliceBytes                         float64 // Spark
	CollectMs, BrokerMs                float64
	SourceMs, SequenceMs, EngineMs     float64
	ArchiveMs, HDFSMs                  float64
	Collectors, Brokers, Workers, Data int // machines
	Slots                              int
	RunnerGB, WorkerGB                 float64 // memory of a machine's TaskManager or executor, and of its Go worker

	State, Checkpoint       float64 // bytes
	ResultsFile, StatesFile float64 // bytes
	ArchiveFile             float64
	ResultsDay, StatesDay   float64 // bytes, one copy
	ArchiveDay              float64
	FilesDay, ObjectsDay    float64
	Objects, Creates        float64 // standing; per second
	Entries                 float64 // of the largest folder
	Retained                float64 // retention.bytes: what the busiest partition takes in that time
	Fill, FillSlowest       float64 // seconds that a chunk takes to fill
	ReaderLoad, ClusterLoad float64 // of the busiest reader's core, of all cores
	CatchUp                 float64 // seconds after Outage; +Inf if never
	Network                 network
}

// network is bytes per second: of everything, and of the busiest direction of
// the network card of one machine of each kind.
type network struct {
	Collect, Replicate, Read, Shuffle, Results, HDFS float64
	Broker, Worker, DataNode                         float64
}

// Plan makes the layout. The recommendations, where the workload leaves them open:
//
//   - slots: the CPU that frames need, over the utilisation; workers: slots over cores.
//   - partitions: one per slot, and more until the busiest reader, which has the
//     most cameras and one core, keeps below the utilisation.
//   - chunk: the largest power of two that an average partition fills within the
//     latency, at least the default; on Spark no larger than a slice.
//   - archive chunk: the same, and at most 16 blocks.
func Plan(w Workload) Layout {
	l := Layout{Workload: w, Frames: float64(w.Cameras) * w.FPS, FrameBytes: w.bytes()}
	l.Bytes = l.Frames * l.FrameBytes
	l.cpu()
	l.partitions()
	l.chunks()
	l.files()
	l.state()
	l.machines()
	l.catchUp()
	return l
}

// cpu computes times per frame, slots and workers. With more workers than one
// the decoded frame is rarely where the camera's state is, and is decoded again;
// so the number of workers depends on itself.
func (l *Layout) cpu() {
	of := func(c cost) float64 { return c.of(l.pixels(), l.FrameBytes) }
	e := engines[l.Engine]
	l.CollectMs = of(costCollect)
	l.SourceMs = of(costRead) + of(costDecode) + of(costQuality)
	l.EngineMs = of(e.worker) + of(e.runner)
	readers := 1.0
	if l.KeepArchive > 0 {
		readers, l.ArchiveMs = 2, of(costArchive)
	}
	l.BrokerMs = of(costBrokerWrite)*float64(l.KafkaReplication) + of(costBrokerRead)*(readers+float64(l.KafkaReplication-1))
	for l.Workers = 1; ; l.Workers++ {
		l.SequenceMs = of(costMotion) + l.remote()*of(costDecode)
		cores := l.Frames * l.pipelineMs() / 1000 / l.Utilisation
		l.Slots = max(1, ceil(cores))
		need := ceil(float64(l.Slots) / float64(l.Cores))
		if need <= l.Workers || l.Engine == "direct" {
			return
		}
		l.Workers = max(l.Workers, need-1)
	}
}

// remote is the part of the frames whose camera's state is on another worker.
func (l *Layout) remote() float64 { return 1 - 1/float64(l.Workers) }

func (l *Layout) pipelineMs() float64 { return l.SourceMs + l.SequenceMs + l.EngineMs }

func (l *Layout) partitions() {
	l.Partitions = l.Workload.Partitions
	if l.Partitions == 0 {
		l.Partitions = min(l.Slots, l.Cameras)
		for l.Partitions < l.Cameras && l.readerLoad(expectedMax(l.Cameras, l.Partitions)) > l.Utilisation {
			l.Partitions = min(l.Cameras, l.Partitions+max(1, l.Partitions/16))
		}
	}
	l.MostCameras, l.LeastCameras = expectedMax(l.Cameras, l.Partitions), expectedMin(l.Cameras, l.Partitions)
	l.ReaderLoad = l.readerLoad(l.MostCameras)
	l.Retained = float64(l.MostCameras) * l.FPS * l.FrameBytes * l.Retention.Seconds()
}

// readerLoad is the part of a core that the reader of so many cameras needs.
func (l *Layout) readerLoad(cameras int) float64 {
	return float64(cameras) * l.FPS * l.SourceMs / 1000
}

// rate is the frames per second of an average partition.
func (l *Layout) rate() float64 { return l.Frames / float64(l.Partitions) }

func (l *Layout) chunks() {
	l.SliceBytes = l.CoreMemoryGiB * (1 << 30) / sliceOfHeap
	within := l.rate() * l.Latency.Seconds()
	l.Chunk, l.ArchiveChunk = l.Workload.Chunk, l.Workload.ArchiveChunk
	if l.Chunk == 0 {
		l.Chunk = max(defaultChunk, power(within))
		if l.Engine == "spark" {
			l.Chunk = min(l.Chunk, power(l.SliceBytes/l.FrameBytes))
		}
	}
	if l.ArchiveChunk == 0 {
		l.ArchiveChunk = max(defaultChunk, min(power(within), power(archiveBlocks*l.BlockMiB*(1<<20)/l.FrameBytes)))
	}
	l.Fill = float64(l.Chunk) / l.rate()
	l.FillSlowest = float64(l.Chunk) / (l.FPS * float64(max(1, l.LeastCameras)))
}

func (l *Layout) files() {
	n := float64(l.Chunk)
	cameras := min(float64(l.Cameras)/float64(l.Partitions), n)
	l.State = l.cameraState()
	l.ResultsFile = sizeResults.value + sizeRow.value*n
	l.StatesFile = max(1, cameras) * l.held()
	l.ArchiveFile = float64(l.ArchiveChunk) * (l.FrameBytes + sizeArchive.value)

	framesDay := l.Frames * day.Seconds()
	chunks, archived := framesDay/n, framesDay/float64(l.ArchiveChunk)
	if l.KeepArchive == 0 {
		archived = 0
	}
	l.ResultsDay, l.StatesDay, l.ArchiveDay = chunks*l.ResultsFile, chunks*l.StatesFile, archived*l.ArchiveFile
	block := l.BlockMiB * (1 << 20)
	results := chunks * (2 + math.Ceil(l.ResultsFile/block) + math.Ceil(l.StatesFile/block))
	archive := archived * (1 + math.Ceil(l.ArchiveFile/block))
	l.FilesDay, l.ObjectsDay = 2*chunks+archived, results+archive
	p := float64(l.Partitions)
	folders := func(chunks float64) float64 { return p * (1 + math.Ceil(chunks/p/blockChunks)) }
	l.Objects = results*l.KeepResults + archive*l.KeepArchive + 2*folders(chunks*l.KeepResults) + folders(archived*l.KeepArchive)
	l.Creates = l.FilesDay / day.Seconds()
	l.Entries = max(p, blockChunks, math.Ceil(max(chunks*l.KeepResults, archived*l.KeepArchive)/p/blockChunks))
	written := (l.ResultsDay + l.StatesDay + l.ArchiveDay) / framesDay // bytes per frame
	l.HDFSMs = costHDFSWrite.of(l.pixels(), written) * float64(l.HDFSReplication)
}

// held is the state that is really kept: a frame that does not fit is not.
func (l *Layout) held() float64 {
	if l.State > motionLimit {
		return sizeState.value
	}
	return l.State
}

// cameraState is what motion needs to keep of a camera: the previous frame's
// JPEG, or packed where that is too large.
func (l *Layout) cameraState() float64 {
	if s := l.FrameBytes + sizeState.value; s <= motionLimit {
		return s
	}
	return sizePacked.value*l.pixels() + sizeState.value
}

func (l *Layout) state() {
	p := float64(l.Partitions)
	keyed := float64(l.Cameras) * l.held()
	held := p * float64(l.Chunk) / 2 * sizeHeldRow.value
	restriction := sizeRestriction.value + sizeRestrictionCamera.value*float64(l.Cameras)/p
	l.Checkpoint = keyed + held + p*restriction
	perWorker := l.Checkpoint / float64(l.Workers)
	slots := math.Ceil(float64(l.Slots) / float64(l.Workers))
	switch l.Engine {
	case "direct":
		l.WorkerGB = 1 + perWorker/1e9
	case "flink":
		// runner-configs/flink gives 2.1 GB to two slots. Twice the state: a
		// snapshot is written while it changes.
		l.RunnerGB = 1.1 + 0.5*slots + 2*perWorker/1e9
		l.WorkerGB = 0.5 + 0.1*slots
	case "spark":
		l.RunnerGB = slots * l.CoreMemoryGiB * (1 << 30) / 1e9
		l.WorkerGB = 0.5 + 0.1*slots
	}
}

func (l *Layout) machines() {
	k, h := float64(l.KafkaReplication), float64(l.HDFSReplication)
	readers := 1.0
	if l.KeepArchive > 0 {
		readers = 2
	}
	results, kept := (l.ResultsDay+l.StatesDay)/day.Seconds(), l.ArchiveDay/day.Seconds()
	n := &l.Network
	n.Collect, n.Replicate, n.Read = l.Bytes, l.Bytes*(k-1), l.Bytes*readers
	n.Shuffle, n.Results, n.HDFS = l.Bytes*l.remote(), results, (results+kept)*h

	card := l.NetworkGbit * 1e9 / 8 * networkFill
	cores := func(ms float64) float64 { return l.Frames * ms / 1000 / l.Utilisation / float64(l.Cores) }
	disk := l.DiskTB * 1e12 * diskFill
	l.Collectors = max(1, ceil(cores(l.CollectMs)), ceil(l.Bytes/card))
	out := max(n.Collect+n.Replicate, n.Read+n.Replicate)
	l.Brokers = max(l.KafkaReplication, ceil(out/card), ceil(cores(l.BrokerMs)),
		ceil(l.Bytes*k/(l.DiskMBs*1e6)), ceil(l.Retained*float64(l.Partitions)*k/disk),
		ceil(float64(l.Partitions)*k/brokerPartitions))
	stored := ((l.ResultsDay+l.StatesDay)*l.KeepResults + l.ArchiveDay*l.KeepArchive) * h
	l.Data = max(l.HDFSReplication, ceil(n.HDFS/card), ceil(n.HDFS/(l.DiskMBs*1e6)), ceil(cores(l.HDFSMs)), ceil(stored/disk))
	n.Broker, n.DataNode = out/float64(l.Brokers), n.HDFS/float64(l.Data)
	n.Worker = (l.Bytes + n.Shuffle) / float64(l.Workers)
}

// catchUp computes how long the backlog of an outage lasts: work that arrives at
// load x of what can be done gains 1-x.
func (l *Layout) catchUp() {
	l.ClusterLoad = l.Frames * l.pipelineMs() / 1000 / float64(min(l.Slots, l.Workers*l.Cores))
	x := max(l.ClusterLoad, l.ReaderLoad)
	l.CatchUp = math.Inf(1)
	if x < 1 {
		l.CatchUp = l.Outage.Seconds() * x / (1 - x)
	}
}

func ceil(x float64) int { return int(math.Ceil(x - 1e-9)) }

// power is the largest power of two that is not above x, at least 1.
func power(x float64) int64 {
	n := int64(1)
	for float64(2*n) <= x {
		n *= 2
	}
	return n
}
