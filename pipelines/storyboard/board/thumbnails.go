package board

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"slices"
	"strings"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/pipelines/storyboard/nodes"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/picture"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

const (
	pictureWidth = 400 // pixels of a key frame on the page, at most
	objectSide   = 120 // of a track
	quality      = 74
	readBytes    = 1 << 20
	readWait     = 10 * time.Second
)

// thumbnails fetches the pictures of nodes from where the frames lie.
type thumbnails struct {
	frames *picture.Finder
	there  map[chunk.Partition]chunk.Offsets // that the log had when it was asked first
	made   map[int64]thumbnail               // by number of the node
	missed int
}

// thumbnail is a small JPEG, or why there is none.
type thumbnail struct {
	data          []byte
	width, height int
	why           string
}

// openThumbnails opens the log; close its frames.
func openThumbnails(ctx context.Context, spec log.Spec, parse frame.ParseOptions) (*thumbnails, error) {
	spec, err := spec.Absolute()
	if err != nil {
		return nil, err
	}
	frames, err := picture.OpenFinder(ctx, spec, parse)
	if err != nil {
		return nil, err
	}
	return &thumbnails{frames: frames, there: map[chunk.Partition]chunk.Offsets{}, made: map[int64]thumbnail{}}, nil
}

// fetch makes the pictures of nodes, in the order of the log.
func (t *thumbnails) fetch(ctx context.Context, of []*ranked) error {
	of = slices.Clone(of)
	slices.SortFunc(of, func(a, b *ranked) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Frame.Offset, b.Frame.Offset), cmp.Compare(a.ID, b.ID))
	})
	for _, n := range of {
		if _, has := t.made[n.ID]; has {
			continue
		}
		made, err := t.one(ctx, n)
		if err != nil {
			return fmt.Errorf("picture of %s: %w", n.Name(), err)
		}
		if made.why != "" {
			t.missed++
		}
		t.made[n.ID] = made
	}
	return nil
}

// one makes the picture of a node. That its frame is not to be had is no error.
func (t *thumbnails) one(ctx context.Context, n *ranked) (thumbnail, error) {
	rec, err := t.record(ctx, chunk.Partition{Topic: n.Topic, ID: n.Partition}, n.Frame.Offset)
	if err != nil {
		return thumbnail{}, err
	}
	if rec == nil {
		return thumbnail{why: "not, or no longer, where frames are read from"}, nil
	}
	f, err := t.frames.Parse(rec)
	if err != nil {
		return thumbnail{why: "cannot be read"}, nil //nolint:nilerr // told on the page
	}
	if f.Camera != n.Camera || f.Epoch != n.Frame.Epoch || f.Sequence != n.Frame.Sequence {
		return thumbnail{why: "another frame has its offset now"}, nil
	}
	m, err := pixels.Color(&f)
	if err != nil {
		return thumbnail{why: "cannot be decoded"}, nil //nolint:nilerr // told on the page
	}
	defer m.Close()
	if n.Kind == nodes.Track {
		return shrink(m, objectIn(n.Box, f.Width, f.Height), objectSide)
	}
	return shrink(m, image.Rect(0, 0, f.Width, f.Height), pictureWidth)
}

// record is the log's record at an offset, nil if it has none.
func (t *thumbnails) record(ctx context.Context, p chunk.Partition, offset int64) (*frame.Record, error) {
	there, known := t.there[p]
	if !known {
		first, end, err := t.frames.Log().Bounds(ctx, p)
		if err != nil {
			return nil, err
		}
		there = chunk.Span(first, end)
		t.there[p] = there
	}
	if !there.Contains(offset) {
		return nil, nil
	}
	recs, _, err := t.frames.Log().Read(ctx, p, offset, offset+1, readBytes, readWait)
	if errors.Is(err, log.ErrDataLoss) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for i := range recs {
		if recs[i].Offset == offset {
			return &recs[i], nil
		}
	}
	return nil, nil
}

// objectIn is a box with some of what is around it, in a frame of a size.
func objectIn(b nodes.Box, width, height int) image.Rectangle {
	x, y := int(b.X*int64(width)>>16), int(b.Y*int64(height)>>16)
	w, h := int(b.Width*int64(width)>>16)+1, int(b.Height*int64(height)>>16)+1
	r := image.Rect(x-w/5, y-h/10, x+w+w/5, y+h+h/10).Intersect(image.Rect(0, 0, width, height))
	if r.Empty() {
		return image.Rect(0, 0, width, height)
	}
	return r
}

// shrink is a part of a picture, no wider and higher than a side.
func shrink(m gocv.Mat, part image.Rectangle, side int) (thumbnail, error) {
	region := m.Region(part)
	defer region.Close()
	w, h := part.Dx(), part.Dy()
	if large := max(w, h); large > side {
		w, h = max(1, w*side/large), max(1, h*side/large)
	}
	small := gocv.NewMat()
	defer small.Close()
	gocv.Resize(region, &small, image.Pt(w, h), 0, 0, gocv.InterpolationArea)
	data, err := picture.EncodeJPEG(small, quality)
	if err != nil {
		return thumbnail{}, err
	}
	return thumbnail{data: data, width: w, height: h}, nil
}
