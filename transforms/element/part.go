package element

import (
	"fmt"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/wire"
)

// Part is one element on its way to the sink: any of results, a camera's state,
// and a chunk end. Parts may come in any order, more than once, and cut differently.
type Part struct {
	chunk.ID
	Results []result.Frame
	State   *State
	End     *chunk.End
}

// Marshal encodes the part for a shuffle.
func (p *Part) Marshal() []byte {
	b := p.ID.Append(nil)
	b = wire.Uint(b, uint64(len(p.Results)))
	for i := range p.Results {
		b = wire.Bytes(b, p.Results[i].Marshal())
	}
	b = wire.Bool(b, p.State != nil)
	if s := p.State; s != nil {
		b = wire.String(b, s.Camera)
		b = wire.Int(b, s.Position)
		b = wire.Bytes(b, s.Bytes)
	}
	b = wire.Bool(b, p.End != nil)
	if p.End != nil {
		b = wire.Bytes(b, p.End.Marshal())
	}
	return b
}

// UnmarshalPart is the inverse of [Part.Marshal].
func UnmarshalPart(b []byte) (Part, error) {
	r := wire.NewReader(b)
	p := Part{ID: chunk.ReadID(r)}
	if n := r.Count(); n > 0 {
		p.Results = make([]result.Frame, n)
		for i := range p.Results {
			f, err := result.Unmarshal(r.Bytes())
			if err != nil {
				return Part{}, fmt.Errorf("decode part of %v: %w", p.ID, err)
			}
			p.Results[i] = f
		}
	}
	if r.Bool() {
		p.State = &State{Camera: r.String(), Position: r.Int(), Bytes: r.Bytes()}
	}
	if r.Bool() {
		e, err := chunk.UnmarshalEnd(r.Bytes())
		if err != nil {
			return Part{}, fmt.Errorf("decode part of %v: %w", p.ID, err)
		}
		p.End = &e
	}
	if err := r.Close(); err != nil {
		return Part{}, fmt.Errorf("decode part: %w", err)
	}
	return p, nil
}
