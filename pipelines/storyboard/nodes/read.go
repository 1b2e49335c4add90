package nodes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/similarity"
)

func init() {
	beam.RegisterDoFn(&readFn{})
	beam.RegisterType(reflect.TypeOf(File{}))
	register.Emitter2[string, []byte]()
}

// File is a results file of an output, and the one of the same partition before it, in
// which key frames may lie that it tells of; "" if there is none.
type File struct {
	Number       int64 // its place in the list
	Name, Before string
}

// Files are those of an output, in the order of topic, partition and offset.
func Files(ctx context.Context, out *output.Output) ([]File, error) {
	all, err := out.Files(ctx)
	if err != nil {
		return nil, err
	}
	files := make([]File, len(all))
	for i, f := range all {
		files[i] = File{Number: int64(i), Name: f.Name}
		if i == 0 {
			continue
		}
		this, ok := f.Span()
		before, had := all[i-1].Span()
		if ok && had && this.Partition == before.Partition {
			files[i].Before = all[i-1].Name
		}
	}
	return files, nil
}

// Numbers of nodes: the file's, the row's in it, and 0 of its frame, or the place of a
// track's box, from 1 on. So they ascend as the log does.
const (
	placeBits = 12
	rowBits   = 28
	fileBits  = 22
)

func number(file int64, row, place int) (int64, error) {
	if file >= 1<<fileBits || row >= 1<<rowBits || place >= 1<<placeBits {
		return 0, fmt.Errorf("number of row %d of file %d: too many", row, file)
	}
	return file<<(rowBits+placeBits) | int64(row)<<placeBits | int64(place), nil
}

// readFn makes pieces of the rows of a file.
type readFn struct {
	Config Config
	out    *output.Output
	period period.Period

	rows, hashed beam.Counter
}

// Counters, in the namespace "framebeam".
const (
	RowsRead   = "storyboard_rows"
	RowsHashed = "storyboard_rows_with_hash"
)

// Setup opens the output.
func (fn *readFn) Setup(ctx context.Context) (err error) {
	fn.rows, fn.hashed = beam.NewCounter("framebeam", RowsRead), beam.NewCounter("framebeam", RowsHashed)
	if fn.out != nil {
		return nil
	}
	if fn.period, err = fn.Config.Period.period(); err != nil {
		return err
	}
	folder, err := store.Open(ctx, fn.Config.Output)
	if err != nil {
		return err
	}
	fn.out, err = output.OpenExisting(ctx, folder)
	return err
}

// ProcessElement emits the pieces of a file by their stretch or track.
func (fn *readFn) ProcessElement(ctx context.Context, file File, emit func(string, []byte)) error {
	rows, err := fn.read(ctx, file.Name)
	if err != nil {
		return err
	}
	p := pieces{fn: fn, file: file, rows: rows, of: map[string]*piece{}}
	if err := p.all(ctx); err != nil {
		return fmt.Errorf("results file %s: %w", file.Name, err)
	}
	fn.rows.Inc(ctx, p.taken)
	fn.hashed.Inc(ctx, p.hashed)
	for _, key := range slices.Sorted(maps.Keys(p.of)) {
		emit(key, p.of[key].marshal())
	}
	return nil
}

// read reads the rows of a file. A partial file that has grown meanwhile is gone.
func (fn *readFn) read(ctx context.Context, name string) ([]result.Frame, error) {
	rows, err := fn.out.Rows(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the output grows while it is read, run it again with --to a moment that it holds: %w", err)
	}
	return rows, err
}

// mostKinds is of how many kinds of happenings a piece keeps count.
const mostKinds = 1024

// pieces are made of the rows of one file.
type pieces struct {
	fn            *readFn
	file          File
	rows          []result.Frame
	before        []result.Frame // of the file before, once they were needed
	of            map[string]*piece
	taken, hashed int64
}

func (p *pieces) piece(key string) *piece {
	if p.of[key] == nil {
		p.of[key] = &piece{}
	}
	return p.of[key]
}

// at is when a frame was captured: when it was written to the log where nobody knows.
func at(r *result.Frame) int64 {
	if r.Captured != 0 {
		return r.Captured
	}
	return 1000 * r.Timestamp
}

func (p *pieces) wanted(r *result.Frame) bool {
	return r.Status == result.OK && (len(p.fn.Config.Cameras) == 0 || slices.Contains(p.fn.Config.Cameras, r.Camera)) &&
		p.fn.period.Contains(time.UnixMicro(at(r)))
}

// stretch is the key of the stretch of a camera's time.
func (p *pieces) stretch(r *result.Frame) string {
	return fmt.Sprintf("s\x00%s\x00%s\x00%d", r.Topic, r.Camera, at(r)/p.fn.Config.Every.Microseconds())
}

func (p *pieces) all(ctx context.Context) error {
	for i := range p.rows {
		r := &p.rows[i]
		if !p.wanted(r) {
			continue
		}
		p.taken++
		piece := p.piece(p.stretch(r))
		piece.last = max(piece.last, at(r))
		n, ok, err := shot(p.file.Number, i, r)
		if err != nil {
			return err
		}
		if ok {
			p.hashed++
			if len(piece.first) == 0 {
				n.To = n.From
				piece.first = []Node{n}
			}
		}
		for k := range r.Events {
			if err := p.event(ctx, r, &r.Events[k]); err != nil {
				return err
			}
		}
		if err := p.tracks(i, r); err != nil {
			return err
		}
	}
	return nil
}

// shot is the node of a frame; not ok if it has no hash.
func shot(file int64, row int, r *result.Frame) (n Node, ok bool, err error) {
	for _, f := range r.Features {
		switch f.Kind {
		case similarity.KindHash:
			h, err := similarity.ParseHash(f.Data)
			if err != nil || ok {
				continue
			}
			n.Hash, ok = uint64(h), true
		case similarity.KindHistogram:
			if n.Histogram == nil {
				n.Histogram = bytes.Clone(f.Data)
			}
		}
	}
	if !ok {
		return n, false, nil
	}
	n.ID, err = number(file, row, 0)
	n.Topic, n.Partition, n.Camera, n.Frame, n.From, n.To = r.Topic, r.Partition, r.Camera, frameOf(r), at(r), at(r)
	for _, d := range r.Detections {
		if d.Track != 0 && d.State != "tentative" && len(n.Tracks) < MostTracks {
			n.Tracks = append(n.Tracks, d.Track)
		}
	}
	return n, true, err
}

func frameOf(r *result.Frame) Frame { return Frame{r.Offset, at(r), r.Sequence, r.Epoch} }

// event notes what an event tells.
func (p *pieces) event(ctx context.Context, r *result.Frame, e *result.Event) error {
	switch {
	case e.Type == result.EventKeyFrame || e.Type == result.EventSceneCut:
		n, ok, err := p.told(ctx, r, e)
		if err != nil || !ok {
			return err
		}
		n.Cut = true
		to := p.piece(fmt.Sprintf("s\x00%s\x00%s\x00%d", n.Topic, n.Camera, n.From/p.fn.Config.Every.Microseconds()))
		if e.Type == result.EventSceneCut {
			to.begins = append(to.begins, n)
			return nil
		}
		shown := n.From
		n.From -= int64(float64(e.Value) * 1e6)
		n.To = p.ended(r, shown)
		to.keys = append(to.keys, n)
	case result.OfAnalysis(*e):
		to := p.piece(p.stretch(r))
		w := What{e.Type, e.Rule, e.Transition, e.Label}
		if len(to.events) < MostEvents {
			to.events = append(to.events, Event{at(r), r.Offset, w})
		}
		if i := slices.IndexFunc(to.counts, func(c Count) bool { return c.What == w }); i >= 0 {
			to.counts[i].Times++
		} else if len(to.counts) < mostKinds {
			to.counts = append(to.counts, Count{w, 1})
		}
	}
	return nil
}

// ended is when the shot of a key frame ended, which was shown then: where the next began,
// if the row that tells it tells that too.
func (p *pieces) ended(r *result.Frame, shown int64) int64 {
	for i := range r.Events {
		if e := &r.Events[i]; e.Type == result.EventSceneCut {
			if first, _ := p.find(e.Snapshot); first != nil {
				return max(shown, at(first))
			}
		}
	}
	return max(shown, min(at(r), shown+p.fn.Config.Every.Microseconds()))
}

// told is the node of the frame that an event points at.
func (p *pieces) told(ctx context.Context, r *result.Frame, e *result.Event) (Node, bool, error) {
	if len(p.rows) > 0 && e.Snapshot < p.rows[0].Offset && p.before == nil && p.file.Before != "" {
		var err error
		if p.before, err = p.fn.read(ctx, p.file.Before); err != nil {
			return Node{}, false, err
		}
	}
	row, number := p.find(e.Snapshot)
	if row == nil || row.Camera != r.Camera || !p.wanted(row) {
		return Node{}, false, nil
	}
	return shot(number>>rowBits, int(number&(1<<rowBits-1)), row)
}

// find is the row of an offset, nil if it is in neither file, and the number of its file and
// its place in it. The key frame of a shot longer than a file may be in neither: then the
// stretches of that shot show their first frames.
func (p *pieces) find(offset int64) (row *result.Frame, number int64) {
	for i, rows := range [][]result.Frame{p.rows, p.before} {
		k, ok := slices.BinarySearchFunc(rows, offset, func(r result.Frame, o int64) int { return int(min(1, max(-1, r.Offset-o))) })
		if ok {
			return &rows[k], (p.file.Number-int64(i))<<rowBits | int64(k)
		}
	}
	return nil, 0
}

// tracks notes where the tracks of a frame are.
func (p *pieces) tracks(row int, r *result.Frame) error {
	if r.Width <= 0 || r.Height <= 0 {
		return nil
	}
	for i, d := range r.Detections {
		if d.Track == 0 || d.State == "tentative" || d.State == "lost" || i+1 >= 1<<placeBits {
			continue
		}
		box := Box{
			X: int64(d.X) << 16 / int64(r.Width), Y: int64(d.Y) << 16 / int64(r.Height),
			Width: int64(d.Width) << 16 / int64(r.Width), Height: int64(d.Height) << 16 / int64(r.Height),
		}
		to := p.piece(fmt.Sprintf("t\x00%s\x00%d\x00%d", r.Topic, r.Partition, d.Track))
		if to.track == nil {
			id, err := number(p.file.Number, row, i+1)
			if err != nil {
				return err
			}
			to.track = &Node{
				ID: id, Kind: Track, Topic: r.Topic, Partition: r.Partition, Camera: r.Camera, Frame: frameOf(r),
				From: at(r), Track: d.Track, Label: strings.ToValidUTF8(d.Label, "\uFFFD"), First: box, Box: box,
			}
		}
		n := to.track
		n.To, n.Last = max(n.To, at(r)), box
		n.Frames++
		if box.area() > n.Box.area() {
			n.Box, n.Frame = box, frameOf(r)
		}
	}
	return nil
}

func (x Box) area() int64 { return x.Width * x.Height }
