// Package historytest makes outputs of any size, for tests and benchmarks of what reads
// them. All that lies in one is a pure function of what was asked for: [Output.Row] says
// what any row is.
package historytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

// Output says what an output holds. The zero value of every field but Rows is a default.
type Output struct {
	// Rows are those of all partitions, which get equally many, but for a remainder.
	Rows int64
	// N is the number of offsets per chunk (2048).
	N          int64
	Topic      string // frames
	Partitions int    // 1
	// Cameras (4 for each partition) are "camera-00" and so on; of camera i the rows lie
	// in partition i % Partitions, where its cameras take turns.
	Cameras int
	// Begin (2024-05-01 in UTC) is when the first frames were captured, and Span (30 days)
	// how long it takes until the last.
	Begin time.Time
	Span  time.Duration
	// Features gives every frame a perceptual hash.
	Features bool
	// Cells gives frames cells of activity: those in which something comes, for most of that
	// time, and some in which there is nothing else.
	Cells bool
	// Plain has no detections and no events but those of the stage itself.
	Plain bool
	// Written has every chunk written by the output's own writer, with its states: what a
	// job can go on from. Otherwise only each partition's first is, and the others
	// have results files of the same bytes and no states, which is several times faster.
	Written bool
	// Partial leaves what does not fill a chunk as the beginning of one; without it Rows
	// are rounded down to whole chunks (but never to none).
	Partial bool
}

// withDefaults fills in what is not given.
func (o Output) withDefaults() Output {
	if o.N == 0 {
		o.N = chunkfolder.DefaultN
	}
	if o.Topic == "" {
		o.Topic = "frames"
	}
	o.Partitions = max(o.Partitions, 1)
	if o.Cameras == 0 {
		o.Cameras = 4 * o.Partitions
	}
	o.Cameras = max(o.Cameras, o.Partitions)
	if o.Begin.IsZero() {
		o.Begin = time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)
	}
	if o.Span == 0 {
		o.Span = 30 * 24 * time.Hour
	}
	return o
}

// Offsets is how many rows a partition has: their offsets are 0 to that, exclusive.
func (o Output) Offsets(partition int32) int64 {
	o = o.withDefaults()
	n := o.Rows / int64(o.Partitions)
	if int64(partition) < o.Rows%int64(o.Partitions) {
		n++
	}
	if !o.Partial {
		n = max(n/o.N, 1) * o.N
	}
	return n
}

// All calls fn with every row, in the order of the log, until it returns false.
func (o Output) All(fn func(result.Frame) bool) {
	o = o.withDefaults()
	for p := range int32(o.Partitions) {
		for off := range o.Offsets(p) {
			if !fn(o.Row(p, off)) {
				return
			}
		}
	}
}

// Config is the digest of the configuration that the output says it was made with.
const Config = "historytest"

// Write makes the output in a folder, which is best a new one: a local path or scheme://….
// It uses all processors.
func (o Output) Write(ctx context.Context, root string) error {
	o = o.withDefaults()
	folder, err := store.Open(ctx, root)
	if err != nil {
		return err
	}
	out, err := output.Open(ctx, folder, output.OpenConfig{N: o.N, ConfigDigest: Config, ConfigText: "historytest: by hand"})
	if err != nil {
		return err
	}
	w := writing{Output: o, folder: folder, local: !strings.Contains(root, "://"), meta: map[int32]map[string]string{}}
	for p := range int32(o.Partitions) {
		if _, err := out.Begin(ctx, chunk.Partition{Topic: o.Topic, ID: p}, 0); err != nil {
			return err
		}
	}
	if w.writer, err = output.OpenWriter(ctx, out.Spec()); err != nil {
		return err
	}
	if err := w.first(ctx); err != nil {
		return err
	}
	return w.rest(ctx)
}

type writing struct {
	Output
	folder *store.Folder
	local  bool
	writer *output.Writer
	meta   map[int32]map[string]string // of the first results file of each partition
}

// first writes the first chunk of every partition, whose metadata the others have too: they
// are of one lineage.
func (w *writing) first(ctx context.Context) error {
	for p := range int32(w.Partitions) {
		if err := w.chunk(ctx, chunk.ID{Partition: chunk.Partition{Topic: w.Topic, ID: p}}, true); err != nil {
			return err
		}
		if w.Offsets(p) < w.N {
			continue
		}
		b, err := w.folder.Read(ctx, w.path(p, 0))
		if err != nil {
			return err
		}
		if w.meta[p], err = result.ReadParquetMeta(bytes.NewReader(b), int64(len(b))); err != nil {
			return err
		}
	}
	return nil
}

// rest writes all other chunks, several at a time.
func (w *writing) rest(ctx context.Context) error {
	all, inner := errgroup.WithContext(ctx)
	all.SetLimit(runtime.GOMAXPROCS(0))
	for p := range int32(w.Partitions) {
		for k := int64(1); k*w.N < w.Offsets(p) && inner.Err() == nil; k++ {
			all.Go(func() error {
				return w.chunk(inner, chunk.ID{Partition: chunk.Partition{Topic: w.Topic, ID: p}, Index: k}, w.Written)
			})
		}
	}
	return errors.Join(all.Wait(), context.Cause(ctx))
}

func (w *writing) path(p int32, k int64) string {
	id := chunk.ID{Partition: chunk.Partition{Topic: w.Topic, ID: p}, Index: k}
	name, err := chunkfolder.NameOf(id, w.N)
	if err != nil {
		panic(err) // a topic that is none
	}
	return chunkfolder.Layout{N: w.N, Block: chunkfolder.BlockChunks}.Path("results/", name, ".parquet")
}

func (w *writing) chunk(ctx context.Context, id chunk.ID, written bool) error {
	begin := id.Index * w.N
	upTo := min(begin+w.N, w.Offsets(id.Partition.ID))
	rows := make([]result.Frame, 0, upTo-begin)
	for off := begin; off < upTo; off++ {
		rows = append(rows, w.Row(id.Partition.ID, off))
	}
	end := chunk.End{ID: id, N: w.N, Offsets: chunk.Span(begin, upTo)}
	if upTo < begin+w.N {
		end.Partial, end.UpTo = true, upTo
		_, err := w.writer.CommitPartial(ctx, end, rows, nil)
		return err
	}
	if written {
		var states []element.State
		seen := map[string]int64{}
		for i := range rows {
			if rows[i].Camera != "" {
				seen[rows[i].Camera] = rows[i].Offset
			}
		}
		for _, camera := range slices.Sorted(maps.Keys(seen)) {
			end.Owed = append(end.Owed, camera)
			end.Cameras = append(end.Cameras, chunk.CameraOffset{Camera: camera, Last: seen[camera]})
			states = append(states, element.State{Camera: camera, Position: chunk.EndPosition(id.Index, w.N)})
		}
		_, err := w.writer.Commit(ctx, end, rows, states, nil)
		return err
	}
	var b bytes.Buffer
	if err := result.WriteParquet(&b, rows, w.meta[id.Partition.ID]); err != nil {
		return err
	}
	name := w.path(id.Partition.ID, id.Index)
	if !w.local {
		return w.folder.Put(ctx, name, store.WriteAll(b.Bytes()), (*store.Staged).PublishNew)
	}
	// Making each file last on the disk takes longer than everything else.
	file := w.folder.Path(name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}
