package steps

import (
	"cmp"
	"errors"
	"image"
	"slices"
	"time"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
)

const (
	backgroundName  = "background"
	backgroundLabel = "object"
	// backgroundVersion is of the algorithm: raise it with every change that could
	// change a result.
	backgroundVersion = 1
	// backgroundCells is the most cells of a model, of backgroundCellBytes each.
	backgroundCells     = 10000
	backgroundCellBytes = 4
)

func init() {
	sequence.Register(sequence.Kind{
		Kind:  params.KindOf(backgroundName, "objects before a learnt background, without any network", false, DefaultBackground()),
		Stage: sequence.Finds,
		Bytes: 40 << 10,
		Make:  func(_ string, p params.Params) (sequence.Step, error) { return NewBackground(p.(BackgroundConfig)) },
	})
}

// BackgroundConfig are the parameters of the background model; see [DefaultBackground].
type BackgroundConfig struct {
	Contrast int             `json:"contrast" min:"2" max:"128" doc:"difference in gray levels from the background that makes an object where there is little noise"`
	MinArea  float64         `json:"min_area" min:"0.00001" max:"1" doc:"least size of an object, as a part of the picture's area"`
	Merge    float64         `json:"merge" min:"0" max:"0.5" doc:"parts one above the other join when the gap is at most this part of the picture's height"`
	Absorb   params.Duration `json:"absorb" min:"2s" max:"24h" doc:"time after which an object that rests becomes background"`
	Learn    params.Duration `json:"learn" min:"1s" max:"24h" doc:"time constant with which the background follows slow changes"`
	WarmUp   params.Duration `json:"warm_up" min:"100ms" max:"1h" doc:"time at the start in which the background is learnt and no objects are given"`
	Global   float64         `json:"global" min:"0.05" max:"1" doc:"when more than this part of the picture has changed, the background is learnt anew, for a second without objects"`
	Texture  float64         `json:"texture" min:"0" max:"1" doc:"how much a changed part must look like the background to be a change of light and no object; 0: never"`
	Ignore   []outline       `json:"ignore" items:"0,32" min:"0" max:"1" doc:"polygons of [x, y] from 0 to 1 of which nothing counts"`
	Within   []outline       `json:"within" items:"0,32" min:"0" max:"1" doc:"polygons of [x, y] from 0 to 1 in which an object must lie with at least half of it; none: everywhere"`
}

// DefaultBackground are parameters for cameras that do not move.
func DefaultBackground() BackgroundConfig {
	return BackgroundConfig{
		Contrast: 14, MinArea: 0.001, Merge: 0.02,
		Absorb: params.Duration(time.Minute), Learn: params.Duration(20 * time.Second), WarmUp: params.Duration(2 * time.Second),
		Global: 0.5, Texture: 0.8,
	}
}

// Validate returns every violation, joined.
func (c BackgroundConfig) Validate() error {
	errs := []error{params.Check(c)}
	_, err := newArea(c.Ignore, c.Within)
	errs = append(errs, err)
	return errors.Join(errs...)
}

// background finds objects as what differs from a model of the scene.
//
// The picture is reduced to cells by area. The model has two layers: what a cell
// normally shows (mean and spread, which follow slowly), and what it shows instead
// (a level and for how long). Mean and spread move by small steps in the direction
// of the frame (sigma-delta: A. Manzanera and J. C. Richefeu, A new motion
// detection algorithm based on sigma-delta background estimation, Pattern
// Recognition Letters 28, 2007), and only where nothing is in front. At the start
// the level is the one that most frames showed (R. S. Boyer and J. S. Moore, MJRTY,
// 1991). Changes of light are found as the median ratio between frame and model,
// and where they are local as changed parts that still show the model's texture.
// An uncovered place, which has no edge around it in the frame but in the model,
// becomes background at once (after R. Cucchiara et al., Detecting moving objects,
// ghosts and shadows in video streams, PAMI 2003, who look at the motion instead).
//
// All of it is in integers, and by capture time, not by frames.
type background struct {
	BackgroundConfig
	digest string
	times  backgroundTimes
	area   area
}

// backgroundTimes are durations in milliseconds.
type backgroundTimes struct {
	learn, warmUp int64
	oldest        int   // the age at which a cell has shown something else for so long that it is background
	slow          int64 // how long a year of age lasts from slowAge on
}

const (
	learnEvery  = 200 // ms between steps of the means
	decayEvery  = 5   // steps of the means to one step of a spread down
	ageEvery    = 500 // ms of a young cell's year
	slowAge     = 16  // from this age on years are as long as absorb asks for
	maxAge      = 63
	settled     = 3          // the age at which a cell is known to rest
	relearn     = 1000       // ms without objects when all has changed
	warmFrames  = 5          // the least that a warm-up takes
	maxStep     = 10000      // ms: a longer gap teaches no more
	maxSpread   = 63         // in spreadUnits
	maxFlicker  = 24         // spread that flicker can cause
	spreadUnit  = gray16 / 2 // half a gray level
	startSpread = 2          // in spreadUnits
	maxMean     = 4095
	faint       = 4 // what stands out this many times less than an object is none of it
)

// NewBackground makes the step "background", or says all that is wrong with cfg.
// It gives detections "object" whose area is that of their cells in pixels and
// whose score is how much they stand out: the mean difference in gray as a part of
// four times the contrast, at most 1.
func NewBackground(cfg BackgroundConfig) (sequence.Step, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	digest, err := params.Digest(backgroundName, backgroundVersion, cfg)
	if err != nil {
		return nil, err
	}
	ms := func(d params.Duration) int64 { return time.Duration(d).Milliseconds() }
	t := backgroundTimes{learn: ms(cfg.Learn), warmUp: ms(cfg.WarmUp), slow: ageEvery}
	absorb := ms(cfg.Absorb)
	if years := absorb / ageEvery; years < maxAge {
		t.oldest = int(years) + 1
	} else {
		t.oldest = maxAge
		t.slow = (absorb - (slowAge-1)*ageEvery) / (maxAge - slowAge)
	}
	looks, err := newArea(cfg.Ignore, cfg.Within)
	if err != nil {
		return nil, err
	}
	return &background{cfg, digest, t, looks}, nil
}

func (s *background) Name() string           { return backgroundName }
func (s *background) Digest() string         { return s.digest }
func (s *background) Pixels() frame.Pixels   { return frame.GrayPixels }
func (s *background) Start() sequence.Memory { return &backgroundMemory{step: s} }

// blob is a connected part of the foreground.
type blob struct {
	cells            int
	sure             int   // cells that stand out for certain
	standsOut        int64 // the sum of their differences from the model
	old              int   // cells that have shown the same for as long as makes them background
	texture          texture
	edges            int   // neighbours across its edge
	nowEdge, wasEdge int64 // sums of their differences in the frame and in the model
	finding          finding
}

type finding uint8

const (
	isNoise finding = iota
	isLight
	isGhost
	isObject
)

// judge says what a blob is.
func (s *background) judge(b *blob) finding {
	switch {
	case b.sure*4 < b.cells && b.sure < 4:
		return isNoise
	case s.Texture > 0 && b.texture.same(s.Texture):
		return isLight
	case b.ghost():
		return isGhost
	}
	return isObject
}

// ghost reports whether there is an edge around the blob in the model and none in
// the frame.
func (b *blob) ghost() bool { return b.edges >= 8 && b.nowEdge*5 < b.wasEdge*2 }

// object is one or more parts of blobs that belong together.
type object struct {
	cells      int
	within     int             // those in the polygons
	difference int64           // sum of the differences from the model
	box        image.Rectangle // in cells
}

// objects joins parts that lie one above the other, and drops what is too small.
func (s *background) objects(objects []object, c cells) []object {
	// The largest are the ones that can matter, and comparing all pairs must end.
	slices.SortStableFunc(objects, func(a, b object) int { return cmp.Compare(b.cells, a.cells) })
	objects = objects[:min(len(objects), 400)]
	gap := int(float64(s.Merge * float64(c.height)))
	for joined := true; joined; {
		joined = false
		for i := 0; i < len(objects); i++ {
			for j := len(objects) - 1; j > i; j-- {
				a, b := &objects[i], objects[j]
				across := min(a.box.Max.X, b.box.Max.X) - max(a.box.Min.X, b.box.Min.X)
				down := max(a.box.Min.Y, b.box.Min.Y) - min(a.box.Max.Y, b.box.Max.Y)
				if 2*across < min(a.box.Dx(), b.box.Dx()) || down*c.size > gap {
					continue
				}
				a.cells += b.cells
				a.within += b.within
				a.difference += b.difference
				a.box = a.box.Union(b.box)
				objects = slices.Delete(objects, j, j+1)
				joined = true
			}
		}
	}
	least := s.MinArea * float64(c.width*c.height)
	return slices.DeleteFunc(objects, func(o object) bool {
		return float64(o.cells*c.size*c.size) < least || 2*o.within < o.cells
	})
}

// detection is an object with its box fitted to the pixels.
func (s *background) detection(o object, c cells, pixels []byte, model func(i int) int) result.Detection {
	mean := int(o.difference / int64(o.cells))
	box := c.fit(o.box, pixels, model, max(s.Contrast*gray16, mean/2))
	return result.Detection{
		Analysis: backgroundName, Label: backgroundLabel,
		X: int32(box.Min.X), Y: int32(box.Min.Y), Width: int32(box.Dx()), Height: int32(box.Dy()),
		Area:  float64(min(o.cells*c.size*c.size, c.width*c.height)),
		Score: min(1, float64(mean)/float64(4*s.Contrast*gray16)),
	}
}

// fit moves each side of a box of cells to where pixels differ from the model: at
// most one cell outwards and two inwards.
func (c cells) fit(b image.Rectangle, pixels []byte, model func(i int) int, least int) image.Rectangle {
	box := c.box(b)
	differs := func(x, y int) int {
		d := int(pixels[y*c.width+x])*gray16 - model(y/c.size*c.cols+x/c.size)
		if max(d, -d) >= least {
			return 1
		}
		return 0
	}
	column := func(x int) bool {
		n := 0
		for y := box.Min.Y; y < box.Max.Y; y++ {
			n += differs(x, y)
		}
		return n >= max(1, min(box.Dy()/6, max(c.size*3/2, 4)))
	}
	row := func(y int) bool {
		n := 0
		for x := box.Min.X; x < box.Max.X; x++ {
			n += differs(x, y)
		}
		return n >= max(1, min(box.Dx()/6, max(c.size*3/2, 4)))
	}
	// side goes outwards as long as is holds, or inwards until it does.
	side := func(from, inwards, low, high int, is func(int) bool) int {
		if is(from) {
			for k := 1; k <= c.size; k++ {
				if at := from - inwards*k; at < low || at >= high || !is(at) {
					return at + inwards
				}
			}
			return from - inwards*c.size
		}
		for k := 1; k < 2*c.size; k++ {
			if at := from + inwards*k; at >= low && at < high && is(at) {
				return at
			}
		}
		return from
	}
	fitted := image.Rect(
		side(box.Min.X, 1, 0, c.width, column), side(box.Min.Y, 1, 0, c.height, row),
		side(box.Max.X-1, -1, 0, c.width, column)+1, side(box.Max.Y-1, -1, 0, c.height, row)+1,
	)
	if fitted.Empty() {
		return box
	}
	return fitted
}
