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
// (see [chunkfolder.Layout]), but for those of the journal.
//
// start and end are offsets, inclusive, of the whole chunk; block is the first
// offset of the [chunkfolder.BlockChunks] chunks that share a folder. A chunk is complete
// when its results file is there, written last, and its states file. All below
// results/ but what lies in _temporary/ are complete chunks, whichever way an
// engine lists it; and Hive and Spark pass over names beginning with '_'.
//
// # The journal
//
// layout.json fixes the number of offsets per chunk and of chunks per folder.
// topic+partition/base.json says where a partition's first job began, and
// topic+partition/retained+offset.json, if there is one, what was given up since.
// generation-NNNNNN.json opens a stretch made with one configuration. seed.json, if there
// is one, names the output that this one goes on from (see [SeedFrom]). All are
// created exclusively, never changed, and so settle who comes first.
// topic+partition/verified.json and topic+partition/statistics+offset.json only save work.
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
	"slices"
	"sync"

	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/crashpoint"
	"github.com/framebeam/framebeam/transforms/files/store"
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
	// N is the number of offsets per chunk. 0: what the output has, and
	// [chunkfolder.DefaultN] if it is begun.
	N int64
	// ConfigDigest changes whenever the same frames could give other results:
	// it covers every analysis, its version and parameters, and the OpenCV build.
	ConfigDigest string
	// ConfigText is the effective configuration, for people.
	ConfigText string
	// CodeVersion and OpenCV are recorded and not compared.
	CodeVersion string
	OpenCV      string
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
	layout layout
	gens   []Generation

	mu      sync.Mutex
	from    map[string]int64 // by partition, the first block that this Output looked at
	planned *planned         // of Plan: nothing may be written
}

// planned is what a plan would have written to the journal, by topic+partition.
type planned struct {
	had   int // generations that are there
	bases map[string]int64
	marks map[string]chunkfolder.Mark
}

// Plan is the output as [Open] would make it, and writes nothing: what a job would
// find and do can be looked at, and refused, before anybody else is disturbed.
func Plan(ctx context.Context, folder *store.Folder, cfg OpenConfig) (*Output, error) {
	if err := cfg.check(folder); err != nil {
		return nil, err
	}
	l, err := journal.ReadLayout(ctx, folder)
	if errors.Is(err, fs.ErrNotExist) {
		l = chunkfolder.Layout{N: cmp.Or(cfg.N, chunkfolder.DefaultN), Block: chunkfolder.BlockChunks}
		err = refuseSeeding(ctx, folder)
	} else if err == nil {
		err = checkN(folder, l, cfg.N)
	}
	if err != nil {
		return nil, fmt.Errorf("open output: %w", err)
	}
	for try := 1; ; try++ {
		gens, err := readGenerations(ctx, folder, 0)
		if err != nil {
			return nil, fmt.Errorf("open output: %w", err)
		}
		o := &Output{folder: folder, layout: layout{l}, gens: gens, planned: &planned{len(gens), map[string]int64{}, map[string]chunkfolder.Mark{}}}
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
	l, err := createLayout(ctx, folder, chunkfolder.Layout{N: cfg.N, Block: chunkfolder.BlockChunks})
	if err != nil {
		return nil, fmt.Errorf("open output: %w", err)
	}
	for try := 1; ; try++ {
		gens, err := readGenerations(ctx, folder, 0)
		if err != nil {
			return nil, fmt.Errorf("open output: %w", err)
		}
		o := &Output{folder: folder, layout: layout{l}, gens: gens}
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
func createLayout(ctx context.Context, folder *store.Folder, want chunkfolder.Layout) (chunkfolder.Layout, error) {
	l, err := journal.ReadLayout(ctx, folder)
	if errors.Is(err, fs.ErrNotExist) {
		if err := refuseSeeding(ctx, folder); err != nil {
			return chunkfolder.Layout{}, err
		}
		crashpoint.At("journal-generation")
		l, err = journal.CreateLayout(ctx, folder, chunkfolder.Layout{N: cmp.Or(want.N, chunkfolder.DefaultN), Block: want.Block})
	}
	if err != nil {
		return chunkfolder.Layout{}, err
	}
	return l, checkN(folder, l, want.N)
}

// checkN refuses another number of offsets per chunk than the output has; 0 is any.
func checkN(folder *store.Folder, l chunkfolder.Layout, n int64) error {
	if n != 0 && l.N != n {
		return fmt.Errorf("%s: %w: it has %d, asked for are %d", folder.Root(), ErrOtherLayout, l.N, n)
	}
	return nil
}

// OpenExisting opens an output to read it. The error is fs.ErrNotExist if the
// folder is no output.
func OpenExisting(ctx context.Context, folder *store.Folder) (*Output, error) {
	l, err := journal.ReadLayout(ctx, folder)
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
	return &Output{folder: folder, layout: layout{l}, gens: gens}, nil
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
	l, err := journal.ReadLayout(ctx, f)
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
	return &Output{folder: f, layout: layout{l}, gens: gens}, nil
}
