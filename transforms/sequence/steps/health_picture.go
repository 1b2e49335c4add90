package steps

import (
	"fmt"
	"math"

	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// frozen looks for pictures that are the same again.
func (m *healthMemory) frozen(out *result.Frame, s *pixels.Survey, at int64) {
	// Noise cannot show where there is no light or too much.
	changed, alive := 0, 0
	for i, d := range s.Digests {
		if v := s.Means[i]; i < len(m.digests) && v >= pixels.SurveyLevel/4 && v < 254*pixels.SurveyLevel {
			alive++
			if m.digests[i] != byte(d>>24) {
				changed++
			}
		}
	}
	c := unknown
	if n := len(s.Digests); n > 0 && alive >= n/8 {
		same := float64(changed) <= m.step.Frozen.Share*float64(alive)
		if c = judge(same, !same); same {
			m.same++
		} else {
			m.same = 0
		}
	}
	if m.digests = m.digests[:0]; len(s.Digests) > 0 {
		for _, d := range s.Digests {
			m.digests = append(m.digests, byte(d>>24))
		}
	}
	a := &m.alarms[frozenAlarm]
	if c == ill && m.same < 2 && !a.active {
		// One picture twice may be a camera that is slower than it says.
		if a.since == 0 {
			a.since = m.last
		}
		return
	}
	// What stirs is not frozen, for however short.
	if ripe, ended := a.see(c, at, m.step.Frozen.After, 0); ripe {
		m.begin(out, frozenAlarm, secondsOf(at-a.since), "the same picture for %.3f s", secondsOf(at-a.since))
	} else if ended {
		m.end(out, frozenAlarm, at, "")
	}
}

// light looks for pictures that are too dark or too bright. What is ill is well
// again when it is better by a quarter.
func (m *healthMemory) light(out *result.Frame, s *pixels.Survey, at int64) {
	mean := s.Mean()
	level := float64(mean) / pixels.SurveyLevel
	if cfg := &m.step.Dark; cfg.On {
		high := s.Level(95)
		c := judge(mean <= cfg.Mean*pixels.SurveyLevel && high <= cfg.High,
			4*mean > 5*cfg.Mean*pixels.SurveyLevel || 4*high > 5*cfg.High)
		m.see(out, darkAlarm, c, at, cfg.After, level, fmt.Sprintf("mean gray %.1f, 95 per cent at most %d", level, high))
	}
	if cfg := &m.step.Bright; cfg.On {
		low := s.Level(25)
		c := judge(mean >= cfg.Mean*pixels.SurveyLevel && low >= cfg.Low,
			4*(255*pixels.SurveyLevel-mean) > 5*(255-cfg.Mean)*pixels.SurveyLevel || 4*(255-low) > 5*(255-cfg.Low))
		m.see(out, brightAlarm, c, at, cfg.After, level, fmt.Sprintf("mean gray %.1f, 75 per cent at least %d", level, low))
	}
}

// look compares the picture with the reference, and learns.
func (m *healthMemory) look(out *result.Frame, s *pixels.Survey, v *view, part, at, elapsed int64) {
	if m.ref.learnt > 0 && len(m.ref.cells) != len(v.means) {
		m.ref = usual{}
	}
	var c comparison
	ready := false
	if m.ref.learnt > 0 {
		c = m.ref.compare(v)
		ready = m.ref.learnt >= int64(m.step.Learn)
	}
	covered := m.covered(out, s, v, &c, ready, part, at)
	lit := !m.alarms[darkAlarm].active && !m.alarms[brightAlarm].active
	seen := ready && lit && covered == well
	// Of another scene nobody knows how sharp it should be.
	same := c.share >= 0.4 || c.here >= 0.4
	var there *pixels.Displacement
	// Looking for it costs as much as all the rest, so only if less than usual is alike.
	if m.step.Moved.On && seen && c.judged && c.judgeable >= 0.5 && (c.share < 0.75 || 1e6*c.here < 0.85*float64(m.ref.here)) {
		there = m.elsewhere(v, &c)
	}
	blurred := m.blurred(out, s, v, &c, seen && same && there == nil && !m.alarms[movedAlarm].active, at)
	moved := m.moved(out, v, &c, seen && (blurred != ill || there != nil), there, at)

	for i := range m.alarms {
		if i != missingAlarm && m.alarms[i].active {
			return
		}
	}
	switch {
	case covered == ill || m.alarms[darkAlarm].since != 0 || m.alarms[brightAlarm].since != 0:
	case m.ref.learnt == 0:
		m.ref.begin(v)
	case !ready || moved != ill:
		m.ref.learn(v, &c, elapsed)
	}
}

func (m *healthMemory) covered(out *result.Frame, s *pixels.Survey, v *view, c *comparison, ready bool, part, at int64) condition {
	cond := unknown
	white := int64(0)
	for _, n := range s.Histogram[250:] {
		white += n
	}
	switch {
	case 2*white >= int64(s.Pixels): // so bright that nothing could be seen
	case ready && c.judged:
		// Noise alone correlates by chance: only the mean over pictures tells.
		now := int64(1e6 * min(max(c.last, -0.2), 0.2))
		m.scene += (now - m.scene) * part / 256
		least, here := m.step.Covered.Scene, math.Abs(float64(m.scene)/1e6)
		fault := here < least && c.contrast < 0.1
		cond = judge(fault, here >= 1.5*least || c.contrast >= 0.2 || !fault && !m.alarms[coveredAlarm].active)
	default:
		// Nothing is known of the camera, but there is nothing to be seen.
		var contours int64
		for _, f := range v.last {
			contours += int64(f) * int64(f)
		}
		n := int64(len(v.flat))
		cond = judge(contours < n*(leastContour*leastContour/4+v.grain), contours >= n*(leastContour*leastContour/2+v.grain))
	}
	if m.step.Covered.On {
		m.see(out, coveredAlarm, cond, at, m.step.Covered.After, float64(m.scene)/1e6, "nothing of the scene is to be seen")
	}
	return cond
}

// elsewhere is where the scene has gone in the picture, if it is surely there.
func (m *healthMemory) elsewhere(v *view, c *comparison) *pixels.Displacement {
	at, share := m.ref.find(v, c)
	if share <= c.share {
		return nil // as many blocks say that it is where it was
	}
	if c.share < 0.7 && share >= max(0.42, c.share+0.2) || at.Correlation >= max(0.5, c.here+0.15) {
		return &at
	}
	return nil
}

func (m *healthMemory) moved(out *result.Frame, v *view, c *comparison, seen bool, there *pixels.Displacement, at int64) condition {
	cfg := &m.step.Moved
	if !cfg.On {
		return unknown // the reference follows to wherever the camera looks
	}
	cond := unknown
	if seen && c.judged && c.judgeable >= 0.5 {
		cond = judge(there != nil || c.share < cfg.Share, there == nil && c.share >= min(0.95, 1.5*cfg.Share))
	}
	a := &m.alarms[movedAlarm]
	ripe, ended := a.see(cond, at, cfg.After, m.step.Recover)
	switch {
	case ripe && there != nil:
		m.begin(out, movedAlarm, c.share, "the scene is %+.0f, %+.0f per cent of the picture from where it was",
			float64(100*there.X)/float64(v.columns), float64(100*there.Y)/float64(v.rows))
	case ripe && at-a.since >= int64(cfg.Elsewhere):
		m.begin(out, movedAlarm, c.share, "another scene")
	case ended:
		m.end(out, movedAlarm, at, "back")
	case a.active && at-a.since >= int64(cfg.Accept):
		m.end(out, movedAlarm, at, "accepted as the new normal")
		m.ref = usual{}
	}
	return cond
}

func (m *healthMemory) blurred(out *result.Frame, s *pixels.Survey, v *view, c *comparison, seen bool, at int64) condition {
	cfg := &m.step.Blurred
	cond, value := unknown, 0.0
	if seen && c.sharpKnown {
		value = c.sharp
		cond = judge(value+float64(2.5*c.sharpDoubt) < cfg.Drop, value >= min(0.95, 1.5*cfg.Drop))
	}
	if q, ok := v.absolute(s); ok && cond != ill && q < cfg.Least*1.5 && cfg.Least > 0 {
		value = q
		cond = judge(q < cfg.Least, false)
	}
	if cfg.On {
		m.see(out, blurredAlarm, cond, at, cfg.After, value, fmt.Sprintf("sharpness %.2f of what it was", value))
	}
	return cond
}
