package sequence

import (
	"fmt"
	"slices"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/wire"
)

// chain is where a camera's chain stands: the small half of its keyed state.
type chain struct {
	// position is that of the last link taken; None: none yet.
	position int64
	// forgotten: the last link taken was a Clear. The position stays, so that a
	// replay of what came before the Clear is known for what it is.
	forgotten bool
	// waiting are the Prevs of the runs in the bag: the bag is read only when
	// one of them fits.
	waiting []int64
}

const chainVersion = 1

func (m *chain) marshal() []byte {
	b := []byte{chainVersion}
	b = wire.Int(b, m.position)
	b = wire.Bool(b, m.forgotten)
	b = wire.Uint(b, uint64(len(m.waiting)))
	for _, p := range m.waiting {
		b = wire.Int(b, p)
	}
	return b
}

func unmarshalChain(b []byte) (chain, error) {
	r, err := wire.Open(b, chainVersion)
	if err != nil {
		return chain{}, fmt.Errorf("decode chain: %w", err)
	}
	m := chain{position: r.Int(), forgotten: r.Bool()}
	if n := r.Count(); n > 0 {
		m.waiting = make([]int64, n)
		for i := range m.waiting {
			m.waiting[i] = r.Int()
		}
	}
	if err := r.Close(); err != nil {
		return chain{}, fmt.Errorf("decode chain: %w", err)
	}
	return m, nil
}

type fit uint8

const (
	takes fit = iota // now
	waits            // its predecessor is still to come
	stale            // wholly at or below where it stands: nothing new
)

// fits says what is to be done with a run while the chain stands at m. A run is
// taken when Prev <= position < its last; only its links above the position are used.
func (m *chain) fits(r *element.Run) fit {
	switch {
	case m.position != chunk.None && m.position >= r.Last():
		return stale
	case r.Prev == chunk.Fresh:
		// A camera that was forgotten starts afresh only after its Clear was
		// taken; a Fresh run that is partly taken already goes on.
		if m.position == chunk.None || m.forgotten || m.position >= r.First() {
			return takes
		}
		return waits
	case m.position != chunk.None && r.Prev <= m.position:
		return takes
	}
	return waits
}

// storage is a camera's keyed state as the sequencer sees it.
type storage interface {
	// camera returns the camera as it was put last; nil if it never was.
	camera() (*Camera, error)
	// put stores the camera; nil clears it.
	put(*Camera) error
	// restore reads the camera's state as it was saved at the end of a chunk of
	// its partition by an earlier job.
	restore(l *chunk.Link) (*Camera, error)
	// bag operations on the waiting runs
	wait(*element.Run) error
	waiting() ([]element.Run, error)
	replaceWaiting([]element.Run) error
}

// sequencer puts the runs of one camera in order and analyses them.
type sequencer struct {
	analyzer func(camera string) (*Analyzer, error)
	forget   int64 // after how many chunks without a frame cameras are forgotten; 0: never
}

// process takes the run, and runs that waited for it, or lets it wait. It
// returns the parts that they give and changes m; the caller stores m.
func (s *sequencer) process(m *chain, run *element.Run, st storage) (parts []element.Part, err error) {
	if run.Kind == chunk.Frames && len(run.Items) == 0 {
		return nil, fmt.Errorf("run of camera %s in %v has no frames", run.Camera, run.ID())
	}
	var cam *Camera
	defer func() {
		if err != nil && cam != nil {
			cam.Close()
		}
	}()
	restored := false
	if m.position == chunk.None && run.Restore != chunk.None {
		// An earlier job left off here. Its saved state stands for the links up
		// to the end of that chunk.
		if cam, err = st.restore(&run.Link); err != nil {
			return nil, err
		}
		m.position, restored = chunk.EndPosition(run.Restore, run.N), true
	}
	switch m.fits(run) {
	case stale:
		if restored {
			return nil, st.put(cam)
		}
		return nil, nil
	case waits:
		m.waiting = append(m.waiting, run.Prev)
		if restored {
			if err := st.put(cam); err != nil {
				return nil, err
			}
		}
		return nil, st.wait(run)
	}
	if cam == nil && !m.forgotten && m.position != chunk.None {
		if cam, err = st.camera(); err != nil {
			return nil, err
		}
		if cam == nil {
			return nil, fmt.Errorf("camera %s in %v: its chain stands at position %d, but its state is gone", run.Camera, run.ID(), m.position)
		}
	}
	if parts, cam, err = s.take(m, run, cam, nil); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(m.waiting, func(prev int64) bool { return prev <= m.position }) {
		if parts, cam, err = s.takeWaiting(m, cam, parts, st); err != nil {
			return nil, err
		}
	}
	return parts, st.put(cam)
}

// takeWaiting takes from the bag what fits now, until nothing does.
func (s *sequencer) takeWaiting(m *chain, cam *Camera, parts []element.Part, st storage) ([]element.Part, *Camera, error) {
	runs, err := st.waiting()
	if err != nil {
		return nil, cam, err
	}
	slices.SortStableFunc(runs, func(a, b element.Run) int { return int(min(max(a.First()-b.First(), -1), 1)) })
	for again := true; again; {
		again = false
		kept := runs[:0]
		for i := range runs {
			switch m.fits(&runs[i]) {
			case takes:
				if parts, cam, err = s.take(m, &runs[i], cam, parts); err != nil {
					return nil, cam, err
				}
				again = true
			case waits:
				kept = append(kept, runs[i])
			}
		}
		runs = kept
	}
	if len(runs) == len(m.waiting) {
		return parts, cam, nil // only looked
	}
	m.waiting = m.waiting[:0]
	for i := range runs {
		m.waiting = append(m.waiting, runs[i].Prev)
	}
	return parts, cam, st.replaceWaiting(runs)
}

// take uses the run's links above where the chain stands. cam is nil for a camera that starts afresh.
func (s *sequencer) take(m *chain, run *element.Run, cam *Camera, parts []element.Part) ([]element.Part, *Camera, error) {
	if cam == nil {
		a, err := s.analyzer(run.Camera)
		if err != nil {
			return nil, nil, err
		}
		cam = a.Start()
	}
	part := element.Part{ID: run.ID()}
	switch run.Kind {
	case chunk.Frames:
		part.Results = make([]result.Frame, 0, len(run.Items))
		cam.InChunk(run.Chunk, s.forget)
		for i := range run.Items {
			it := &run.Items[i]
			if chunk.FramePosition(it.Result.Offset) <= m.position {
				continue
			}
			if err := cam.Next(it); err != nil {
				return nil, cam, err
			}
			part.Results = append(part.Results, it.Result)
		}
	case chunk.Save:
		b, err := cam.Save()
		if err != nil {
			return nil, cam, fmt.Errorf("camera %s at the end of %v: %w", run.Camera, run.ID(), err)
		}
		part.State = &element.State{Camera: run.Camera, Position: run.Last(), Bytes: b}
	case chunk.Clear:
		cam.Close()
		m.position, m.forgotten = run.Last(), true
		return parts, nil, nil
	default:
		return nil, cam, fmt.Errorf("run of camera %s in %v has kind %d", run.Camera, run.ID(), run.Kind)
	}
	m.position, m.forgotten = run.Last(), false
	return append(parts, part), cam, nil
}
