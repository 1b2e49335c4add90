package area

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/history/settings"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/cellmap"
	"github.com/framebeam/framebeam/transforms/vision/geometry"
)

// activity is the analysis whose rules store cells in which something moved, and the label
// of these cells.
const activity = "activity"

// asksCells reports whether cells would be an answer. They stand nowhere: only boxes have a
// lower edge.
func (q *Query) asksCells() bool {
	return !q.Feet && (len(q.Labels) == 0 || slices.Contains(q.Labels, activity)) &&
		(len(q.Analyses) == 0 || slices.ContainsFunc(q.Analyses, ofActivity))
}

// hasCells reports whether the output may have cells.
func hasCells(o *output.Output) bool { return settings.MayHave(o, ofActivity) }

func ofActivity(analysis string) bool {
	return analysis == activity || strings.HasPrefix(analysis, activity+"/")
}

// cells counts active cells in the area.
type cells struct {
	area       geometry.Polygon
	masks      map[cut][]byte
	unreadable int64
	reason     error // of the first
}

// cut is how a picture is cut into cells.
type cut struct {
	cellmap.Grid
	width, height int32 // pixels
}

// mostMasks bounds what is remembered, a few hundred bytes for each size of pictures.
const mostMasks = 256

// there is how many of a frame's active cells meet the area: of several rules' the most.
func (c *cells) there(row *result.Frame, wanted func(analysis string) bool) (most int) {
	for i := range row.Features {
		x := &row.Features[i]
		if !ofActivity(x.Analysis) || !wanted(x.Analysis) {
			continue
		}
		g, ok := cellmap.ParseKind(x.Kind)
		if !ok {
			continue // another kind of feature
		}
		if !g.Of(int(row.Width), int(row.Height)) || len(x.Data) != g.Bytes() {
			if c.unreadable++; c.reason == nil {
				c.reason = fmt.Errorf("%s/%d@%d: %s: %d bytes of %s for %dx%d pixels", row.Topic, row.Partition, row.Offset, x.Analysis,
					len(x.Data), x.Kind, row.Width, row.Height)
			}
			continue
		}
		n := 0
		for i, b := range c.mask(cut{g, row.Width, row.Height}) {
			n += bits.OnesCount8(b & x.Data[i])
		}
		most = max(most, n)
	}
	return most
}

// mask are the cells that meet the area.
func (c *cells) mask(of cut) []byte {
	if m := c.masks[of]; m != nil {
		return m
	}
	if c.masks == nil || len(c.masks) == mostMasks {
		c.masks = map[cut][]byte{}
	}
	m := cellmap.Make(of.Columns * of.Rows)
	for i := range of.Columns * of.Rows {
		x, y, w, h := of.Cell(i, int(of.width), int(of.height))
		if c.area.Meets(geometry.BoxOf(int32(x), int32(y), int32(w), int32(h), of.width, of.height)) {
			m.Mark(i)
		}
	}
	c.masks[of] = m
	return m
}
