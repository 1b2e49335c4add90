package steps

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image"

	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/wire"
)

// backgroundMemory is the model of one camera.
type backgroundMemory struct {
	step *background

	width, height int   // of the pictures; 0: no model yet
	captured      int64 // of the last frame, ms since 1970
	warming       int64 // ms of warming up that are left; 0: none
	warmed        int   // frames of the warm-up so far
	learnDue      int64 // ms since the last step of the means
	decays        int   // steps of the means since the last of the spreads down
	ageDue        int64 // ms since the young last aged
	slowDue       int64 // ms since the others did
	cells         []modelCell

	// What follows from the above and the frame at hand.
	grid         cells
	ignore       []bool
	within       []bool
	now          []uint16 // the frame reduced
	marked       []bool   // cells that differ
	resting      []bool   // those that have shown the same for a while
	strong       []bool
	strongLabels []int32
	skip         []bool
	means        []uint16
	labels       []int32
	blobs        []blob
}

// modelCell is the model of a cell; 32 bits when saved.
type modelCell struct {
	mean   uint16 // gray level in sixteenths, 12 bits
	spread uint8  // what one deviation in six exceeds, in spreadUnits, 6 bits
	// age is 0 while the cell shows the background; else for how many years it
	// has shown other instead, and 1. While warming up it counts votes for mean. 6 bits
	age   uint8
	other uint8 // gray level
}

func (m *backgroundMemory) Next(in sequence.Input, out *result.Frame) error {
	gray, err := in.Gray()
	if err != nil {
		return err
	}
	f := in.Frame()
	captured := f.Captured.UnixMilli()
	if m.width != gray.Cols() || m.height != gray.Rows() {
		m.reset(gray.Cols(), gray.Rows())
		m.captured = captured
	}
	m.prepare()
	pixels, err := m.grid.grayOf(gray)
	if err != nil {
		return fmt.Errorf("background: %w", err)
	}
	m.now = m.grid.reduce(m.now, pixels)
	step := min(max(captured-m.captured, 0), maxStep)
	m.captured = captured
	if m.warming > 0 {
		m.warm(step)
		return nil
	}
	g := m.gain()
	if m.mark(g) {
		// All is new. What was learnt is worth nothing, nor is what would be found now.
		m.relearn(relearn)
		m.warm(0)
		return nil
	}
	m.uncover(g)
	var n int
	m.labels, n = m.grid.parts(m.labels, m.marked, 1)
	m.measure(g, n)
	model := func(i int) int { return lit(m.cells[i].mean, g) }
	for _, o := range m.step.objects(m.parts(g), m.grid) {
		out.Detections = append(out.Detections, m.step.detection(o, m.grid, pixels, model))
	}
	m.learn(g, step)
	return nil
}

// reset begins a model for pictures of a size.
func (m *backgroundMemory) reset(width, height int) {
	m.width, m.height = width, height
	m.grid = cells{}
	m.prepare()
	m.cells = make([]modelCell, m.grid.count())
	m.relearn(max(m.step.times.warmUp, 1))
}

// relearn begins a warm-up.
func (m *backgroundMemory) relearn(long int64) {
	clear(m.cells)
	m.warming, m.warmed = long, 0
	m.learnDue, m.decays, m.ageDue, m.slowDue = 0, 0, 0, 0
}

// prepare makes what follows from the size of the pictures.
func (m *backgroundMemory) prepare() {
	if m.grid.width == m.width && m.grid.height == m.height {
		return
	}
	m.grid = cellsOf(m.width, m.height, backgroundCells)
	m.ignore, m.within = m.step.area.of(m.grid)
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

// thresholds of the differences that are suspect and that are certain.
func (c *modelCell) thresholds(contrast int) (low, high int) {
	low = max(contrast*gray16/2, 2*int(c.spread)*spreadUnit)
	return low, 2 * low
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
	m.labels, n = m.grid.parts(m.labels, m.resting, 1)
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
			m.strong[i] = max(d, -d)*faint*int64(b.sure) >= b.standsOut
		}
	}
	var n int
	m.strongLabels, n = m.grid.parts(m.strongLabels, m.strong, 1)
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
		step = cmpInt(d, 0)
	}
	c.mean = uint16(min(max(int(c.mean)+step, 0), maxMean))
	if max(d, -d) > int(c.spread)*spreadUnit {
		c.spread = min(c.spread+1, maxSpread)
	} else if decays && c.spread > 0 {
		c.spread--
	}
}

func cmpInt(a, b int) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (m *backgroundMemory) Break(b sequence.Break) {
	if b == sequence.NewEpoch || b == sequence.Silence {
		m.width, m.height, m.cells = 0, 0, nil
	}
}

func (m *backgroundMemory) Close() {}

// backgroundFormat is the version of a saved memory. Version 1: the size of the
// pictures (0: nothing else), the times and counters, and the cells with 4 bytes each.
const backgroundFormat = 1

func (m *backgroundMemory) Save() []byte {
	b := append(make([]byte, 0, backgroundCellBytes*len(m.cells)+64), backgroundFormat)
	b = wire.Uint(b, uint64(m.width))
	b = wire.Uint(b, uint64(m.height))
	if m.width == 0 {
		return b
	}
	b = wire.Int(b, m.captured)
	for _, v := range []int64{m.warming, int64(m.warmed), m.learnDue, int64(m.decays), m.ageDue, m.slowDue} {
		b = wire.Uint(b, uint64(v))
	}
	b = wire.Uint(b, uint64(len(m.cells)*backgroundCellBytes)+1)
	for _, c := range m.cells {
		b = binary.LittleEndian.AppendUint32(b, uint32(c.mean)|uint32(c.spread)<<12|uint32(c.age)<<18|uint32(c.other)<<24)
	}
	return b
}

// Restore reads what Save wrote.
func (s *background) Restore(saved []byte) (sequence.Memory, error) {
	if len(saved) == 0 || saved[0] != backgroundFormat {
		return nil, fmt.Errorf("background state: unknown version (known: %d)", backgroundFormat)
	}
	r := wire.NewReader(saved[1:])
	m := &backgroundMemory{step: s}
	width, height := r.Uint(), r.Uint()
	if width == 0 && height == 0 {
		if err := r.Close(); err != nil {
			return nil, fmt.Errorf("background state: %w", err)
		}
		return m, nil
	}
	m.captured = r.Int()
	var counts [6]uint64
	for i := range counts {
		counts[i] = r.Uint()
	}
	packed := r.Bytes()
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("background state: %w", err)
	}
	const most = 1 << 40
	for _, v := range counts {
		if v > most {
			return nil, errors.New("background state: a count is impossible")
		}
	}
	if width < 1 || height < 1 || width > maxPixels/height {
		return nil, fmt.Errorf("background state: %dx%d pixels", width, height)
	}
	m.width, m.height = int(width), int(height)
	if n := cellsOf(m.width, m.height, backgroundCells).count(); len(packed) != n*backgroundCellBytes {
		return nil, fmt.Errorf("background state: %d bytes of cells for %dx%d pixels", len(packed), m.width, m.height)
	}
	m.warming, m.warmed, m.learnDue = int64(counts[0]), int(counts[1]), int64(counts[2])
	m.decays, m.ageDue, m.slowDue = int(counts[3]), int64(counts[4]), int64(counts[5])
	m.cells = make([]modelCell, len(packed)/backgroundCellBytes)
	for i := range m.cells {
		v := binary.LittleEndian.Uint32(packed[i*backgroundCellBytes:])
		m.cells[i] = modelCell{uint16(v & 0xfff), uint8(v >> 12 & 0x3f), uint8(v >> 18 & 0x3f), uint8(v >> 24)}
	}
	return m, nil
}
