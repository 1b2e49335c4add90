// Package output is the folder that a job writes: results, states and pictures
// in files named after offsets, and a journal. It is the source of truth for
// how far the work has come; a job needs nothing else to go on where an earlier
// one ended, however that ended.
//
//	results/topic+partition/block/topic+partition+start+end.parquet   a row per frame; the commit of its chunk
//	states/topic+partition/block/topic+partition+start+end.avro       what each camera's analyses remember, and the chunk's end
//	images/topic+partition/block/topic+partition+start+end.zip        pictures, where they are asked for
//	_partial/results/topic+partition/topic+partition+start+end.parquet  the beginning of a chunk that the log has not filled
//	_partial/images/topic+partition/topic+partition+start+end.zip       its pictures
//	…/_temporary/                                                     files being written
//	_framebeam/                                                       the journal
//
// The names of folders and files of a topic that begins with '_' or '.' begin with a '+'
// (see [Layout]), but for those of the journal.
//
// start and end are offsets, inclusive, of the whole chunk; block is the first
// offset of the [BlockChunks] chunks that share a folder. A chunk is complete
// when its results file is there, written last, and its states file. All below
// results/ but what lies in _temporary/ are complete chunks, whichever way an
// engine lists it; and Hive and Spark pass over names beginning with '_'.
//
// # The journal
//
// layout.json fixes the number of offsets per chunk and of chunks per folder.
// topic+partition/base.json says where a partition's first job began, and
// topic+partition/retained+offset.json, if there is one, what was given up since.
// generation-NNNNNN.json opens a stretch made with one configuration. All are
// created exclusively, never changed, and so settle who comes first.
// topic+partition/verified.json only saves work.
//
// A changed configuration begins a new generation at the end of each
// partition's contiguous chunks. What was published already of the chunk that comes
// next stays as it is: the configuration then holds from a later, its effective, offset,
// and topic+partition/head+lineage+start+end.parquet keeps the rows before it. Every results and states file carries its
// lineage (see governors), and a file counts only if its lineage is that of the
// generation that makes its chunk. Files that do not count are left alone until
// a complete chunk takes their place.
//
// # Two jobs on one output
//
// Jobs with the same configuration write the same files, and each finds the
// other's in place. When the configurations differ, the generation that was
// begun later wins, and writers of the earlier stop with [ErrSuperseded]. What a
// superseded writer had just checked and still publishes has the wrong lineage
// and does not count. Correctness needs no locks and no clock.
package output

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/crashpoint"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/frame"
)

var (
	// ErrSuperseded is returned to a writer when a job with another
	// configuration has begun a newer generation.
	ErrSuperseded = errors.New("superseded by a newer generation")
	// ErrPromiseBroken is returned when the same frames and configuration gave
	// two different results.
	ErrPromiseBroken = errors.New("the same frames and configuration gave different results")
	// ErrRowsLost is returned instead of replacing a complete file by one
	// that lacks rows because the log no longer has them. The file must be
	// moved away by hand if it is no longer wanted.
	ErrRowsLost = errors.New("a complete file has rows that the log no longer has")
	// ErrOtherGeneration is returned when a job is begun with the state of one that had
	// another configuration: that job's stages stand where they need not stand now.
	ErrOtherGeneration = errors.New("a savepoint resumes only in its own generation")
	// ErrOtherLayout is returned when an output is opened with another number
	// of offsets per chunk than it has.
	ErrOtherLayout = errors.New("the output has another number of offsets per chunk")
)

// OpenConfig says what a job is about to write.
type OpenConfig struct {
	// N is the number of offsets per chunk. 0: what the output has, and DefaultN if
	// it is begun.
	N int64
	// ConfigDigest changes whenever the same frames could give other results:
	// it covers every analysis, its version and parameters, and the OpenCV build.
	ConfigDigest string
	// ConfigText is the effective configuration, for people.
	ConfigText string
	// CodeVersion, OpenCV and CPU are recorded and not compared.
	CodeVersion string
	OpenCV      string
	CPU         string
}

// DefaultN is how many offsets a chunk has: at 50 KB a frame a chunk is about
// one HDFS block of 128 MiB.
const DefaultN = 2048

// Spec names an output and the generation that a job writes. It travels to the workers.
type Spec struct {
	Root       string
	N          int64
	Generation int
}

// Output is an output folder as a job's submitter or a reader sees it.
type Output struct {
	folder *store.Folder
	layout Layout
	gens   []Generation

	mu      sync.Mutex
	from    map[string]int64 // by partition, the first block that this Output looked at
	planned *planned         // of Plan: nothing may be written
}

// planned is what a plan would have written to the journal, by topic+partition.
type planned struct {
	had   int // generations that are there
	bases map[string]int64
	marks map[string]mark
}

// Plan is the output as [Open] would make it, and writes nothing: what a job would
// find and do can be looked at, and refused, before anybody else is disturbed.
func Plan(ctx context.Context, folder *store.Folder, cfg OpenConfig) (*Output, error) {
	if err := cfg.check(folder); err != nil {
		return nil, err
	}
	layout, err := readLayout(ctx, folder)
	if errors.Is(err, fs.ErrNotExist) {
		layout = Layout{N: cmp.Or(cfg.N, DefaultN), Block: BlockChunks}
	} else if err == nil {
		err = layout.check(folder, cfg.N)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open output: %w", err)
	}
	for try := 1; ; try++ {
		gens, err := readGenerations(ctx, folder, 0)
		if err != nil {
			return nil, fmt.Errorf("open output: %w", err)
		}
		o := &Output{folder: folder, layout: layout, gens: gens, planned: &planned{len(gens), map[string]int64{}, map[string]mark{}}}
		if o.has(cfg) {
			return o, nil
		}
		g, err := o.next(ctx, cfg)
		if errors.Is(err, fs.ErrNotExist) && try < lookAttempts {
			continue // as in Open
		}
		if err != nil {
			return nil, fmt.Errorf("open output: %w", err)
		}
		return o, o.joined(ctx, g)
	}
}

func (cfg *OpenConfig) check(folder *store.Folder) error {
	if cfg.N < 0 {
		return fmt.Errorf("open output %s: %d offsets per chunk", folder.Root(), cfg.N)
	}
	if cfg.ConfigDigest == "" {
		return fmt.Errorf("open output %s: no configuration digest", folder.Root())
	}
	return nil
}

// has reports whether the newest generation is of the configuration.
func (o *Output) has(cfg OpenConfig) bool {
	return len(o.gens) > 0 && o.gens[len(o.gens)-1].ConfigDigest == cfg.ConfigDigest
}

// Open creates the output or joins it. If its newest generation has another
// configuration, a new one begins where each partition's contiguous complete
// chunks end, or inside the chunk after them, where what was published of it ends. Call it once per job, where the job is submitted.
func Open(ctx context.Context, folder *store.Folder, cfg OpenConfig) (*Output, error) {
	if err := cfg.check(folder); err != nil {
		return nil, err
	}
	layout, err := createLayout(ctx, folder, Layout{N: cfg.N, Block: BlockChunks})
	if err != nil {
		return nil, fmt.Errorf("open output: %w", err)
	}
	for try := 1; ; try++ {
		gens, err := readGenerations(ctx, folder, 0)
		if err != nil {
			return nil, fmt.Errorf("open output: %w", err)
		}
		o := &Output{folder: folder, layout: layout, gens: gens}
		if o.has(cfg) {
			return o, nil
		}
		err = o.begin(ctx, cfg)
		if errors.Is(err, fs.ErrExist) {
			continue // another job was faster: look at what it began
		}
		if errors.Is(err, fs.ErrNotExist) && try < lookAttempts {
			continue // a partial file was replaced by a longer one while it was looked at
		}
		if err != nil {
			return nil, fmt.Errorf("open output: begin generation %d: %w", len(gens)+1, err)
		}
		return o, nil
	}
}

// createLayout fixes the output's layout, or returns the one that it has, which
// must have as many offsets per chunk if a number is wanted.
func createLayout(ctx context.Context, folder *store.Folder, want Layout) (Layout, error) {
	l, err := readLayout(ctx, folder)
	if errors.Is(err, fs.ErrNotExist) {
		b, err := marshalJSON(layoutEntry{layoutFormat, Layout{N: cmp.Or(want.N, DefaultN), Block: want.Block}})
		if err != nil {
			return Layout{}, err
		}
		crashpoint.At("journal-generation")
		if err := folder.CreateExclusive(ctx, layoutFile, b); err != nil && !errors.Is(err, fs.ErrExist) {
			return Layout{}, err
		}
		if l, err = readLayout(ctx, folder); err != nil {
			return Layout{}, err
		}
	} else if err != nil {
		return Layout{}, err
	}
	return l, l.check(folder, want.N)
}

// check refuses another number of offsets per chunk than the output has; 0 is any.
func (l Layout) check(folder *store.Folder, n int64) error {
	if n != 0 && l.N != n {
		return fmt.Errorf("%s: %w: it has %d, asked for are %d", folder.Root(), ErrOtherLayout, l.N, n)
	}
	return nil
}

// next is the next generation.
func (o *Output) next(ctx context.Context, cfg OpenConfig) (Generation, error) {
	g := Generation{
		Format: journalFormat, Number: len(o.gens) + 1, ConfigDigest: cfg.ConfigDigest, Config: cfg.ConfigText,
		CodeVersion: cfg.CodeVersion, OpenCV: cfg.OpenCV, Arch: runtime.GOARCH, CPU: cfg.CPU,
		Began: map[string]int64{}, Effective: map[string]int64{},
	}
	if len(o.gens) > 0 {
		keys, err := listPartitions(ctx, o.folder)
		if err != nil {
			return g, err
		}
		for _, key := range keys {
			topic, partition, err := parsePartitionKey(key)
			if err != nil {
				return g, err
			}
			start, err := o.base(ctx, topic, partition)
			if err != nil {
				return g, err
			}
			if start == chunk.None {
				continue
			}
			next, err := o.contiguous(ctx, topic, partition, start)
			if err != nil {
				return g, err
			}
			upTo, err := o.shown(ctx, topic, partition, next)
			if err != nil {
				return g, err
			}
			inside := upTo > max(start, next*o.layout.N)
			if next > chunk.Of(start, o.layout.N) || inside {
				g.Began[key] = next
			}
			if inside {
				g.Format, g.Effective[key] = insideFormat, upTo
			}
		}
	}
	return g, nil
}

// begin creates the next generation; the error is fs.ErrExist if another job did.
func (o *Output) begin(ctx context.Context, cfg OpenConfig) error {
	g, err := o.next(ctx, cfg)
	if err != nil {
		return err
	}
	if err := o.freeze(ctx, g); err != nil {
		return err
	}
	b, err := marshalJSON(g)
	if err != nil {
		return err
	}
	crashpoint.At("journal-generation")
	if err := o.folder.CreateExclusive(ctx, generationFile(g.Number), b); err != nil {
		return err
	}
	crashpoint.At("journal-generation")
	return o.joined(ctx, g)
}

// joined adds a generation that was just begun.
func (o *Output) joined(ctx context.Context, g Generation) error {
	o.gens = append(o.gens, g)
	// What was complete for the generation before is so for this one, which keeps it.
	for key, next := range g.Began {
		if err := o.setMark(ctx, key, next); err != nil {
			return err
		}
	}
	return nil
}

// base is the first offset that the output has of a partition, chunk.None if none.
func (o *Output) base(ctx context.Context, topic string, partition int32) (int64, error) {
	start, err := readBase(ctx, o.folder, topic, partition)
	if err == nil && start == chunk.None && o.planned != nil {
		if planned, ok := o.planned.bases[partitionKey(topic, partition)]; ok {
			return planned, nil
		}
	}
	return start, err
}

// OpenExisting opens an output to read it. The error is fs.ErrNotExist if the
// folder is no output.
func OpenExisting(ctx context.Context, folder *store.Folder) (*Output, error) {
	l, err := readLayout(ctx, folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is no output folder: %w", folder.Root(), err)
	}
	if err != nil {
		return nil, fmt.Errorf("open output: %w", err)
	}
	gens, err := readGenerations(ctx, folder, 0)
	if err != nil {
		return nil, fmt.Errorf("open output: %w", err)
	}
	return &Output{folder: folder, layout: l, gens: gens}, nil
}

// Had is how many generations there were before this Output was planned.
func (o *Output) Had() int {
	if o.planned != nil {
		return o.planned.had
	}
	return len(o.gens)
}

// Folder is where the output lies.
func (o *Output) Folder() *store.Folder { return o.folder }

// N is the number of offsets per chunk.
func (o *Output) N() int64 { return o.layout.N }

// Generations are all generations, oldest first.
func (o *Output) Generations() []Generation { return slices.Clone(o.gens) }

// Spec names this output and its newest generation, for the workers.
func (o *Output) Spec() Spec { return Spec{o.folder.Root(), o.layout.N, len(o.gens)} }

// openSpec is what a worker does with a Spec: the output as it was when the
// generation began.
func openSpec(ctx context.Context, spec Spec) (*Output, error) {
	if spec.N < 1 || spec.Generation < 1 {
		return nil, fmt.Errorf("open output %s: %d offsets per chunk, generation %d", spec.Root, spec.N, spec.Generation)
	}
	f, err := store.Open(ctx, spec.Root)
	if err != nil {
		return nil, fmt.Errorf("open output: %w", err)
	}
	l, err := readLayout(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("open output: %w", err)
	}
	if l.N != spec.N {
		return nil, fmt.Errorf("open output %s: %w: it has %d, asked for are %d", f.Root(), ErrOtherLayout, l.N, spec.N)
	}
	gens, err := readGenerations(ctx, f, spec.Generation)
	if err != nil {
		return nil, fmt.Errorf("open output: %w", err)
	}
	return &Output{folder: f, layout: l, gens: gens}, nil
}

// Position is where a job goes on in a partition.
type Position struct {
	// Fresh is set when no job has begun the partition: the caller chooses
	// where to start and says so with [Output.Begin]. Nothing else is set then.
	Fresh bool
	// Base is the first offset that the output has.
	Base int64
	// From is the first offset to read: the beginning of Chunk, or Base if
	// that lies inside it.
	From int64
	// Chunk is the first chunk that is not complete.
	Chunk int64
	// Cameras are the cameras not forgotten, with their last offsets, at the
	// end of the chunk before.
	Cameras []chunk.CameraOffset
	// LastOffset is the last offset of the chunk before, and LastDigest its
	// record's digest; chunk.None and 0 if that chunk is not there or empty.
	LastOffset int64
	LastDigest uint64
}

// Begin says where the first job of a partition starts, and returns the base
// that counts: the one that is there if another job was first.
func (o *Output) Begin(ctx context.Context, topic string, partition int32, start int64) (int64, error) {
	if err := frame.CheckTopic(topic); err != nil {
		return 0, err
	}
	if start < 0 || partition < 0 {
		return 0, fmt.Errorf("begin topic %s partition %d: start %d", topic, partition, start)
	}
	if o.planned != nil {
		o.planned.bases[partitionKey(topic, partition)] = start
		return o.base(ctx, topic, partition)
	}
	b, err := marshalJSON(base{journalFormat, topic, partition, start})
	if err != nil {
		return 0, err
	}
	err = o.folder.CreateExclusive(ctx, baseFile(topic, partition), b)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return 0, fmt.Errorf("begin topic %s partition %d: %w", topic, partition, err)
	}
	return readBase(ctx, o.folder, topic, partition)
}

// Resume returns where a job goes on: at the end of the contiguous complete
// chunks from the base. It lists the partition's blocks, and the files of the
// block where the last mark stands and of those after it, and reads metadata only
// of chunks that no earlier call has verified. Files that were removed by hand
// before that block are not missed, unless their block's folder is gone or the
// partition's verified.json was removed from the journal too.
func (o *Output) Resume(ctx context.Context, topic string, partition int32) (Position, error) {
	none := Position{Base: chunk.None, From: chunk.None, Chunk: chunk.None, LastOffset: chunk.None}
	if err := frame.CheckTopic(topic); err != nil {
		return none, err
	}
	fail := func(err error) (Position, error) {
		return none, fmt.Errorf("resume topic %s partition %d: %w", topic, partition, err)
	}
	if err := o.layout.CheckName(topic, partition, resultsExt); err != nil {
		return none, err
	}
	start, err := o.base(ctx, topic, partition)
	if err != nil {
		return fail(err)
	}
	if start == chunk.None {
		none.Fresh = true
		return none, nil
	}
	next, err := o.contiguous(ctx, topic, partition, start)
	if err != nil {
		return fail(err)
	}
	p := Position{Base: start, From: max(start, next*o.layout.N), Chunk: next, LastOffset: chunk.None}
	if next == chunk.Of(start, o.layout.N) {
		return p, nil
	}
	last := chunk.ID{Topic: topic, Partition: partition, Index: next - 1}
	name, err := NameOf(last, o.layout.N)
	if err != nil {
		return fail(err)
	}
	end, lineage, err := readEnd(ctx, o.folder, o.layout.states(name))
	if err != nil {
		return fail(err)
	}
	if want := governing(o.gens, partitionKey(topic, partition), last.Index).lineage; lineage != want || end.ID != last || end.N != o.layout.N {
		return fail(fmt.Errorf("%s is of %v, %d offsets per chunk, lineage %s; expected lineage %s",
			o.folder.Path(o.layout.states(name)), end.ID, end.N, lineage, want))
	}
	p.Cameras, p.LastDigest = end.Cameras, end.LastDigest
	if n := len(end.Offsets); n > 0 {
		p.LastOffset = end.Offsets[n-1].To - 1
	}
	return p, nil
}

// contiguous returns the first chunk from the base that is not complete, and
// leaves a mark there.
//
// A mark of this generation is trusted for all blocks before its own, as long as
// they have their folders; its own block and those after it are listed. Nobody
// removes files of complete chunks that count, but retention, which advances the
// base first: a generation's writers replace only what does not count in it, and
// a mark of another generation is not looked at.
func (o *Output) contiguous(ctx context.Context, topic string, partition int32, start int64) (int64, error) {
	c, err := o.contents(topic, partition)
	if err != nil {
		return 0, err
	}
	first := chunk.Of(start, o.layout.N)
	m := o.mark(ctx, c.key)
	next := first
	if m.Chunk > first {
		to := o.layout.block(m.Chunk - 1)
		whole, err := c.haveFolders(ctx, o.layout.block(first), to)
		if err != nil {
			return 0, err
		}
		if whole {
			next = max(first, to*o.layout.Block)
		}
	}
	o.lookedFrom(c.key, o.layout.block(next))
	for {
		ok, err := c.complete(ctx, next, next < m.Chunk)
		if err != nil {
			return 0, err
		}
		if !ok {
			break
		}
		next++
	}
	// A mark that was too high must not stay: what lies between would be skipped
	// once this chunk is there.
	if next != m.Chunk && (next > first || m.Chunk > first) {
		if err := o.setMark(ctx, c.key, next); err != nil {
			return 0, err
		}
	}
	return next, nil
}

// mark returns a partition's mark if it is of the newest generation.
func (o *Output) mark(ctx context.Context, key string) mark {
	m := readMark(ctx, o.folder, key)
	if o.planned != nil {
		if planned, ok := o.planned.marks[key]; ok {
			m = planned
		}
	}
	if m.Generation != len(o.gens) {
		return mark{}
	}
	return m
}

// setMark sets a partition's mark of the newest generation.
func (o *Output) setMark(ctx context.Context, key string, next int64) error {
	if o.planned != nil {
		o.planned.marks[key] = mark{journalFormat, len(o.gens), next}
		return nil
	}
	return writeMark(ctx, o.folder, key, len(o.gens), next)
}

// haveFolders reports whether the blocks [from, to) have folders of results and states.
func (c *contents) haveFolders(ctx context.Context, from, to int64) (bool, error) {
	for _, dir := range []string{resultsDir, statesDir} {
		if from >= to {
			break
		}
		blocks, err := c.blocks(ctx, dir)
		if err != nil {
			return false, err
		}
		i, _ := slices.BinarySearch(blocks, from)
		if j := i + int(to-from) - 1; j >= len(blocks) || blocks[i] != from || blocks[j] != to-1 {
			return false, nil
		}
	}
	return true, nil
}

// lookedFrom notes the first block that was looked at.
func (o *Output) lookedFrom(key string, block int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if had, ok := o.from[key]; ok && had <= block {
		return
	}
	if o.from == nil {
		o.from = map[string]int64{}
	}
	o.from[key] = block
}

// ErrIncomplete is in the errors of [Output.Verify] that name what is missing.
var ErrIncomplete = errors.New("the output lacks")

// Verify makes sure, at the end of a job that read the offsets [from, to), that
// every chunk that lies before to is complete, and that the beginning of the
// chunk in which to lies, if to is not its first offset, was published as a
// partial file or is part of a complete chunk. Engines end with success although
// they threw keyed state away. What is missing is an [ErrIncomplete].
func (o *Output) Verify(ctx context.Context, topic string, partition int32, from, to int64) error {
	if from >= to {
		return nil
	}
	c, err := o.contents(topic, partition)
	if err != nil {
		return fmt.Errorf("verify topic %s partition %d: %w", topic, partition, err)
	}
	m := o.mark(ctx, c.key)
	var missing chunk.Offsets
	k := chunk.Of(from, o.layout.N)
	for ; (k+1)*o.layout.N <= to; k++ {
		ok, err := c.complete(ctx, k, k < m.Chunk)
		if err != nil {
			return fmt.Errorf("verify topic %s partition %d: %w", topic, partition, err)
		}
		if !ok {
			missing.Add(k)
		}
	}
	var faults []string
	for _, r := range missing {
		if r.To == r.From+1 {
			faults = append(faults, fmt.Sprintf("chunk %d (offsets %d to %d)", r.From, r.From*o.layout.N, (r.From+1)*o.layout.N-1))
		} else {
			faults = append(faults, fmt.Sprintf("chunks %d to %d (offsets %d to %d)", r.From, r.To-1, r.From*o.layout.N, r.To*o.layout.N-1))
		}
	}
	if to > k*o.layout.N {
		ok, err := c.complete(ctx, k, false)
		if err != nil {
			return fmt.Errorf("verify topic %s partition %d: %w", topic, partition, err)
		}
		if !ok {
			if err := c.listPartials(ctx); err != nil {
				return fmt.Errorf("verify topic %s partition %d: %w", topic, partition, err)
			}
			_, upTo, err := c.partial(ctx, k)
			if errors.Is(err, fs.ErrNotExist) { // the whole chunk has just taken its place
				c.listed = nil
				ok, err = c.complete(ctx, k, false)
			}
			if err != nil {
				return fmt.Errorf("verify topic %s partition %d: %w", topic, partition, err)
			}
			if !ok && upTo < to {
				faults = append(faults, fmt.Sprintf("the beginning of chunk %d (offsets %d to %d)", k, max(from, upTo), to-1))
			}
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("topic %s partition %d: the job has ended, but %w %s", topic, partition, ErrIncomplete, strings.Join(faults, ", "))
	}
	return nil
}

// Sweep removes temporary files. A job calls it when it starts.
//
// It asks neither whose they are nor how old: a live writer whose temporary
// file vanishes writes it again. It looks where this Output has looked for the
// end of a partition's chunks, or else from the mark on: nobody writes below.
func (o *Output) Sweep(ctx context.Context) error {
	dirs := []string{journalDir}
	keys, err := listPartitions(ctx, o.folder)
	if err != nil {
		return fmt.Errorf("sweep output: %w", err)
	}
	for _, key := range keys {
		topic, partition, err := parsePartitionKey(key)
		if err != nil {
			return fmt.Errorf("sweep output: %w", err)
		}
		folder := o.layout.Partition(topic, partition) + "/"
		dirs = append(dirs, partitionDir(key), partialsDir+folder, partialImagesDir+folder)
		blocks, err := o.unfinished(ctx, key)
		if err != nil {
			return fmt.Errorf("sweep output: %w", err)
		}
		dirs = append(dirs, blocks...)
	}
	for _, dir := range dirs {
		if err := o.sweepTemporary(ctx, dir+store.TempDir+"/*"); err != nil {
			return fmt.Errorf("sweep output: %w", err)
		}
	}
	return nil
}

// unfinished lists the folders of a partition's blocks in which there may be
// temporary files.
func (o *Output) unfinished(ctx context.Context, key string) (dirs []string, err error) {
	topic, partition, err := parsePartitionKey(key)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	from, ok := o.from[key]
	o.mu.Unlock()
	if !ok {
		from = o.layout.block(max(0, readMark(ctx, o.folder, key).Chunk-1))
	}
	for _, dir := range []string{resultsDir, statesDir, imagesDir} {
		blocks, err := o.layout.Blocks(ctx, o.folder, dir, topic, partition)
		if err != nil {
			return nil, err
		}
		for _, b := range blocks {
			if b >= from {
				dirs = append(dirs, dir+o.layout.blockFolder(topic, partition, b))
			}
		}
	}
	return dirs, nil
}

// SweepPartials removes a partition's partial files that are damaged or of
// another configuration. A job that will read the partition, and so make them
// again, calls it. Good ones stay: another job may have just written them. Pictures
// without a partial file go too.
func (o *Output) SweepPartials(ctx context.Context, topic string, partition int32) error {
	// Pictures are written before their partial file, by a job that looks for them afterwards.
	packs, err := o.folder.List(ctx, partialImagesDir+o.layout.Partition(topic, partition)+"/*"+imagesExt)
	var c *contents
	if err == nil {
		c, err = o.contents(topic, partition)
	}
	if err == nil {
		err = c.listPartials(ctx)
	}
	if err != nil {
		return fmt.Errorf("sweep output: %w", err)
	}
	if err := c.showHead(ctx); err != nil {
		return fmt.Errorf("sweep output: %w", err)
	}
	for _, n := range c.partials {
		lineage, err := readLineage(ctx, o.folder, o.layout.partial(n))
		if err == nil && lineage == c.lineage(chunk.Of(n.Start, o.layout.N)) {
			continue
		}
		if err := o.folder.Remove(ctx, o.layout.partial(n)); err != nil {
			return fmt.Errorf("sweep output: %w", err)
		}
	}
	if err := c.sweepPacks(ctx, packs); err != nil {
		return fmt.Errorf("sweep output: %w", err)
	}
	return nil
}

// sweepPacks removes those of the partition's partial packs that have no partial file.
func (c *contents) sweepPacks(ctx context.Context, packs []string) error {
	if len(packs) == 0 {
		return nil
	}
	if err := c.listPartials(ctx); err != nil {
		return err
	}
	keep := map[string]bool{}
	for _, n := range c.partials {
		keep[c.o.layout.partialImages(n)] = true
	}
	for _, file := range packs {
		if keep[file] {
			continue
		}
		if err := c.o.folder.Remove(ctx, file); err != nil {
			return err
		}
	}
	return nil
}

// sweepTemporary removes temporary files, but for those that a writer took from
// their names and died: they get them back. What does not count is taken again.
func (o *Output) sweepTemporary(ctx context.Context, pattern string) error {
	files, err := o.folder.List(ctx, pattern)
	if err != nil {
		return err
	}
	for _, file := range files {
		if taken, err := o.folder.Restore(ctx, file); err != nil {
			return err
		} else if taken {
			continue
		}
		if err := o.folder.Remove(ctx, file); err != nil {
			return err
		}
	}
	return nil
}
