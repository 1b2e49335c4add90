package chunksink

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/wire"
)

// collectorVersion is the version of a Collector's encoding in keyed state.
const collectorVersion = 1

// Collector decides, part by part, whether a chunk is complete. It is a small
// summary of the parts seen so far, to be kept between them; what the parts hold
// is kept elsewhere, in any order, and asked for only when it is needed.
//
// Whatever the engine does between stages (parts shuffled, repeated, cut anew
// with other bounds and overlapping, the end first or twice), what is ready is
// the same.
type Collector struct {
	id chunk.ID
	// generation in which collecting began: parts of two generations never mix.
	generation int
	held       chunk.Offsets
	states     []string   // cameras whose state is held, sorted
	end        *chunk.End // of the whole chunk
	wish       *chunk.End // the partial end that is not fulfilled yet
	upTo       int64      // a partial end up to here has been fulfilled
}

// NewCollector begins to collect a chunk.
func NewCollector(id chunk.ID, generation int) *Collector {
	return &Collector{id: id, generation: generation}
}

// Generation is the one in which collecting began.
func (c *Collector) Generation() int { return c.generation }

// Ready is what is to be published: a whole chunk, or the beginning of one. Of an interim
// end neither rows nor states are said: they are among what was kept.
type Ready struct {
	End    chunk.End
	Rows   []result.Frame  // ascending offsets
	States []element.State // in the order of End.Owed
}

// Add takes a part. keep is what must be stored of it, nil if nothing. stored
// returns all that was kept so far, in any order; it is called only when
// something is ready and when the part repeats an offset or a state, to compare.
//
// ready is nil until something can be published. Once it is the whole chunk the
// collector and what was stored are to be dropped.
//
// Of equal offsets the first wins; one with other content, a second end with
// other content, or more than the end names is output.ErrPromiseBroken.
func (c *Collector) Add(p *element.Part, stored func() ([][]byte, error)) (keep []byte, ready *Ready, err error) {
	if p.ID != c.id {
		return nil, nil, fmt.Errorf("a part of %v came to %v", p.ID, c.id)
	}
	var kept *contents // read once
	read := func() (*contents, error) {
		if kept == nil {
			parts, err := stored()
			if err != nil {
				return nil, err
			}
			kept, err = c.read(parts)
			if err != nil {
				return nil, err
			}
		}
		return kept, nil
	}

	fresh := element.Part{ID: c.id}
	for i := range p.Results {
		r := &p.Results[i]
		if c.held.Contains(r.Offset) {
			if err := c.compareRow(r, read, fresh.Results); err != nil {
				return nil, nil, err
			}
			continue
		}
		c.held.Add(r.Offset)
		fresh.Results = append(fresh.Results, *r)
	}
	if p.State != nil {
		if i, ok := slices.BinarySearch(c.states, p.State.Camera); !ok {
			c.states = slices.Insert(c.states, i, p.State.Camera)
			fresh.State = p.State
		} else if err := c.compareState(p.State, read); err != nil {
			return nil, nil, err
		}
	}
	asked := false // for more than was published
	if p.End != nil {
		if asked, err = c.addEnd(p.End); err != nil {
			return nil, nil, err
		}
	}
	if err := c.checkSurplus(); err != nil {
		return nil, nil, err
	}
	if fresh.Results != nil || fresh.State != nil {
		keep = fresh.Marshal()
	}

	due := c.due(asked)
	if due == nil {
		return keep, nil, nil
	}
	if due.Interim {
		return keep, &Ready{End: *due}, nil
	}
	all, err := read()
	if err != nil {
		return nil, nil, err
	}
	all.add(&fresh)
	ready, err = all.ready(due)
	return keep, ready, err
}

// addEnd takes an end, and reports whether it asks for the beginning of the chunk.
func (c *Collector) addEnd(e *chunk.End) (asked bool, err error) {
	if e.ID != c.id {
		return false, fmt.Errorf("an end of %v came to %v", e.ID, c.id)
	}
	e = ownEnd(e)
	switch {
	case !e.Partial && c.end == nil:
		c.end, c.wish = e, nil
	case !e.Partial:
		if !bytes.Equal(e.Marshal(), c.end.Marshal()) {
			return false, fmt.Errorf("%v: %w: two different ends: %s and %s", c.id, output.ErrPromiseBroken, told(c.end), told(e))
		}
	case c.end == nil && e.UpTo > c.upTo && (c.wish == nil || e.UpTo > c.wish.UpTo || e.UpTo == c.wish.UpTo && !e.Interim):
		c.wish = e
		return true, nil
	}
	return false, nil
}

// told is all that may differ of two ends of a chunk.
func told(e *chunk.End) string {
	return fmt.Sprintf("offsets %v of %d, owed by %q, last digest %x, cameras %v", e.Offsets, e.N, e.Owed, e.LastDigest, e.Cameras)
}

func ownEnd(e *chunk.End) *chunk.End {
	own := *e
	own.Offsets = e.Offsets.Clone()
	return &own
}

// checkSurplus refuses what the chunk's end does not name.
func (c *Collector) checkSurplus() error {
	if c.end == nil {
		return nil
	}
	if !c.end.Offsets.Covers(c.held) {
		return fmt.Errorf("%v: %w: there are results of offsets %v, the end names only %v", c.id, output.ErrPromiseBroken, c.held, c.end.Offsets)
	}
	for _, camera := range c.states {
		if _, ok := slices.BinarySearch(c.end.Owed, camera); !ok {
			return fmt.Errorf("%v: %w: there is a state of camera %s, which the end does not name", c.id, output.ErrPromiseBroken, camera)
		}
	}
	return nil
}

// due returns the end that can be published now. If it has just been asked for the beginning
// of the chunk, that is as much as there is, so that somebody who asks more often than the
// analyses take gets something.
func (c *Collector) due(asked bool) *chunk.End {
	switch {
	case c.end != nil:
		if c.held.Equal(c.end.Offsets) && slices.Equal(c.states, c.end.Owed) {
			return c.end
		}
	case c.wish != nil && c.held.Covers(c.wish.Offsets):
		end := c.wish
		c.wish = nil
		if !end.Interim {
			c.upTo = end.UpTo
		}
		return end
	case asked && c.wish.Interim:
		return c.soFar()
	}
	return nil
}

// soFar is the wish up to the first offset that is not held; nil if that is its first.
func (c *Collector) soFar() *chunk.End {
	end := *c.wish
	for o := range c.wish.Offsets.All {
		if !c.held.Contains(o) {
			end.UpTo, end.Offsets = o, c.wish.Offsets.Below(o)
			break
		}
	}
	if len(end.Offsets) == 0 {
		return nil
	}
	return &end
}

func (c *Collector) compareRow(r *result.Frame, read func() (*contents, error), fresh []result.Frame) error {
	var first *result.Frame
	for i := range fresh { // repeated within one part
		if fresh[i].Offset == r.Offset {
			first = &fresh[i]
		}
	}
	if first == nil {
		kept, err := read()
		if err != nil {
			return err
		}
		var ok bool
		if first, ok = kept.rows[r.Offset]; !ok {
			return fmt.Errorf("%v: the stored results lack offset %d: keyed state was lost", c.id, r.Offset)
		}
	}
	if !bytes.Equal(first.Marshal(), r.Marshal()) {
		return fmt.Errorf("%v offset %d: %w: first %s, then %s", c.id, r.Offset, output.ErrPromiseBroken, line(first), line(r))
	}
	return nil
}

// line shows a result, all of it, on one line.
func line(r *result.Frame) string {
	var b strings.Builder
	if err := result.WriteJSONL(&b, []result.Frame{*r}); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}

func (c *Collector) compareState(s *element.State, read func() (*contents, error)) error {
	kept, err := read()
	if err != nil {
		return err
	}
	first, ok := kept.states[s.Camera]
	if !ok {
		return fmt.Errorf("%v: the stored states lack camera %s: keyed state was lost", c.id, s.Camera)
	}
	if first.Position != s.Position || !bytes.Equal(first.Bytes, s.Bytes) {
		return fmt.Errorf("%v: %w: camera %s has two different states", c.id, output.ErrPromiseBroken, s.Camera)
	}
	return nil
}

// contents is what was stored of a chunk, taken apart.
type contents struct {
	id     chunk.ID
	rows   map[int64]*result.Frame
	states map[string]*element.State
}

func (c *Collector) read(stored [][]byte) (*contents, error) {
	all := &contents{c.id, map[int64]*result.Frame{}, map[string]*element.State{}}
	for _, b := range stored {
		p, err := element.UnmarshalPart(b)
		if err != nil {
			return nil, fmt.Errorf("%v: stored part: %w", c.id, err)
		}
		all.add(&p)
	}
	return all, nil
}

// sinceThen takes kept parts apart at an offset: the rows before it, ascending, what is to be
// kept as published, and what is not published yet.
func sinceThen(id chunk.ID, kept [][]byte, upTo int64) (rows []result.Frame, before, after [][]byte, err error) {
	for _, b := range kept {
		p, err := element.UnmarshalPart(b)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("%v: stored part: %w", id, err)
		}
		early, late := element.Part{ID: p.ID, State: p.State}, element.Part{ID: p.ID}
		for _, r := range p.Results {
			if r.Offset < upTo {
				early.Results = append(early.Results, r)
			} else {
				late.Results = append(late.Results, r)
			}
		}
		rows = append(rows, early.Results...)
		switch {
		case len(late.Results) == 0:
			before = append(before, b)
		case len(early.Results) == 0 && early.State == nil:
			after = append(after, b)
		default:
			before, after = append(before, early.Marshal()), append(after, late.Marshal())
		}
	}
	slices.SortFunc(rows, func(a, b result.Frame) int { return cmp.Compare(a.Offset, b.Offset) })
	return rows, before, after, nil
}

func (c *contents) add(p *element.Part) {
	for i := range p.Results {
		c.rows[p.Results[i].Offset] = &p.Results[i]
	}
	if p.State != nil {
		c.states[p.State.Camera] = p.State
	}
}

func (c *contents) ready(end *chunk.End) (*Ready, error) {
	r := &Ready{End: *ownEnd(end)}
	for o := range end.Offsets.All {
		row, ok := c.rows[o]
		if !ok {
			return nil, fmt.Errorf("%v: the stored results lack offset %d: keyed state was lost", c.id, o)
		}
		r.Rows = append(r.Rows, *row)
	}
	slices.SortFunc(r.Rows, func(a, b result.Frame) int { return cmp.Compare(a.Offset, b.Offset) })
	for _, camera := range end.Owed {
		s, ok := c.states[camera]
		if !ok {
			return nil, fmt.Errorf("%v: the stored states lack camera %s: keyed state was lost", c.id, camera)
		}
		r.States = append(r.States, *s)
	}
	return r, nil
}

// Marshal encodes the collector for keyed state.
func (c *Collector) Marshal() []byte {
	b := []byte{collectorVersion}
	b = wire.String(b, c.id.Key())
	b = wire.Int(b, int64(c.generation))
	b = c.held.Append(b)
	b = wire.Uint(b, uint64(len(c.states)))
	for _, camera := range c.states {
		b = wire.String(b, camera)
	}
	for _, e := range []*chunk.End{c.end, c.wish} {
		b = wire.Bool(b, e != nil)
		if e != nil {
			b = wire.Bytes(b, e.Marshal())
		}
	}
	return wire.Int(b, c.upTo)
}

// UnmarshalCollector is the inverse of [Collector.Marshal].
func UnmarshalCollector(b []byte) (*Collector, error) {
	r, err := wire.Open(b, collectorVersion)
	if err != nil {
		return nil, fmt.Errorf("decode collector: %w", err)
	}
	id, err := chunk.ParseKey(r.String())
	if err != nil {
		return nil, fmt.Errorf("decode collector: %w", err)
	}
	c := &Collector{id: id, generation: int(r.Int()), held: chunk.ReadOffsets(r)}
	for range r.Count() {
		c.states = append(c.states, r.String())
	}
	for _, e := range []**chunk.End{&c.end, &c.wish} {
		if !r.Bool() {
			continue
		}
		end, err := chunk.UnmarshalEnd(r.Bytes())
		if err != nil {
			return nil, fmt.Errorf("decode collector: %w", err)
		}
		*e = &end
	}
	c.upTo = r.Int()
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("decode collector: %w", err)
	}
	return c, nil
}
