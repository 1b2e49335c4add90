package sequence

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/wire"
)

// DefaultStateLimit is how many bytes all of a camera's state may take.
const DefaultStateLimit = 320 << 10

// DefaultSilence is the gap in capture times after which analyses start anew.
const DefaultSilence = 10 * time.Second

// Analyzer feeds the frames of cameras to a list of steps. It is immutable and
// may be used without Beam: see [Analyzer.Start].
type Analyzer struct {
	steps   []Step
	silence time.Duration
	limit   int
	room    int // of it, for the numbers

	took []atomic.Int64 // by each step, in nanoseconds, since the start; for whoever measures
}

// leastRoom is how many bytes of the state the numbers of frames must have: some epochs.
const leastRoom = 512

// NewAnalyzer makes an analyzer. silence is the longest gap between the capture
// times of two frames of one epoch that is no interruption (0: DefaultSilence);
// limit is the most bytes of state per camera (0: DefaultStateLimit).
func NewAnalyzer(steps []Step, silence time.Duration, limit int) (*Analyzer, error) {
	if silence == 0 {
		silence = DefaultSilence
	}
	if limit == 0 {
		limit = DefaultStateLimit
	}
	if silence < 0 || limit < 0 {
		return nil, fmt.Errorf("analyzer: silence %v and state limit %d must not be negative", silence, limit)
	}
	// The steps have three quarters of it.
	room := limit/4 - 2*binary.MaxVarintLen64
	names := map[string]bool{}
	for _, s := range steps {
		if names[s.Name()] {
			return nil, fmt.Errorf("analyzer: two steps are named %q", s.Name())
		}
		names[s.Name()] = true
		room -= len(s.Name()) + len(s.Digest()) + 3*binary.MaxVarintLen32
	}
	if room < leastRoom {
		return nil, fmt.Errorf("analyzer: state limit %d leaves %d bytes beside what analyses remember and are named, at least %d are needed: raise it, or use fewer analyses or schedules", limit, room, leastRoom)
	}
	return &Analyzer{steps: steps, silence: silence, limit: limit, room: room, took: make([]atomic.Int64, len(steps))}, nil
}

// Pixels is the most that any step needs.
func (a *Analyzer) Pixels() frame.Pixels {
	need := frame.NoPixels
	for _, s := range a.steps {
		need = max(need, s.Pixels())
	}
	return need
}

// Close releases what the steps hold, such as networks, of which they make new ones where
// they are used again. It closes no camera.
func (a *Analyzer) Close() error {
	var errs []error
	for _, s := range a.steps {
		errs = append(errs, closeStep(s))
	}
	return errors.Join(errs...)
}

func closeStep(s Step) error {
	if c, ok := s.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Camera is what is remembered of one camera between two of its frames.
type Camera struct {
	a        *Analyzer
	numbers  numbers
	captured int64 // of the last frame that was analysed, ns since 1970; 0: none
	memories []Memory
	told     *sourceMemory // nil: nothing was said of its source

	// forgettable: the camera may have been seen, and been forgotten, before the
	// frames that come now. It follows from where they lie and is not saved.
	forgettable bool
}

// Start returns the state of a camera never seen.
func (a *Analyzer) Start() *Camera {
	c := &Camera{a: a, memories: make([]Memory, len(a.steps))}
	for i, s := range a.steps {
		c.memories[i] = s.Start()
	}
	return c
}

// InChunk says that the frames that come now lie in chunk k, of a log whose cameras are
// forgotten after so many chunks without a frame; 0: never. The log alone decides, since a
// job that begins anew does not know whom earlier ones have forgotten: where it is shorter
// than that, nobody was.
func (c *Camera) InChunk(k, forget int64) { c.forgettable = forget > 0 && k >= forget }

// Next analyses the camera's next record: it completes it.Result. Frames that
// could not be read, that repeat or that come late are not shown to the steps.
func (c *Camera) Next(it *element.Item) error {
	res, f := &it.Result, &it.Frame
	if res.Status == result.Source {
		c.source(it)
		return nil
	}
	if res.Status != result.OK {
		return nil
	}
	unknown := c.forgettable && len(c.numbers.epochs) == 0
	v := c.numbers.see(f)
	v.forgotten = c.numbers.trim(c.a.room-c.told.size(), v.forgotten)
	if res.Status = v.status; v.status != result.OK {
		// What the per-frame stage found in it belongs to the frame's first result.
		res.Quality, res.Detections, res.Features = nil, nil, nil
		tellForgotten(res, v.forgotten)
		identify(res, 0, "")
		return nil
	}
	if v.begins {
		c.breaks(NewEpoch)
		res.Events = append(res.Events, Event(res, result.EventEpochStarted, "epoch %s", f.Epoch))
	}
	if unknown && v.begins && !frame.LiveEpoch(f.Epoch) {
		res.Events = append(res.Events, Event(res, result.EventCameraUnknown, "the camera is new, or has been silent for so long that it was forgotten"))
	}
	if v.missing > 0 {
		c.breaks(Missing)
		res.Events = append(res.Events, Event(res, result.EventFramesMissing, result.MissingDetail, v.missing, f.Sequence))
	}
	at := f.Captured.UnixNano()
	if gap := time.Duration(at - c.captured); !v.begins && c.captured != 0 && gap > c.a.silence {
		c.breaks(Silence)
		res.Events = append(res.Events, Event(res, result.EventSilence, result.SilenceDetail, gap))
	}
	c.captured = at
	if c.told != nil {
		c.told.seen(res)
	}
	tellForgotten(res, v.forgotten)
	identify(res, 0, "")

	in := newInput(res, f)
	defer in.close()
	begun := time.Now()
	for i, m := range c.memories {
		first := len(res.Events)
		err := m.Next(in, res)
		now := time.Now()
		c.a.took[i].Add(int64(now.Sub(begun)))
		begun = now
		if len(res.Events) > first { // digests are made anew each time
			identify(res, first, c.a.steps[i].Digest())
		}
		if err != nil {
			if p := asPoison(err); p != nil {
				res.Kill(p)
				res.Quality, res.Detections, res.Features = nil, nil, nil
				return nil
			}
			return fmt.Errorf("step %s at topic %s partition %d offset %d camera %s: %w",
				c.a.steps[i].Name(), res.Topic, res.Partition, res.Offset, res.Camera, err)
		}
	}
	return nil
}

func tellForgotten(res *result.Frame, epochs []string) {
	if len(epochs) > 0 {
		res.Events = append(res.Events, Event(res, result.EventEpochForgotten, "%s: frames of it that are published again will be analysed again", strings.Join(epochs, ", ")))
	}
}

func (c *Camera) breaks(b Break) {
	for _, m := range c.memories {
		m.Break(b)
	}
}

// Holder is a Memory that holds pixels beside what it saves.
type Holder interface{ Held() int } // bytes

func (c *Camera) held() (n int) {
	for _, m := range c.memories {
		if h, ok := m.(Holder); ok {
			n += h.Held()
		}
	}
	return n
}

// Close releases what the steps hold outside Go.
func (c *Camera) Close() {
	for _, m := range c.memories {
		m.Close()
	}
	c.memories = nil
}

// Versions of the encoding of a saved camera. Version 1: numbers, time of the last
// frame, then for each step its name, its digest and what its memory saved. Version 2
// has what is remembered of the camera's source behind that; a camera of which nothing
// was said is saved in version 1, so that it has the bytes that it always had. Older
// versions are read as long as a reader for them stands in [Analyzer.Restore]; newer
// ones are refused.
const (
	cameraVersion       = 1
	cameraSourceVersion = 2
)

// Save encodes the camera so that [Analyzer.Restore] gives one that continues
// exactly alike. It fails if the encoding is over the limit.
func (c *Camera) Save() ([]byte, error) {
	b := []byte{cameraVersion}
	if c.told != nil {
		b[0] = cameraSourceVersion
	}
	b = c.numbers.append(b)
	b = wire.Int(b, c.captured)
	b = wire.Uint(b, uint64(len(c.memories)))
	for i, m := range c.memories {
		b = wire.String(b, c.a.steps[i].Name())
		b = wire.String(b, c.a.steps[i].Digest())
		b = wire.Bytes(b, m.Save())
	}
	if c.told != nil {
		b = c.told.append(b)
	}
	if len(b) > c.a.limit {
		return nil, fmt.Errorf("state of %d bytes is over the limit of %d", len(b), c.a.limit)
	}
	return b, nil
}

// Restore is the inverse of [Camera.Save]. A step that was not there then, or
// whose digest has changed since, starts afresh; one that is gone is left out.
func (a *Analyzer) Restore(saved []byte) (*Camera, error) {
	c, there, err := a.open(saved)
	if err != nil {
		return nil, err
	}
	c.numbers.trim(a.room-c.told.size(), nil) // it may have been saved under a higher limit
	for _, s := range a.steps {
		m, ok := there[s.Name()]
		if !ok || m.digest != s.Digest() {
			c.memories = append(c.memories, s.Start())
			continue
		}
		mem, err := s.Restore(m.saved)
		if err != nil {
			c.Close()
			return nil, fmt.Errorf("restore step %s: %w", s.Name(), err)
		}
		c.memories = append(c.memories, mem)
	}
	return c, nil
}

// savedMemory is what a step's memory saved, under the step's digest of then.
type savedMemory struct {
	digest string
	saved  []byte
}

// open takes a saved camera apart: without its memories, and those by step.
func (a *Analyzer) open(saved []byte) (*Camera, map[string]savedMemory, error) {
	r, err := wire.Open(saved, cameraVersion, cameraSourceVersion)
	if err != nil {
		return nil, nil, fmt.Errorf("restore camera state: %w", err)
	}
	c := &Camera{a: a, numbers: readNumbers(r), captured: r.Int()}
	there := map[string]savedMemory{}
	for range r.Count() {
		name := r.String()
		there[name] = savedMemory{r.String(), r.Bytes()}
	}
	if r.Version() == cameraSourceVersion {
		c.told = readSourceMemory(r)
	}
	if err := r.Close(); err != nil {
		return nil, nil, fmt.Errorf("restore camera state: %w", err)
	}
	return c, there, nil
}

// Afresh names the steps that would start afresh after [Analyzer.Restore].
func (a *Analyzer) Afresh(saved []byte) (names []string, err error) {
	_, there, err := a.open(saved)
	if err != nil {
		return nil, err
	}
	for _, s := range a.steps {
		if m, ok := there[s.Name()]; !ok || m.digest != s.Digest() {
			names = append(names, s.Name())
		}
	}
	return names, nil
}
