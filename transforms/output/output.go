// Package output is the folder that a job writes: results, states and pictures
// in files named after offsets, and a journal. It is the source of truth for
// how far the work has come; a job needs nothing else to go on where an earlier
// one ended, however that ended.
//
//	results/topic+partition+start+end.parquet       a row per frame; the commit of its chunk
//	results/_partial/topic+partition+start+end.parquet  the beginning of a chunk that the log has not filled
//	states/topic+partition+start+end.avro           what each camera's analyses remember, and the chunk's end
//	images/topic+partition+start+end.zip            pictures, where they are asked for
//	*/_temporary/                                   files being written
//	_framebeam/                                     the journal
//
// start and end are offsets, inclusive, of the whole chunk. A chunk is complete
// when its results file is there, written last, and its states file. Readers
// that pass over names beginning with '_' (Hive, Spark) see complete chunks only.
//
// # The journal
//
// layout.json fixes the number of offsets per chunk. base+topic+partition.json
// says where a partition's first job began. generation-NNNNNN.json opens a
// stretch made with one configuration. All three are created exclusively, never
// changed, and so settle who comes first. verified+topic+partition.json only
// saves work.
//
// A changed configuration begins a new generation at the end of each
// partition's contiguous chunks. Every results and states file carries its
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
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/crashpoint"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/store"
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
	// ErrOtherLayout is returned when an output is opened with another number
	// of offsets per chunk than it has.
	ErrOtherLayout = errors.New("the output has another number of offsets per chunk")
)

// OpenConfig says what a job is about to write.
type OpenConfig struct {
	// N is the number of offsets per chunk.
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

// Spec names an output and the generation that a job writes. It travels to the workers.
type Spec struct {
	Root       string
	N          int64
	Generation int
}

// Output is an output folder as a job's submitter or a reader sees it.
type Output struct {
	folder *store.Folder
	n      int64
	gens   []Generation
}

// Open creates the output or joins it. If its newest generation has another
// configuration, a new one begins where each partition's contiguous complete
// chunks end. Call it once per job, where the job is submitted.
func Open(ctx context.Context, folder *store.Folder, cfg OpenConfig) (*Output, error) {
	if cfg.N < 1 {
		return nil, fmt.Errorf("open output %s: %d offsets per chunk", folder.Root(), cfg.N)
	}
	if cfg.ConfigDigest == "" {
		return nil, fmt.Errorf("open output %s: no configuration digest", folder.Root())
	}
	if err := createLayout(ctx, folder, cfg.N); err != nil {
		return nil, fmt.Errorf("open output: %w", err)
	}
	for {
		gens, err := readGenerations(ctx, folder, 0)
		if err != nil {
			return nil, fmt.Errorf("open output: %w", err)
		}
		o := &Output{folder: folder, n: cfg.N, gens: gens}
		if len(gens) > 0 && gens[len(gens)-1].ConfigDigest == cfg.ConfigDigest {
			return o, nil
		}
		err = o.begin(ctx, cfg)
		if errors.Is(err, fs.ErrExist) {
			continue // another job was faster: look at what it began
		}
		if err != nil {
			return nil, fmt.Errorf("open output: begin generation %d: %w", len(gens)+1, err)
		}
		return o, nil
	}
}

func createLayout(ctx context.Context, folder *store.Folder, n int64) error {
	l, err := readLayout(ctx, folder)
	if errors.Is(err, fs.ErrNotExist) {
		b, err := marshalJSON(layout{journalFormat, n})
		if err != nil {
			return err
		}
		crashpoint.At("journal-generation")
		if err := folder.CreateExclusive(ctx, layoutFile, b); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if l, err = readLayout(ctx, folder); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	if l.N != n {
		return fmt.Errorf("%s: %w: it has %d, asked for are %d", folder.Root(), ErrOtherLayout, l.N, n)
	}
	return nil
}

// begin creates the next generation; the error is fs.ErrExist if another job did.
func (o *Output) begin(ctx context.Context, cfg OpenConfig) error {
	g := Generation{
		Format: journalFormat, Number: len(o.gens) + 1, ConfigDigest: cfg.ConfigDigest, Config: cfg.ConfigText,
		CodeVersion: cfg.CodeVersion, OpenCV: cfg.OpenCV, Arch: runtime.GOARCH, CPU: cfg.CPU,
		Began: map[string]int64{},
	}
	if len(o.gens) > 0 {
		keys, err := listBases(ctx, o.folder)
		if err != nil {
			return err
		}
		for _, key := range keys {
			topic, partition, err := parsePartitionKey(key)
			if err != nil {
				return err
			}
			start, err := readBase(ctx, o.folder, topic, partition)
			if err != nil {
				return err
			}
			next, err := o.contiguous(ctx, topic, partition, start)
			if err != nil {
				return err
			}
			if next > chunk.Of(start, o.n) {
				g.Began[key] = next
			}
		}
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
	o.gens = append(o.gens, g)
	return nil
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
	return &Output{folder: folder, n: l.N, gens: gens}, nil
}

// Folder is where the output lies.
func (o *Output) Folder() *store.Folder { return o.folder }

// N is the number of offsets per chunk.
func (o *Output) N() int64 { return o.n }

// Generations are all generations, oldest first.
func (o *Output) Generations() []Generation { return slices.Clone(o.gens) }

// Spec names this output and its newest generation, for the workers.
func (o *Output) Spec() Spec { return Spec{o.folder.Root(), o.n, len(o.gens)} }

// openSpec is what a worker does with a Spec.
func openSpec(ctx context.Context, spec Spec) (*store.Folder, []Generation, error) {
	if spec.N < 1 || spec.Generation < 1 {
		return nil, nil, fmt.Errorf("open output %s: %d offsets per chunk, generation %d", spec.Root, spec.N, spec.Generation)
	}
	f, err := store.Open(ctx, spec.Root)
	if err != nil {
		return nil, nil, fmt.Errorf("open output: %w", err)
	}
	gens, err := readGenerations(ctx, f, spec.Generation)
	if err != nil {
		return nil, nil, fmt.Errorf("open output: %w", err)
	}
	return f, gens, nil
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
// chunks from the base. It lists the folder, and reads metadata only of chunks
// that no earlier call has verified.
func (o *Output) Resume(ctx context.Context, topic string, partition int32) (Position, error) {
	none := Position{Base: chunk.None, From: chunk.None, Chunk: chunk.None, LastOffset: chunk.None}
	if err := frame.CheckTopic(topic); err != nil {
		return none, err
	}
	fail := func(err error) (Position, error) {
		return none, fmt.Errorf("resume topic %s partition %d: %w", topic, partition, err)
	}
	start, err := readBase(ctx, o.folder, topic, partition)
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
	p := Position{Base: start, From: max(start, next*o.n), Chunk: next, LastOffset: chunk.None}
	if next == chunk.Of(start, o.n) {
		return p, nil
	}
	last := chunk.ID{Topic: topic, Partition: partition, Index: next - 1}
	name, err := NameOf(last, o.n)
	if err != nil {
		return fail(err)
	}
	end, lineage, err := readEnd(ctx, o.folder, name.states())
	if err != nil {
		return fail(err)
	}
	if want := governing(o.gens, partitionKey(topic, partition), last.Index).lineage; lineage != want || end.ID != last || end.N != o.n {
		return fail(fmt.Errorf("%s is of %v, %d offsets per chunk, lineage %s; expected lineage %s",
			o.folder.Path(name.states()), end.ID, end.N, lineage, want))
	}
	p.Cameras, p.LastDigest = end.Cameras, end.LastDigest
	if n := len(end.Offsets); n > 0 {
		p.LastOffset = end.Offsets[n-1].To - 1
	}
	return p, nil
}

// contiguous returns the first chunk from the base that is not complete.
func (o *Output) contiguous(ctx context.Context, topic string, partition int32, start int64) (int64, error) {
	c, err := o.list(ctx, topic, partition)
	if err != nil {
		return 0, err
	}
	key := partitionKey(topic, partition)
	var mark verified
	// A mark that cannot be read is as good as none.
	if o.folder.ReadJSON(ctx, verifiedFile(key), journalFormat, &mark) != nil || mark.Chunk < 1 ||
		governing(o.gens, key, mark.Chunk-1).lineage != mark.Lineage {
		mark = verified{}
	}
	next := chunk.Of(start, o.n)
	for {
		ok, err := c.complete(ctx, next, next < mark.Chunk)
		if err != nil {
			return 0, err
		}
		if !ok {
			break
		}
		next++
	}
	if next > mark.Chunk && next > chunk.Of(start, o.n) {
		b, err := marshalJSON(verified{journalFormat, governing(o.gens, key, next-1).lineage, next})
		if err != nil {
			return 0, err
		}
		if err := o.folder.WriteAtomic(ctx, verifiedFile(key), b); err != nil {
			return 0, err
		}
	}
	return next, nil
}

// Verify makes sure, at the end of a job that read the offsets [from, to), that
// every chunk that lies before to is complete, and that the beginning of the
// chunk in which to lies, if to is not its first offset, was published as a
// partial file or is part of a complete chunk. Engines end with success although
// they threw keyed state away.
func (o *Output) Verify(ctx context.Context, topic string, partition int32, from, to int64) error {
	if from >= to {
		return nil
	}
	c, err := o.list(ctx, topic, partition)
	if err != nil {
		return fmt.Errorf("verify topic %s partition %d: %w", topic, partition, err)
	}
	var missing chunk.Offsets
	k := chunk.Of(from, o.n)
	for ; (k+1)*o.n <= to; k++ {
		ok, err := c.complete(ctx, k, false)
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
			faults = append(faults, fmt.Sprintf("chunk %d (offsets %d to %d)", r.From, r.From*o.n, (r.From+1)*o.n-1))
		} else {
			faults = append(faults, fmt.Sprintf("chunks %d to %d (offsets %d to %d)", r.From, r.To-1, r.From*o.n, r.To*o.n-1))
		}
	}
	if to > k*o.n {
		ok, err := c.complete(ctx, k, false)
		if err != nil {
			return fmt.Errorf("verify topic %s partition %d: %w", topic, partition, err)
		}
		if !ok {
			_, upTo, err := c.partial(ctx, k)
			if err != nil {
				return fmt.Errorf("verify topic %s partition %d: %w", topic, partition, err)
			}
			if upTo < to {
				faults = append(faults, fmt.Sprintf("the beginning of chunk %d (offsets %d to %d)", k, max(from, upTo), to-1))
			}
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("topic %s partition %d: the job has ended, but the output lacks %s", topic, partition, strings.Join(faults, ", "))
	}
	return nil
}

// Sweep removes temporary files. A job calls it when it starts.
//
// It asks neither whose they are nor how old: a live writer whose temporary
// file vanishes writes it again.
func (o *Output) Sweep(ctx context.Context) error {
	for _, dir := range []string{resultsDir, partialsDir, statesDir, imagesDir, journalDir} {
		if err := o.removeAll(ctx, dir+store.TempDir+"/*"); err != nil {
			return fmt.Errorf("sweep output: %w", err)
		}
	}
	return nil
}

// SweepPartials removes a partition's partial files that are damaged or of
// another configuration. A job that will read the partition, and so make them
// again, calls it. Good ones stay: another job may have just written them.
func (o *Output) SweepPartials(ctx context.Context, topic string, partition int32) error {
	c, err := o.list(ctx, topic, partition)
	if err != nil {
		return fmt.Errorf("sweep output: %w", err)
	}
	for _, n := range c.partials {
		lineage, err := readLineage(ctx, o.folder, n.partial())
		if err == nil && lineage == c.lineage(chunk.Of(n.Start, o.n)) {
			continue
		}
		if err := o.folder.Remove(ctx, n.partial()); err != nil {
			return fmt.Errorf("sweep output: %w", err)
		}
	}
	return nil
}

func (o *Output) removeAll(ctx context.Context, pattern string) error {
	files, err := o.folder.List(ctx, pattern)
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := o.folder.Remove(ctx, file); err != nil {
			return err
		}
	}
	return nil
}
