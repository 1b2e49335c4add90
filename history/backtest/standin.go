package backtest

import (
	"fmt"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// origin is where what an analysis found comes from.
type origin int

const (
	computed origin = iota
	ofTwin          // the row that the other configuration gave just before
	ofStore         // the output's row
)

// shown is what stand-ins of one camera stand on: the frame at hand.
type shown struct {
	entry *entry
	// diverged says why a stored result is not what the step would have found.
	diverged string
}

func (s *shown) diverge(format string, args ...any) {
	if s.diverged == "" {
		s.diverged = fmt.Sprintf(format, args...)
	}
}

// standIn takes the place of a step whose results are known: it gives what the frame's row
// says that the step found, in its order. It needs no pixels and remembers nothing, but
// watches that the step saw what it is shown: the same frames with the same interruptions.
type standIn struct {
	sequence.Step
	shown *shown
	from  origin
	fits  func(sequence.FrameSize) bool // nil: always
}

func (s *standIn) Pixels() frame.Pixels   { return frame.NoPixels }
func (s *standIn) Start() sequence.Memory { return &standInMemory{step: s} }

// Restore needs nothing of what the step saved.
func (s *standIn) Restore([]byte) (sequence.Memory, error) { return s.Start(), nil }

// breaks are which interruptions there were before a frame, by [sequence.Break].
type breaks [3]bool

// breaksOf reads them off the events of the stage in a row.
func breaksOf(row *result.Frame) (b breaks) {
	for i := range row.Events {
		if e := &row.Events[i]; !result.OfAnalysis(*e) {
			switch e.Type {
			case result.EventEpochStarted:
				b[sequence.NewEpoch] = true
			case result.EventFramesMissing:
				b[sequence.Missing] = true
			case result.EventSilence:
				b[sequence.Silence] = true
			}
		}
	}
	return b
}

type standInMemory struct {
	step   *standIn
	breaks breaks // since the last frame
}

func (m *standInMemory) Next(_ pixels.Input, out *result.Frame) error {
	row := m.step.shown.entry.row(m.step.from)
	if row == nil || row.Status != result.OK {
		m.step.shown.diverge("frames are analysed that were not")
		return nil
	}
	if b := breaksOf(row); b != m.breaks {
		m.step.shown.diverge("frames are interrupted where they were not, or the other way round")
	}
	m.breaks = breaks{}
	if m.step.fits != nil && !m.step.fits(sequence.FrameSize{
		Width: int(row.Width), Height: int(row.Height), Bytes: row.Bytes, Raw: row.Encoding == string(frame.Raw),
	}) {
		m.step.shown.diverge("%s has another limit of what it remembers, and a frame is large", m.step.Name())
	}
	addFound(out, row, m.step.Name())
	m.addEvents(out, row)
	return nil
}

// Source gives what the step made of what happened to the camera's source.
func (m *standInMemory) Source(_ frame.SourceState, out *result.Frame) {
	row := m.step.shown.entry.row(m.step.from)
	if row == nil || !row.Status.OfSource() {
		m.step.shown.diverge("a source is told of where it was not")
		return
	}
	m.addEvents(out, row)
}

func (m *standInMemory) addEvents(out, row *result.Frame) {
	name := m.step.Name()
	for i := range row.Events {
		if row.Events[i].Analysis == name {
			out.Events = append(out.Events, row.Events[i]) // its id is made anew, and the same
		}
	}
}

// addFound adds the detections and features that an analysis found in a row.
func addFound(out, row *result.Frame, analysis string) {
	for i := range row.Detections {
		if row.Detections[i].Analysis == analysis {
			out.Detections = append(out.Detections, row.Detections[i])
		}
	}
	for i := range row.Features { // none are read where only events are compared
		if row.Features[i].Analysis == analysis {
			out.Features = append(out.Features, row.Features[i])
		}
	}
}

func (m *standInMemory) Break(b sequence.Break) { m.breaks[b] = true }
func (m *standInMemory) Save() []byte           { return nil }
func (m *standInMemory) Close()                 {}
