package steps

import (
	"fmt"

	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

const (
	// motionTime is how long differences count for the threshold, ns.
	motionTime = 500_000_000
	// settle is how long after its beginning a shot has no key frame, ns: pictures next
	// to a cut are often mixed.
	settle = 100_000_000
)

// cutsMemory is what is remembered of one film.
type cutsMemory struct {
	step          *cuts
	width, height int // of the last picture, pixels; 0: there is none
	grid          grid
	broken        bool  // the next picture does not follow the last
	time, offset  int64 // of the last picture: capture time in ns since 1970

	last   *shot // the last picture; nil: none, or blank
	before *shot // the last picture of the shot, while there is a candidate or blank ones
	motion int64 // mean of the last differences, in millionths

	began     int64 // the shot: when it began, ns
	shown     bool  // there is a shot
	candidate span  // what may be a new shot
	blank     span  // pictures without contours, since the shot's last
	key       key
	next      key // of the candidate

	mean   int64 // mean gray of the last picture
	falls  int64 // since when it falls, ns
	fading bool  // it faded to black, since black.at
	black  span
}

// span is a beginning: offset and time of a frame.
type span struct {
	on     bool
	at     int64 // ns
	offset int64
}

// key is the best frame of a shot so far.
type key struct {
	span
	change int64 // in millionths
}

func (k *key) see(at, offset, change int64) {
	if !k.on || change < k.change {
		*k = key{span{true, at, offset}, change}
	}
}

func (m *cutsMemory) Break(b sequence.Break) {
	if b == sequence.NewEpoch || b == sequence.Silence {
		m.broken = true
	}
}

func (m *cutsMemory) Close() {}

func (m *cutsMemory) Next(in pixels.Input, out *result.Frame) error {
	gray, err := in.Gray()
	if err != nil {
		return err
	}
	survey, err := pixels.SurveyOf(gray)
	if err != nil {
		return fmt.Errorf("cuts: %w", err)
	}
	f := in.Frame()
	at := f.Captured.UnixNano()
	m.setBack(at)
	resized := m.width != 0 && (m.width != f.Width || m.height != f.Height)
	if g := (grid{survey.Columns, survey.Rows}); resized || m.broken || g != m.grid {
		m.interrupted(out, at, resized && !m.broken)
		*m = cutsMemory{step: m.step, grid: g, falls: at, mean: int64(survey.Mean())}
	}
	m.width, m.height = f.Width, f.Height
	if survey.Columns > 0 {
		m.look(out, survey, at)
	}
	m.time, m.offset = at, out.Offset
	return nil
}

// setBack moves what is remembered with a clock that is set back: the film goes on.
func (m *cutsMemory) setBack(at int64) {
	if at >= m.time {
		return
	}
	for _, t := range []*int64{&m.began, &m.falls, &m.candidate.at, &m.blank.at, &m.black.at, &m.key.at, &m.next.at} {
		if *t != 0 {
			*t -= m.time - at
		}
	}
}

// interrupted ends the shot before a picture that does not follow the last.
func (m *cutsMemory) interrupted(out *result.Frame, at int64, cut bool) {
	if m.fading {
		m.fade(out, result.End, at-m.black.at)
	}
	if !m.shown {
		return
	}
	if m.candidate.on && m.candidate.at-m.began >= int64(m.step.Shortest) {
		// Whether it was a flash nobody will know.
		m.cut(out, m.candidate)
		m.turn()
	}
	if cut {
		m.cut(out, span{true, at, out.Offset})
		return
	}
	m.keyFrame(out)
}

func (m *cutsMemory) look(out *result.Frame, s *pixels.Survey, at int64) {
	now := newShot(s)
	elapsed := max(0, at-m.time)
	blank := m.grid.blank(now)
	m.dim(out, int64(s.Mean()), blank, at)
	if blank {
		if !m.blank.on {
			m.blank = span{true, at, out.Offset}
			if m.before == nil {
				m.before = m.last
			}
		}
		m.last = nil
		return
	}
	if !m.shown {
		m.shown, m.began, m.last, m.blank, m.before = true, at, now, span{}, nil
		return
	}
	change := int64(strangers)
	if m.last != nil {
		change = m.grid.differ(m.last, now)
	}
	switch {
	case m.before != nil && m.grid.differ(m.before, now) < m.threshold():
		// As before: what was in between was a flash, or a black picture.
		m.candidate, m.next, m.before, m.blank = span{}, key{}, nil, span{}
	case m.candidate.on:
		if at-m.candidate.at >= int64(m.step.Flash) {
			m.settled(out)
		}
	case m.last == nil || change >= m.threshold():
		if m.last != nil {
			m.before = m.last
		}
		m.candidate = span{true, at, out.Offset}
		if m.step.Flash == 0 {
			m.settled(out)
		}
	}
	if m.last != nil && change < m.threshold() {
		part := 256 * min(elapsed, motionTime) / (min(elapsed, motionTime) + motionTime)
		m.motion += (change - m.motion) * part / 256
	}
	k, began := &m.key, m.began
	if m.candidate.on {
		k, began = &m.next, m.candidate.at
	}
	if at-began >= settle || !k.on {
		k.see(at, out.Offset, change)
	}
	m.last = now
}

// settled: the candidate was no flash.
func (m *cutsMemory) settled(out *result.Frame) {
	if m.candidate.at-m.began < int64(m.step.Shortest) {
		// Too early: the shot goes on with another picture.
		m.candidate, m.next, m.before, m.blank = span{}, key{}, nil, span{}
		return
	}
	m.cut(out, m.candidate)
	m.turn()
}

// turn goes on with the candidate's shot.
func (m *cutsMemory) turn() {
	m.began, m.key = m.candidate.at, m.next
	m.candidate, m.next, m.before, m.blank = span{}, key{}, nil, span{}
}

// threshold is from which difference on there may be a cut, in millionths.
func (m *cutsMemory) threshold() int64 {
	adaptive := m.motion
	if m.motion < strangers {
		adaptive += int64(m.step.Motion * float64(strangers-m.motion))
	}
	return max(int64(m.step.Threshold*1_000_000), adaptive)
}

func (m *cutsMemory) cut(out *result.Frame, first span) {
	m.keyFrame(out)
	ended := first.at
	if m.blank.on && m.blank.at < ended {
		ended = m.blank.at
	}
	e := sequence.NewEvent(m.step, out, result.EventSceneCut, "")
	e.Snapshot, e.Value = first.offset, result.Number(secondsOf(ended-m.began))
	e.Detail = fmt.Sprintf("after a shot of %.3f s", e.Value)
	out.Events = append(out.Events, e)
}

func (m *cutsMemory) keyFrame(out *result.Frame) {
	if !m.step.KeyFrames || !m.key.on {
		return
	}
	e := sequence.NewEvent(m.step, out, result.EventKeyFrame, "")
	e.Snapshot, e.Value = m.key.offset, result.Number(secondsOf(m.key.at-m.began))
	e.Detail = fmt.Sprintf("%.3f s into the shot", e.Value)
	out.Events = append(out.Events, e)
}

// dim looks for fades to black.
func (m *cutsMemory) dim(out *result.Frame, mean int64, blank bool, at int64) {
	if mean >= m.mean && !m.black.on {
		m.falls = at
	}
	m.mean = mean
	switch isBlack := blank && mean <= int64(m.step.Black)*pixels.SurveyLevel; {
	case isBlack && !m.black.on:
		m.black = span{true, at, out.Offset}
		if took := at - m.falls; m.shown && took >= int64(m.step.Fade) && m.step.Fade > 0 {
			m.fading = true
			m.fade(out, result.Begin, took)
		}
	case !isBlack && m.black.on:
		if m.fading {
			m.fade(out, result.End, at-m.black.at)
		}
		m.black, m.fading, m.falls = span{}, false, at
	}
}

func (m *cutsMemory) fade(out *result.Frame, transition string, took int64) {
	e := sequence.NewEvent(m.step, out, result.EventFade, transition)
	e.Value = result.Number(secondsOf(took))
	if e.Detail = fmt.Sprintf("it took %.3f s", e.Value); transition == result.End {
		e.Detail = fmt.Sprintf("after %.3f s", e.Value)
	}
	out.Events = append(out.Events, e)
}
