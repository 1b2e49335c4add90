package archive

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/sdf"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/log"
)

func init() {
	beam.RegisterDoFn(&piecesFn{})
	beam.RegisterDoFn(&watchFn{})
	beam.RegisterDoFn(&copyFn{})
	register.Emitter1[Piece]()
	register.Emitter1[Copied]()
	register.Emitter2[string, int]()
}

// DefaultTail is the default of Config.Tail.
const DefaultTail = 10 * time.Second

// Config is what all tasks of one [Write] share.
type Config struct {
	Log  log.Spec // where to read
	Root string   // the archive's folder, which Create has made
	// Tail is after how long without a new record the begun chunk of a task
	// without end is written under _partial. Default: DefaultTail.
	Tail time.Duration
	// TickEvery, for Flink, looks at growing logs at ticks, as
	// [source.Config.TickEvery] does and for the same reason. 0: not.
	TickEvery time.Duration
}

// Write archives the tasks of [Plan], one file per chunk, and returns
// PCollection<Copied>, one for each file. Every file is written by itself, by
// whichever worker comes to it. A file that is there is left alone, so tasks may
// be done again at any time, and by several jobs at once; if such a race shows
// that the bytes differ, the error wraps ErrDiffers.
//
// Where every task ends before the log does, no stage needs to be taken up
// again by the engine; else the logs are followed while they grow.
func Write(s beam.Scope, cfg Config, tasks []Task) beam.PCollection {
	s = s.Scope("archive.Write")
	if cfg.Tail == 0 {
		cfg.Tail = DefaultTail
	}
	var pieces beam.PCollection
	switch follow := slices.ContainsFunc(tasks, func(t Task) bool { return t.Follow }); {
	case follow && cfg.TickEvery > 0:
		pieces = watchOnTicks(s, cfg, tasks)
	case follow:
		pieces = beam.ParDo(s, &watchFn{Config: cfg}, beam.CreateList(s, tasks))
	default:
		pieces = beam.ParDo(s, &piecesFn{}, beam.CreateList(s, tasks))
	}
	copied, nothing := beam.ParDo2(s, &copyFn{Config: cfg}, beam.Reshuffle(s, pieces))
	element.End(s, nothing)
	return copied
}

// piecesFn lists the pieces of a task.
type piecesFn struct{}

// ProcessElement emits the task's pieces in order.
func (*piecesFn) ProcessElement(t Task, emit func(Piece)) {
	for k, end := t.chunks(); k < end; k++ {
		emit(t.piece(k))
	}
}

// watchFn emits the pieces of a task as the log comes to their ends.
type watchFn struct {
	Config Config

	log   log.Log
	tails map[string]*tail
}

// tail is how far the begun chunk of a task without end has come.
type tail struct {
	end   int64     // of the log
	since time.Time // when it was first seen
	told  int64     // the end that was last emitted
}

const (
	pollDelay = time.Second // between two looks at a log
	maxPieces = 256         // per call, so that an engine gets to work on them
)

// Setup opens the log.
func (f *watchFn) Setup(ctx context.Context) error {
	f.tails = map[string]*tail{}
	return openLog(ctx, f.Config.Log, &f.log)
}

// Teardown closes the log.
func (f *watchFn) Teardown() error { return closeLog(&f.log) }

// CreateInitialRestriction returns all chunks of the task.
func (*watchFn) CreateInitialRestriction(t Task) Chunks {
	next, end := t.chunks()
	return Chunks{next, end}
}

// SplitRestriction does not split: handing out is no work.
func (*watchFn) SplitRestriction(_ Task, c Chunks) []Chunks { return []Chunks{c} }

// RestrictionSize is the same for all: what matters comes after.
func (*watchFn) RestrictionSize(Task, Chunks) float64 { return 1 }

// CreateTracker returns the restriction's tracker.
func (*watchFn) CreateTracker(c Chunks) *tracker { return newTracker(c) }

// ProcessElement emits the pieces that the log is past.
func (f *watchFn) ProcessElement(ctx context.Context, rt *tracker, t Task, emit func(Piece)) (sdf.ProcessContinuation, error) {
	first, end, err := f.log.Bounds(ctx, t.Partition)
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	// Everything below was there once.
	if seen := max(t.From, rt.next()*t.N); end < seen {
		return nil, fmt.Errorf("archive: %w", &log.DataLoss{Partition: t.Partition, Offset: seen, First: first, End: end,
			What: "the log was longer before: the topic was truncated or created anew"})
	}
	if err := sameTopic(ctx, f.log, t.Partition, t.Identity, rt.next()*t.N); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	rt.see(max(0, chunk.Of(end, t.N)-rt.next()))
	for n := 0; !rt.IsDone(); n++ {
		if n == maxPieces {
			return sdf.ResumeProcessingIn(0), nil
		}
		k := rt.next()
		p := t.piece(k)
		if p.To > end {
			f.tell(t, p, end, emit)
			return sdf.ResumeProcessingIn(pollDelay), nil
		}
		if !rt.TryClaim(k) {
			break
		}
		emit(p)
	}
	if err := rt.GetError(); err != nil {
		return nil, err
	}
	return sdf.StopProcessing(), nil
}

// tell emits the begun part of a chunk when the log has stood still for a while.
// It claims nothing: a partial file may be missing, or be written twice.
func (f *watchFn) tell(t Task, p Piece, end int64, emit func(Piece)) {
	key := t.Partition.Key()
	now := time.Now()
	at := f.tails[key]
	if at == nil {
		at = &tail{end: chunk.None, told: chunk.None}
		f.tails[key] = at
	}
	if at.end != end {
		at.end, at.since = end, now
	}
	if end > p.From && end != at.told && now.Sub(at.since) >= f.Config.Tail {
		at.told = end
		p.To = end
		emit(p)
	}
}

var (
	filesWritten   = beam.NewCounter("archive", "files")
	recordsWritten = beam.NewCounter("archive", "records")
)

// copyFn writes the file of each piece.
type copyFn struct {
	Config Config

	log    log.Log
	folder *Folder
}

// Setup opens the log and the folder.
func (f *copyFn) Setup(ctx context.Context) (err error) {
	if f.folder, err = Open(ctx, f.Config.Root); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return openLog(ctx, f.Config.Log, &f.log)
}

// Teardown closes the log.
func (f *copyFn) Teardown() error { return closeLog(&f.log) }

// ProcessElement writes one file. It emits nothing to the second output.
func (f *copyFn) ProcessElement(ctx context.Context, p Piece, emit func(Copied), _ func(string, int)) error {
	c, err := copyPiece(ctx, f.log, f.folder, p)
	if err != nil {
		return err
	}
	if c.New {
		filesWritten.Inc(ctx, 1)
		recordsWritten.Inc(ctx, c.Records)
	}
	emit(c)
	return nil
}

func openLog(ctx context.Context, spec log.Spec, to *log.Log) error {
	if *to != nil {
		return nil
	}
	l, err := log.Open(ctx, spec)
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	*to = l
	return nil
}

func closeLog(l *log.Log) error {
	if *l == nil {
		return nil
	}
	err := (*l).Close()
	*l = nil
	return err
}
