package steps

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
	trackers "github.com/framebeam/framebeam/transforms/vision/tracking"
	"github.com/framebeam/framebeam/transforms/wire"
)

// trackingMemory is the tracker, and the size of the pictures that it saw.
type trackingMemory struct {
	step          *tracking
	width, height int
	tracker       *trackers.Tracker
}

func (m *trackingMemory) Next(in pixels.Input, out *result.Frame) error {
	f := in.Frame()
	if f.Width != m.width || f.Height != m.height {
		m.tracker.Reset()
		m.width, m.height = f.Width, f.Height
	}
	var found []trackers.Detection
	for i := range out.Detections {
		if d := &out.Detections[i]; slices.Contains(m.step.From, d.Analysis) {
			box := trackers.Box{X: float64(d.X), Y: float64(d.Y), Width: float64(d.Width), Height: float64(d.Height)}
			found = append(found, trackers.Detection{Box: box, Label: d.Label, Score: d.Score})
		}
	}
	for _, k := range m.tracker.Look(f.Captured, out.Offset*1000, found, viewOf(out, m.step.From)) {
		if !k.Shown(time.Duration(m.step.Coast)) && !(m.step.ShowTentative && k.State == trackers.Tentative && k.Detection >= 0) {
			continue
		}
		d := result.Detection{Analysis: trackingName, Label: k.Label, Score: k.Score, Track: k.ID, State: k.State.String()}
		if place(&d, k.Box, f.Width, f.Height) {
			out.Detections = append(out.Detections, d)
		}
	}
	return nil
}

// place sets the detection's box to the pixels nearest to b that are in the picture,
// and reports whether there are any.
func place(d *result.Detection, b trackers.Box, width, height int) bool {
	within := func(from, size float64, all int) (int32, int32) {
		low := math.Round(min(max(from, 0), float64(all)))
		high := math.Round(min(max(from+size, 0), float64(all)))
		return int32(low), int32(high - low)
	}
	d.X, d.Width = within(b.X, b.Width, width)
	d.Y, d.Height = within(b.Y, b.Height, height)
	return d.Width > 0 && d.Height > 0
}

func (m *trackingMemory) Break(b sequence.Break) {
	if b == sequence.NewEpoch || b == sequence.Silence {
		m.tracker.Reset()
	}
}

func (m *trackingMemory) Close() {}

// trackingVersion is the version of a saved memory. Version 1: the picture's size,
// and what the tracker saved.
const trackingVersion = 1

func (m *trackingMemory) Save() []byte {
	b := wire.Int([]byte{trackingVersion}, int64(m.width))
	b = wire.Int(b, int64(m.height))
	return wire.Bytes(b, m.tracker.Save())
}

func (s *tracking) Restore(saved []byte) (sequence.Memory, error) {
	r, err := wire.Open(saved, trackingVersion)
	if err != nil {
		return nil, fmt.Errorf("tracking state: %w", err)
	}
	m := &trackingMemory{step: s, width: int(r.Int()), height: int(r.Int())}
	inner := r.Bytes()
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("tracking state: %w", err)
	}
	if m.tracker, err = trackers.Restore(s.tracker(), inner); err != nil {
		return nil, fmt.Errorf("tracking state: %w", err)
	}
	return m, nil
}
