package steps

import "image"

// gain is that between the model and the frame.
func (m *backgroundMemory) gain() int {
	m.skip, m.means = grow(m.skip, len(m.cells)), grow(m.means, len(m.cells))
	skipped := 0
	for i := range m.cells {
		m.means[i] = m.cells[i].mean
		if m.skip[i] = m.ignore[i] || m.cells[i].age > 0; m.skip[i] {
			skipped++
		}
	}
	if 2*skipped > len(m.cells) {
		copy(m.skip, m.ignore)
	}
	return gain(m.now, m.means, m.skip)
}

// thresholds of the differences that are suspect and that are certain. Where there is
// more noise they follow it. What is suspect is not all certain: a change of light is
// known by the texture of all of the part that it is on.
func (c *modelCell) thresholds(contrast int) (low, high int) {
	noise := 2 * int(c.spread) * spreadUnit
	return max(contrast*gray16*3/4, noise), max(contrast*gray16, 2*noise)
}

// mark marks what differs from the model, and reports whether that is nearly all.
func (m *backgroundMemory) mark(g int) bool {
	m.marked = grow(m.marked, len(m.cells))
	n := 0
	for i := range m.cells {
		c := &m.cells[i]
		d := int(m.now[i]) - lit(c.mean, g)
		low, _ := c.thresholds(m.step.Contrast)
		if m.marked[i] = max(d, -d) > low && !m.ignore[i]; m.marked[i] {
			n++
		}
	}
	return m.changed(n)
}

// uncover takes into the model what has come to light behind objects that had
// been learnt as background. Such places show the same all the time, so they are
// told from objects that move before them.
func (m *backgroundMemory) uncover(g int) {
	m.resting = grow(m.resting, len(m.cells))
	some := false
	for i := range m.cells {
		m.resting[i] = m.marked[i] && int(m.cells[i].age) >= settled
		some = some || m.resting[i]
	}
	if !some {
		return
	}
	var n int
	m.labels, n = m.grid.parts(m.labels, m.resting, corners)
	m.blobs = grow(m.blobs, n)
	clear(m.blobs)
	for i, l := range m.labels {
		if l > 0 {
			m.edges(&m.blobs[l-1], i, g)
		}
	}
	for i, l := range m.labels {
		if l > 0 && m.blobs[l-1].ghost() {
			m.cells[i].mean, m.cells[i].age = uint16(min(unlit(int(m.now[i]), g), maxMean)), 0
			m.marked[i] = false
		}
	}
}

// measure fills blobs, of which there are n.
func (m *backgroundMemory) measure(g, n int) {
	m.blobs = grow(m.blobs, n)
	clear(m.blobs)
	cols, rows := m.grid.cols, m.grid.rows
	for i, l := range m.labels {
		if l == 0 {
			continue
		}
		b, c := &m.blobs[l-1], &m.cells[i]
		x, y := i%cols, i/cols
		now, was := int(m.now[i]), lit(c.mean, g)
		d := max(now-was, was-now)
		b.cells++
		if _, high := c.thresholds(m.step.Contrast); d > high {
			b.sure++
			b.standsOut += int64(d)
		}
		if int(c.age) >= m.step.times.oldest {
			b.old++
		}
		if x+1 < cols && m.labels[i+1] == l {
			b.texture.add(int(m.now[i+1])-now, lit(m.cells[i+1].mean, g)-was)
		}
		if y+1 < rows && m.labels[i+cols] == l {
			b.texture.add(int(m.now[i+cols])-now, lit(m.cells[i+cols].mean, g)-was)
		}
		m.edges(b, i, g)
	}
	for i := range m.blobs {
		m.blobs[i].finding = m.step.judge(&m.blobs[i])
	}
}

// parts are the blobs that are objects without what stands out much less than the
// rest of them, which is shadow and what compression leaves around them.
func (m *backgroundMemory) parts(g int) []object {
	m.strong = grow(m.strong, len(m.cells))
	for i, l := range m.labels {
		m.strong[i] = false
		if l == 0 {
			continue
		}
		if b := &m.blobs[l-1]; b.finding == isObject {
			d := int64(m.now[i]) - int64(lit(m.cells[i].mean, g))
			m.strong[i] = max(d, -d)*faintParts*int64(b.sure) >= faintOf*b.standsOut
		}
	}
	var n int
	m.strongLabels, n = m.grid.parts(m.strongLabels, m.strong, sides)
	objects := make([]object, n)
	for i, l := range m.strongLabels {
		if l == 0 {
			continue
		}
		o := &objects[l-1]
		x, y := i%m.grid.cols, i/m.grid.cols
		d := int64(m.now[i]) - int64(lit(m.cells[i].mean, g))
		o.cells++
		if m.within[i] {
			o.within++
		}
		o.difference += max(d, -d)
		o.box = o.box.Union(image.Rect(x, y, x+1, y+1))
	}
	return objects
}

// edges adds what lies across the blob's edge at a cell.
func (m *backgroundMemory) edges(b *blob, i, g int) {
	x, y := i%m.grid.cols, i/m.grid.cols
	m.edge(b, i, g, x, m.grid.cols, 1)
	m.edge(b, i, g, m.grid.cols-1-x, m.grid.cols, -1)
	m.edge(b, i, g, y, m.grid.rows, m.grid.cols)
	m.edge(b, i, g, m.grid.rows-1-y, m.grid.rows, -m.grid.cols)
}

// edge adds what lies across the edge in the direction of next. Cells at the edge
// are mixtures, so the cells beside them are compared. at is the position in that
// direction, of size.
func (m *backgroundMemory) edge(b *blob, i, g, at, size, next int) {
	label := m.labels[i]
	if at+2 >= size || m.labels[i+next] == label {
		return
	}
	in, out := i, i+2*next
	if at > 0 && m.labels[i-next] == label {
		in = i - next
	}
	if m.marked[out] {
		return
	}
	now := int64(m.now[in]) - int64(m.now[out])
	was := int64(lit(m.cells[in].mean, g) - lit(m.cells[out].mean, g))
	b.edges++
	b.nowEdge += max(now, -now)
	b.wasEdge += max(was, -was)
}
