package steps

import "cmp"

// relearn begins a warm-up.
func (m *backgroundMemory) relearn(long int64) {
	clear(m.cells)
	m.warming, m.warmed = long, 0
	m.learnDue, m.decays, m.ageDue, m.slowDue = 0, 0, 0, 0
}

// warm lets the frame vote on what is the background.
func (m *backgroundMemory) warm(step int64) {
	near := uint16(m.step.Contrast * gray16)
	other := 0
	for i := range m.cells {
		c, v := &m.cells[i], m.now[i]
		switch {
		case c.age == 0:
			c.mean, c.age = v, 1
		case v < c.mean+near && c.mean < v+near:
			c.mean = uint16((3*int(c.mean) + int(v) + 2) / 4)
			c.age = min(c.age+1, maxAge)
		default:
			c.age--
			other++
		}
	}
	if m.changed(other) {
		m.relearn(max(m.warming, min(relearn, m.step.times.warmUp))) // it still changes
		return
	}
	m.warming = max(m.warming-step, 0)
	if m.warmed++; m.warmed < warmFrames {
		m.warming = max(m.warming, 1)
	}
	if m.warming > 0 {
		return
	}
	for i := range m.cells {
		m.cells[i].spread, m.cells[i].age = startSpread, 0
	}
}

// changed reports whether so many cells differ that the picture is another.
func (m *backgroundMemory) changed(n int) bool {
	return float64(n) > m.step.Global*float64(len(m.cells))
}

// learn brings the model nearer to the frame.
func (m *backgroundMemory) learn(g int, step int64) {
	t := &m.step.times
	m.learnDue += step
	m.ageDue += step
	m.slowDue += step
	learns, years, slows := m.learnDue >= learnEvery, m.ageDue/ageEvery, m.slowDue/t.slow
	m.ageDue -= years * ageEvery
	m.slowDue -= slows * t.slow
	past, decays := min(m.learnDue, t.learn), false
	if learns {
		m.learnDue = 0
		m.decays = (m.decays + 1) % decayEvery
		decays = m.decays == 0
	}
	for i := range m.cells {
		c, now := &m.cells[i], int(m.now[i])
		was := lit(c.mean, g)
		if learns {
			// The whole model follows the light.
			c.mean = uint16(min(max(int(c.mean)+int(int64(was-int(c.mean))*past/t.learn), 0), maxMean))
		}
		if m.labels[i] == 0 {
			if c.age > 0 {
				if c.age < settled {
					// What comes and goes is a restless place.
					c.spread = max(c.spread, min(c.spread+2, maxFlicker))
				}
				c.age = 0
			}
			if learns {
				c.follow(now-was, past, t.learn, decays)
			}
			continue
		}
		b := &m.blobs[m.labels[i]-1]
		seen := uint8(min(unlit(now, g)/gray16, 255))
		near := max(m.step.Contrast*gray16/2, 2*int(c.spread)*spreadUnit)
		d := now - lit(uint16(c.other)*gray16, g)
		switch {
		case c.age == 0 || max(d, -d) > near:
			c.age, c.other = 1, seen
		case c.age < slowAge && years > 0:
			c.age, c.other = uint8(min(int64(c.age)+years, maxAge)), seen
		case c.age >= slowAge && slows > 0:
			c.age, c.other = uint8(min(int64(c.age)+slows, maxAge)), seen
		}
		soon := b.finding == isGhost || b.finding == isLight
		if int(c.age) >= t.oldest || int(c.age) >= t.oldest/2 && 2*b.old >= b.cells || soon && c.age >= settled {
			c.mean, c.age = uint16(min(unlit(now, g), maxMean)), 0
		}
	}
}

// unlit is the level that a cell would have in the light of the model.
func unlit(level, gain int) int { return level * gainOne / max(gain, 1) }

// follow moves mean and spread a step towards a deviation from the model.
func (c *modelCell) follow(d int, past, constant int64, decays bool) {
	step := int(int64(d) * past / constant)
	if step == 0 {
		step = cmp.Compare(d, 0)
	}
	c.mean = uint16(min(max(int(c.mean)+step, 0), maxMean))
	if max(d, -d) > int(c.spread)*spreadUnit {
		c.spread = min(c.spread+1, maxSpread)
	} else if decays && c.spread > 0 {
		c.spread--
	}
}
