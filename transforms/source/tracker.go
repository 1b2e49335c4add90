package source

import (
	"errors"
	"fmt"
	"sync"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/sdf"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/log"
)

// Tracker hands out a [Restriction] claim by claim. A claim and everything that
// follows from it happen at once, under one lock, so that whatever moment an
// engine chooses for a checkpoint, each record and each chunk end lies on
// exactly one side of it. Between a chunk's last record and its end a
// checkpoint may fall, because the end is a claim of its own.
//
// It splits only at the current position, never at a fraction of the rest: the
// records of a partition have one order and one reader.
type Tracker struct {
	mu      sync.Mutex
	rest    Restriction
	claimed int64 // offsets claimed by this tracker
	stopped bool  // by a checkpoint: the residual has the rest
	err     error
}

// NewTracker tracks a restriction.
func NewTracker(r Restriction) *Tracker { return &Tracker{rest: r.clone()} }

var _ sdf.BoundableRTracker = (*Tracker)(nil)

// Records claims records of the open chunk, and with it that there are no
// others before Next.
type Records struct {
	Entries []Entry // ascending offsets; none to move on over offsets that hold nothing
	Next    int64   // the offset to go on from, at most the end of the open chunk
	Digest  uint64  // frame.Record.Digest of the last record
	Epoch   int32   // of the leader that appended it
}

// Entry is one record of a claim.
type Entry struct {
	Offset int64
	Camera string // "" when it belongs to none
	Last   int64  // set by the claim: the camera's offset before, or chunk.None
}

// Close claims the end of the open chunk, which must be due. The claim fills in
// the rest.
type Close struct {
	Forget int64 // chunks after which a camera is forgotten

	Index   int64
	Offsets chunk.Offsets
	Digest  uint64
	Saved   []chunk.CameraOffset // seen in the chunk, sorted
	Cleared []chunk.CameraOffset // forgotten now, sorted
	Cameras []chunk.CameraOffset // the others and Saved, sorted
}

// Tell claims the right to emit how far the open chunk has come; a successful claim fills
// in its fields. It fails when there is nothing new, without an effect on other claims. An
// interim one leaves the restriction as it is: whoever reads on from it may tell the same.
type Tell struct {
	Interim bool

	Index   int64
	UpTo    int64
	Offsets chunk.Offsets
	Digest  uint64
}

var errClaim = errors.New("kafka source: impossible claim")

// TryClaim claims a [*Records], [*Close] or [*Tell]. An impossible claim also
// sets the error of GetError.
func (t *Tracker) TryClaim(claim any) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return false
	}
	if tell, ok := claim.(*Tell); ok {
		return t.tell(tell)
	}
	if t.rest.done() {
		return false
	}
	switch c := claim.(type) {
	case *Records:
		t.err = t.records(c)
	case *Close:
		t.err = t.close(c)
	default:
		t.err = fmt.Errorf("%w: %T", errClaim, claim)
	}
	return t.err == nil
}

func (t *Tracker) records(c *Records) error {
	r := &t.rest
	from, end := r.Offset(), min((r.chunk()+1)*r.N, r.limit())
	if r.endDue() || c.Next <= from || c.Next > end {
		return fmt.Errorf("%w: records up to %d at position %d", errClaim, c.Next, r.Next)
	}
	for i, last := 0, from-1; i < len(c.Entries); i++ {
		if c.Entries[i].Offset <= last || c.Entries[i].Offset >= c.Next {
			return fmt.Errorf("%w: record at %d after %d and before %d", errClaim, c.Entries[i].Offset, last, c.Next)
		}
		last = c.Entries[i].Offset
	}
	for i := range c.Entries {
		m := &c.Entries[i]
		r.Offsets.Add(m.Offset)
		m.Last = chunk.None
		if m.Camera == "" {
			continue
		}
		if last, ok := r.Cameras[m.Camera]; ok {
			m.Last = last
		}
		r.Cameras[m.Camera] = m.Offset
	}
	if n := len(c.Entries); n > 0 {
		r.Last = log.Last{Offset: c.Entries[n-1].Offset, Digest: c.Digest, Epoch: c.Epoch}
	}
	t.claimed += c.Next - from
	r.Next = chunk.FramePosition(c.Next)
	if c.Next%r.N == 0 {
		r.Next = 2 * c.Next
	}
	r.Seen = max(r.Seen, c.Next)
	return nil
}

func (t *Tracker) close(c *Close) error {
	r := &t.rest
	if !r.endDue() {
		return fmt.Errorf("%w: the end of chunk %d at position %d", errClaim, r.chunk(), r.Next)
	}
	c.Index, c.Offsets, c.Digest = r.chunk(), r.Offsets, r.digest()
	for _, cam := range r.cameras() {
		switch age := c.Index - chunk.Of(cam.Last, r.N); {
		case age == 0:
			c.Saved = append(c.Saved, cam)
		case age >= c.Forget:
			c.Cleared = append(c.Cleared, cam)
			delete(r.Cameras, cam.Camera)
		}
	}
	c.Cameras = r.cameras()
	r.Offsets, r.Told = nil, chunk.None
	r.Next++
	return nil
}

func (t *Tracker) tell(c *Tell) bool {
	r := &t.rest
	if r.Offset()%r.N == 0 || r.Told == r.Offset() || t.stopped {
		return false
	}
	if !c.Interim {
		r.Told = r.Offset()
	}
	c.Index, c.UpTo, c.Offsets, c.Digest = chunk.Of(r.Offset()-1, r.N), r.Offset(), r.Offsets.Clone(), r.digest()
	return true
}

// Cut ends what is left at the current position, as if the task ended there.
func (t *Tracker) Cut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest.End = min(t.rest.End, t.rest.Next)
}

// GetError returns the error of an impossible claim.
func (t *Tracker) GetError() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// TrySplit at fraction 0 is a checkpoint: what is claimed stays, all else is the
// residual. At any other fraction nothing is split.
func (t *Tracker) TrySplit(fraction float64) (primary, residual any, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if fraction > 0 || t.rest.done() {
		return t.rest.clone(), nil, nil
	}
	res := t.rest.clone()
	t.rest.End = t.rest.Next
	t.stopped = true
	return t.rest.clone(), res, nil
}

// GetProgress returns the number of offsets claimed and the number of those that
// can be read now, exactly: 0 when caught up.
func (t *Tracker) GetProgress() (done, remaining float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return float64(t.claimed), float64(t.rest.backlog())
}

// IsDone reports whether everything is claimed.
func (t *Tracker) IsDone() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err == nil && t.rest.done()
}

// GetRestriction returns a copy of what is left.
func (t *Tracker) GetRestriction() any {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rest.clone()
}

// at returns where the tracker stands: the restriction without its maps.
func (t *Tracker) at() Restriction {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.rest
	r.Cameras, r.Offsets = nil, nil
	return r
}

// IsBounded is false for a task without end.
func (t *Tracker) IsBounded() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rest.End != never
}

// see takes note of the log's end.
func (t *Tracker) see(end int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest.Seen = max(t.rest.Seen, end)
}
