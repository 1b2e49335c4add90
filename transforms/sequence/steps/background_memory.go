package steps

import (
	"fmt"

	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
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

func (m *backgroundMemory) Next(in pixels.Input, out *result.Frame) error {
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
	m.labels, n = m.grid.parts(m.labels, m.marked, corners)
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

// backgroundGrid divides a picture into the cells of its model.
func backgroundGrid(width, height int) cells {
	if c := cellsOf(width, height, backgroundCells); c.size >= backgroundSide {
		return c
	}
	return cellsOf(width, height, fewCells)
}

// prepare makes what follows from the size of the pictures.
func (m *backgroundMemory) prepare() {
	if m.grid.width == m.width && m.grid.height == m.height {
		return
	}
	m.grid = backgroundGrid(m.width, m.height)
	m.ignore, m.within = m.step.area.of(m.grid)
}

func (m *backgroundMemory) Break(b sequence.Break) {
	if b == sequence.NewEpoch || b == sequence.Silence {
		m.width, m.height, m.cells = 0, 0, nil
	}
}

func (m *backgroundMemory) Close() {}
