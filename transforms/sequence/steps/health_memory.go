package steps

import (
	"bytes"
	"fmt"
	"math"
	"time"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
	"github.com/framebeam/framebeam/transforms/wire"
)

// Alarms by their place in states.
const (
	frozenAlarm = iota
	darkAlarm
	brightAlarm
	blurredAlarm
	coveredAlarm
	movedAlarm
	missingAlarm
	alarms
)

var alarmEvents = [alarms]string{
	frozenAlarm: sequence.EventFrozen, darkAlarm: sequence.EventTooDark, brightAlarm: sequence.EventTooBright, blurredAlarm: sequence.EventTooBlurry,
	coveredAlarm: sequence.EventCovered, movedAlarm: sequence.EventSceneChange, missingAlarm: sequence.EventMissingRate,
}

// healthMemory is what is remembered of one camera.
type healthMemory struct {
	step          *health
	width, height int   // of the last picture, pixels; 0: there is none
	last          int64 // its capture time, ns since 1970
	offset        int64 // and its offset
	interval      int64 // usual time between two frames, ns; 0: not known
	sequence      int64 // of the last frame; -1: not known
	reopened      bool  // since the last frame

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

func (m *healthMemory) Next(in sequence.Input, out *result.Frame) error {
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
	e := sequence.NewEvent(m.step, out, alarmEvents[i], sequence.Begin)
	e.Value, e.Detail = value, fmt.Sprintf(format, args...)
	out.Events = append(out.Events, e)
}

func (m *healthMemory) end(out *result.Frame, i int, at int64, detail string) {
	a := &m.alarms[i]
	to := at
	if a.clear != 0 {
		to = a.clear
	}
	e := sequence.NewEvent(m.step, out, alarmEvents[i], sequence.End)
	e.Value, e.Detail = secondsOf(to-a.since), detail
	out.Events = append(out.Events, e)
	*a = alarm{}
}

// secondsOf nanoseconds, to the millisecond.
func secondsOf(ns int64) float64 { return float64(ns/int64(time.Millisecond)) / 1000 }

// see takes a condition and says when the fault begins or ends.
func (m *healthMemory) see(out *result.Frame, i int, c condition, at int64, after params.Duration, value float64, detail string) {
	ripe, ended := m.alarms[i].see(c, at, after, m.step.Recover)
	if ripe {
		m.begin(out, i, value, "%s", detail)
	} else if ended {
		m.end(out, i, at, "")
	}
}

// signal tells of a time without frames.
func (m *healthMemory) signal(out *result.Frame, elapsed int64) {
	defer func() {
		// A median of a kind: up or down by an eighth.
		switch step := max(1, m.interval/8); {
		case m.interval == 0:
			m.interval = elapsed
		case elapsed > m.interval:
			m.interval = min(elapsed, m.interval+step)
		default:
			m.interval = max(elapsed, m.interval-step)
		}
	}()
	if !m.step.Signal.On || elapsed <= int64(m.step.Signal.After) || m.interval == 0 || elapsed/5 <= m.interval {
		return
	}
	for _, transition := range []string{sequence.Begin, sequence.End} {
		e := sequence.NewEvent(m.step, out, sequence.EventSignalLoss, transition)
		e.Value, e.Detail = secondsOf(elapsed), fmt.Sprintf("%.3f s without frames", secondsOf(elapsed))
		if m.reopened {
			e.Detail += ", then a new epoch"
		}
		if transition == sequence.Begin {
			e.Snapshot = m.offset
		}
		out.Events = append(out.Events, e)
	}
}

// counts are the frames that came and that are missing, by times.
type counts struct {
	slot          int64 // the last
	came, missing [slots]int64
}

const (
	slots = 8
	// mostMissing bounds what one gap counts for.
	mostMissing = 1 << 20
	// leastFrames is how many frames a share is of at least.
	leastFrames = 20
)

// at turns to the slot of a time.
func (c *counts) at(slot int64) int {
	if slot < c.slot || slot >= c.slot+slots {
		*c = counts{slot: slot}
	}
	for c.slot < slot {
		c.slot++
		c.came[c.slot%slots], c.missing[c.slot%slots] = 0, 0
	}
	return int(slot % slots)
}

func (m *healthMemory) missing(out *result.Frame, at, sequence int64) {
	cfg := &m.step.Missing
	if !cfg.On || sequence < 0 {
		return
	}
	i := m.counts.at(max(0, at) / max(1, int64(cfg.Window)/slots))
	m.counts.came[i]++
	if m.sequence >= 0 {
		m.counts.missing[i] += min(max(0, sequence-m.sequence-1), mostMissing)
	}
	var came, missing int64
	for i := range slots {
		came += m.counts.came[i]
		missing += m.counts.missing[i]
	}
	if came+missing < leastFrames {
		return
	}
	share := float64(missing) / float64(came+missing)
	ripe, ended := m.alarms[missingAlarm].see(judge(share >= cfg.Share, share < cfg.Share/2), at, 0, 0)
	if ripe {
		m.begin(out, missingAlarm, share, "%d of %d frames are missing", missing, came+missing)
	} else if ended {
		m.end(out, missingAlarm, at, "")
	}
}

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
	var there *pixels.Place
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
func (m *healthMemory) elsewhere(v *view, c *comparison) *pixels.Place {
	at, share := m.ref.find(v, c)
	if share <= c.share {
		return nil // as many blocks say that it is where it was
	}
	if c.share < 0.7 && share >= max(0.42, c.share+0.2) || at.Correlation >= max(0.5, c.here+0.15) {
		return &at
	}
	return nil
}

func (m *healthMemory) moved(out *result.Frame, v *view, c *comparison, seen bool, there *pixels.Place, at int64) condition {
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

// healthVersion is the version of a saved memory.
const healthVersion = 1

func (m *healthMemory) Save() []byte {
	b := append(make([]byte, 0, healthBytes), healthVersion)
	for _, v := range []int64{int64(m.width), int64(m.height), m.last, m.offset, m.interval, m.sequence, m.same, m.scene} {
		b = wire.Int(b, v)
	}
	b = wire.Bool(b, m.reopened)
	for _, a := range m.alarms {
		b = wire.Bool(b, a.active)
		b = wire.Int(b, a.since)
		b = wire.Int(b, a.clear)
	}
	b = wire.Int(b, m.counts.slot)
	for i := range slots {
		b = wire.Int(b, m.counts.came[i])
		b = wire.Int(b, m.counts.missing[i])
	}
	b = wire.Bytes(b, m.digests)
	b = m.recent.append(b)
	return m.ref.append(b)
}

// Restore reads what Save wrote.
func (s *health) Restore(saved []byte) (sequence.Memory, error) {
	if len(saved) == 0 || saved[0] != healthVersion {
		return nil, fmt.Errorf("health state: unknown version (known: %d)", healthVersion)
	}
	r := wire.NewReader(saved[1:])
	m := &healthMemory{
		step: s, width: int(r.Int()), height: int(r.Int()), last: r.Int(), offset: r.Int(),
		interval: r.Int(), sequence: r.Int(), same: r.Int(), scene: r.Int(), reopened: r.Bool(),
	}
	for i := range m.alarms {
		m.alarms[i] = alarm{r.Bool(), r.Int(), r.Int()}
	}
	m.counts.slot = r.Int()
	for i := range slots {
		m.counts.came[i], m.counts.missing[i] = r.Int(), r.Int()
	}
	m.digests = bytes.Clone(r.Bytes())
	m.recent.read(r)
	m.ref.read(r)
	if m.width < 0 || m.height < 0 || m.interval < 0 || m.counts.slot < 0 || len(m.digests) > viewCells {
		r.Fail()
	}
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("health state: %w", err)
	}
	return m, nil
}

func appendCells(b []byte, cells []uint16) []byte {
	var c []byte
	for _, v := range cells {
		c = append(c, byte(v>>8), byte(v))
	}
	return wire.Bytes(b, c)
}

func readCells(r *wire.Reader) []uint16 {
	b := r.Bytes()
	if len(b)%2 != 0 || len(b) > 2*viewCells {
		r.Fail()
		return nil
	}
	if len(b) == 0 {
		return nil
	}
	cells := make([]uint16, len(b)/2)
	for i := range cells {
		cells[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
	}
	return cells
}

func (c *recent) append(b []byte) []byte {
	b = appendCells(b, c.cells)
	for i := range c.detail {
		b = wire.Int(b, c.detail[i])
		b = wire.Int(b, c.squares[i])
	}
	return b
}

func (c *recent) read(r *wire.Reader) {
	if c.cells = readCells(r); c.cells == nil {
		return
	}
	c.detail, c.squares = make([]int64, viewBlocks), make([]int64, viewBlocks)
	for i := range c.detail {
		c.detail[i], c.squares[i] = r.Int(), r.Int()
	}
}

func (u *usual) append(b []byte) []byte {
	b = wire.Int(b, u.learnt)
	b = wire.Int(b, u.carry)
	b = wire.Int(b, u.here)
	b = appendCells(b, u.cells)
	for i := range u.trust {
		b = wire.Uint(b, uint64(u.trust[i]))
		b = wire.Int(b, u.fine[i])
		b = wire.Int(b, u.coarse[i])
	}
	return b
}

func (u *usual) read(r *wire.Reader) {
	u.learnt, u.carry, u.here = r.Int(), r.Int(), r.Int()
	u.cells = readCells(r)
	if u.learnt < 0 || u.carry < 0 || (u.learnt == 0) != (u.cells == nil) {
		r.Fail()
	}
	if u.cells == nil {
		return
	}
	u.trust, u.fine, u.coarse = make([]uint16, viewBlocks), make([]int64, viewBlocks), make([]int64, viewBlocks)
	for i := range u.trust {
		trust := r.Uint()
		u.fine[i], u.coarse[i] = r.Int(), r.Int()
		if trust > trustFull || u.fine[i] < 1 || u.coarse[i] < 1 {
			r.Fail()
			return
		}
		u.trust[i] = uint16(trust)
	}
}
