package nodes

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/similarity"
)

// Numbers of nodes: the partition's, the offset, and 0 of the frame, or the place of a
// track's box, from 1 on. So they ascend as the log does, however it is cut into files.
const (
	placeBits     = 12
	offsetBits    = 40
	partitionBits = 10
)

func number(partition, offset int64, place int) (int64, error) {
	if partition >= 1<<partitionBits || offset < 0 || offset >= 1<<offsetBits || place >= 1<<placeBits {
		return 0, fmt.Errorf("the storyboard has no number for offset %d of partition %d of the output's", offset, partition)
	}
	return partition<<(offsetBits+placeBits) | offset<<placeBits | int64(place), nil
}

// mostKinds is of how many kinds of happenings a piece keeps count.
const mostKinds = 1024

// pieces are made of the rows of one file.
type pieces struct {
	fn            *readFn
	file          File
	rows          []result.Frame
	elsewhere     map[int64]*result.Frame // rows of other files, by offset; nil: not wanted
	of            map[string]*piece
	taken, hashed int64
}

func (p *pieces) piece(key string) *piece {
	if p.of[key] == nil {
		p.of[key] = &piece{}
	}
	return p.of[key]
}

func at(r *result.Frame) int64 { return r.At().UnixMicro() }

// stretch is the piece of the stretch of a camera's time in which a moment lies.
func (p *pieces) stretch(topic, camera string, at int64) *piece {
	return p.piece(fmt.Sprintf("s\x00%s\x00%s\x00%d", topic, camera, at/p.fn.Config.Every.Microseconds()))
}

func (p *pieces) all(ctx context.Context) error {
	for i := range p.rows {
		r := &p.rows[i]
		p.taken++
		piece := p.stretch(r.Topic, r.Camera, at(r))
		piece.last = max(piece.last, at(r))
		n, ok, err := shot(p.file.Partition, r)
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
		if err := p.tracks(r); err != nil {
			return err
		}
	}
	return nil
}

// shot is the node of a frame; not ok if it has no hash.
func shot(partition int64, r *result.Frame) (n Node, ok bool, err error) {
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
	n.ID, err = number(partition, r.Offset, 0)
	n.Topic, n.Partition, n.Camera, n.Frame, n.From, n.To = r.Topic, r.Partition, r.Camera, frameOf(r), at(r), at(r)
	for _, d := range r.Detections {
		if ofTrack(&d) && len(n.Tracks) < MostTracks {
			n.Tracks = append(n.Tracks, d.Track)
		}
	}
	return n, true, err
}

// ofTrack reports whether the detection is of a track that is sure of its object, and does not
// guess where that is.
func ofTrack(d *result.Detection) bool {
	return d.Track != 0 && d.State != "tentative" && d.State != "lost"
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
		to := p.stretch(n.Topic, n.Camera, n.From)
		if e.Type == result.EventSceneCut {
			to.begins = append(to.begins, n)
			return nil
		}
		shown := n.From
		n.From -= int64(float64(e.Value) * 1e6)
		if n.To, err = p.ended(ctx, r, shown); err != nil {
			return err
		}
		to.keys = append(to.keys, n)
	case result.OfAnalysis(*e):
		to := p.stretch(r.Topic, r.Camera, at(r))
		w := What{e.Type, e.Rule, e.Transition, e.Label}
		if to.events = append(to.events, Event{at(r), r.Offset, w}); len(to.events) > MostEvents {
			to.events = firstOf(to.events)
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
func (p *pieces) ended(ctx context.Context, r *result.Frame, shown int64) (int64, error) {
	for i := range r.Events {
		if e := &r.Events[i]; e.Type == result.EventSceneCut {
			first, err := p.find(ctx, e.Snapshot)
			if err != nil {
				return 0, err
			}
			if first != nil {
				return max(shown, at(first)), nil
			}
		}
	}
	return max(shown, min(at(r), shown+p.fn.Config.Every.Microseconds())), nil
}

// told is the node of the frame that an event points at.
func (p *pieces) told(ctx context.Context, r *result.Frame, e *result.Event) (Node, bool, error) {
	row, err := p.find(ctx, e.Snapshot)
	if err != nil || row == nil || row.Camera != r.Camera {
		return Node{}, false, err
	}
	return shot(p.file.Partition, row)
}

// find is the row of an offset, nil if it is not wanted. It may lie in another file: the key
// frame of a long shot does.
func (p *pieces) find(ctx context.Context, offset int64) (*result.Frame, error) {
	if k, ok := slices.BinarySearchFunc(p.rows, offset, func(r result.Frame, o int64) int { return cmp.Compare(r.Offset, o) }); ok {
		return &p.rows[k], nil
	}
	if offset >= p.rows[0].Offset {
		return nil, nil
	}
	if row, known := p.elsewhere[offset]; known {
		return row, nil
	}
	name, err := p.fileOf(ctx, offset)
	if err != nil {
		return nil, err
	}
	var rows []result.Frame
	if name != "" {
		rows, err = p.fn.read(ctx, name, func(r *result.Frame) bool { return r.Offset == offset && p.fn.wanted(r) })
		if err != nil {
			return nil, err
		}
	}
	if p.elsewhere == nil {
		p.elsewhere = map[int64]*result.Frame{}
	}
	p.elsewhere[offset] = nil
	if len(rows) > 0 {
		p.elsewhere[offset] = &rows[0]
	}
	return p.elsewhere[offset], nil
}

// fileOf is the file that may hold an offset, "" if there is none.
func (p *pieces) fileOf(ctx context.Context, offset int64) (name string, err error) {
	of := chunk.Partition{Topic: p.rows[0].Topic, ID: p.rows[0].Partition}
	err = p.fn.files.Files(ctx, of, offset, func(e output.Entry) error {
		if e.Span.Start <= offset {
			name = e.Name
		}
		return errEnough
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return name, err
}

var errEnough = errors.New("enough")

// tracks notes where the tracks of a frame are.
func (p *pieces) tracks(r *result.Frame) error {
	if r.Width <= 0 || r.Height <= 0 {
		return nil
	}
	for i, d := range r.Detections {
		if !ofTrack(&d) || i+1 >= 1<<placeBits {
			continue
		}
		box := Box{
			X: int64(d.X) << 16 / int64(r.Width), Y: int64(d.Y) << 16 / int64(r.Height),
			Width: int64(d.Width) << 16 / int64(r.Width), Height: int64(d.Height) << 16 / int64(r.Height),
		}
		to := p.piece(fmt.Sprintf("t\x00%s\x00%d\x00%d", r.Topic, r.Partition, d.Track))
		if to.track == nil {
			id, err := number(p.file.Partition, r.Offset, i+1)
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
