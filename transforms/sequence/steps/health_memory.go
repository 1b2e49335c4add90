package steps

import (
	"fmt"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// healthMemory is what is remembered of one camera.
type healthMemory struct {
	step          *health
	width, height int   // of the last picture, pixels; 0: there is none
	last          int64 // its capture time, ns since 1970
	offset        int64 // and its offset
	interval      int64 // usual time between two frames, ns; 0: not known
	sequence      int64 // of the last frame; -1: not known
	reopened      bool  // since the last frame
	lost          int64 // when the collector said that the source was, ns since 1970; 0: it is not

	alarms  [alarms]alarm
	digests []byte // of the last picture's cells
	same    int64  // how often it was the same again
	recent  recent
	scene   int64 // correlation of the last pictures with the reference, in millionths
	ref     usual
	counts  counts
}

func (m *healthMemory) Break(b sequence.Break) {
	switch b {
	case sequence.NewEpoch:
		m.sequence, m.reopened = -1, true
	case sequence.Silence:
	default:
		return
	}
	for i := range m.alarms {
		m.alarms[i].forget()
	}
	m.same, m.recent = 0, recent{}
}

func (m *healthMemory) Close() {}

func (m *healthMemory) Next(in pixels.Input, out *result.Frame) error {
	gray, err := in.Gray()
	if err != nil {
		return err
	}
	survey, err := pixels.SurveyOf(gray)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	f := in.Frame()
	at := f.Captured.UnixNano()
	for i := range m.alarms {
		m.alarms[i].notAfter(at)
	}
	known := m.width != 0
	if known && (m.width != f.Width || m.height != f.Height) {
		m.resized(out, at)
	}
	elapsed := int64(0)
	if known {
		elapsed = max(0, at-m.last)
		m.signal(out, elapsed)
	}
	m.found(out, at)
	if known {
		m.missing(out, at, f.Sequence)
	}
	if m.step.Frozen.On {
		m.frozen(out, survey, at)
	}
	m.light(out, survey, at)
	if survey.Columns > 0 {
		part := m.recent.add(survey, elapsed)
		m.look(out, survey, newView(&m.recent, survey, part), part, at, elapsed)
	}
	m.width, m.height, m.last, m.offset, m.sequence, m.reopened = f.Width, f.Height, at, out.Offset, f.Sequence, false
	return nil
}

// resized forgets all that is bound to the size of the picture.
func (m *healthMemory) resized(out *result.Frame, at int64) {
	for i := range m.alarms {
		if a := &m.alarms[i]; i != missingAlarm {
			if a.active {
				m.end(out, i, at, "the picture has another size now")
			}
			*a = alarm{}
		}
	}
	m.digests, m.same, m.recent, m.ref = nil, 0, recent{}, usual{}
}

func (m *healthMemory) begin(out *result.Frame, i int, value float64, format string, args ...any) {
	m.alarms[i].active = true
	e := sequence.NewEvent(m.step, out, alarmEvents[i], result.Begin)
	e.Value, e.Detail = result.Number(value), fmt.Sprintf(format, args...)
	out.Events = append(out.Events, e)
}

func (m *healthMemory) end(out *result.Frame, i int, at int64, detail string) {
	a := &m.alarms[i]
	to := at
	if a.clear != 0 {
		to = a.clear
	}
	e := sequence.NewEvent(m.step, out, alarmEvents[i], result.End)
	e.Value, e.Detail = result.Number(secondsOf(to-a.since)), detail
	out.Events = append(out.Events, e)
	*a = alarm{}
}

// see takes a condition and says when the fault begins or ends.
func (m *healthMemory) see(out *result.Frame, i int, c condition, at int64, after params.Duration, value float64, detail string) {
	ripe, ended := m.alarms[i].see(c, at, after, m.step.Recover)
	if ripe {
		m.begin(out, i, value, "%s", detail)
	} else if ended {
		m.end(out, i, at, "")
	}
}
