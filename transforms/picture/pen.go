package picture

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"strings"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/geometry"
)

var (
	// green is the original system's colour for what moved.
	green = color.RGBA{G: 255, A: 255}
	black = color.RGBA{A: 255}
	white = color.RGBA{R: 255, G: 255, B: 255, A: 255}
	// amber is that of lines and zones.
	amber = color.RGBA{R: 255, G: 190, A: 255}
	// red is that of the object that an event is about.
	red = color.RGBA{R: 255, G: 40, B: 40, A: 255}

	// palette are the colours of tracks, by their ids.
	palette = []color.RGBA{
		{R: 230, G: 25, B: 75, A: 255}, {R: 255, G: 225, B: 25, A: 255}, {R: 0, G: 130, B: 200, A: 255}, {R: 245, G: 130, B: 48, A: 255},
		{R: 145, G: 30, B: 180, A: 255}, {R: 70, G: 240, B: 240, A: 255}, {R: 240, G: 50, B: 230, A: 255}, {R: 210, G: 245, B: 60, A: 255},
	}
)

// pen draws onto a picture. Nothing is smoothed, so that equal input gives equal bytes
// whatever the processor.
type pen struct {
	on    *gocv.Mat
	width int // of lines, in pixels
}

// box draws a detection's box, and the label and id of a track above it.
func (p pen) box(d *result.Detection, width int) {
	colour := green
	if d.Track != 0 {
		colour = palette[uint64(d.Track/1000+d.Track%1000)%uint64(len(palette))]
	}
	box := p.rectangle(d)
	gocv.RectangleWithParams(p.on, box, colour, max(1, width), gocv.Line8, 0)
	if d.Track != 0 {
		p.text(name(d), p.inside(name(d), box.Min.Sub(image.Pt(0, 3))), p.scale(), colour)
	}
}

// rectangle is a detection's box for gocv, which draws to the far corner itself, and
// that lies one pixel outside the box.
func (p pen) rectangle(d *result.Detection) image.Rectangle {
	return image.Rect(int(d.X), int(d.Y), int(d.X+d.Width)-1, int(d.Y+d.Height)-1)
}

func name(d *result.Detection) string { return fmt.Sprintf("%s %d", d.Label, d.Track) }

// scale is that of text: half at 1280 pixels.
func (p pen) scale() float64 { return float64(max(320, p.on.Cols())) / 1280 }

// object draws the box of what an event is about, such that it is seen before anything.
func (p pen) object(d *result.Detection) {
	box := p.rectangle(d)
	gocv.RectangleWithParams(p.on, box.Inset(-p.width), black, 2*p.width, gocv.Line8, 0)
	gocv.RectangleWithParams(p.on, box, red, p.width, gocv.Line8, 0)
	if d.Track != 0 {
		p.text(name(d), p.inside(name(d), box.Min.Sub(image.Pt(0, 2*p.width+2))), p.scale(), white)
	}
}

// trail draws where an object has stood, the middle of its box's lower edge.
func (p pen) trail(d *result.Detection, before []*result.Frame) {
	stood := func(d *result.Detection) image.Point {
		return image.Pt(int(d.X+d.Width/2), int(d.Y+d.Height)-1)
	}
	at := stood(d)
	for _, r := range before {
		for i := range r.Detections {
			if was := &r.Detections[i]; was.Track == d.Track && was.Track != 0 && was.Analysis == d.Analysis {
				to := stood(was)
				gocv.Line(p.on, at, to, red, max(1, p.width/2))
				at = to
				break
			}
		}
	}
}

// shape draws a line or zone with its name, and into which direction a line was crossed,
// or else which count.
func (p pen) shape(s geometry.Shape, e *result.Event) {
	if len(s.Points) < 2 {
		return
	}
	points := make([]image.Point, len(s.Points))
	for i, q := range s.Points {
		points[i] = image.Pt(pixelAt(q[0], p.on.Cols()), pixelAt(q[1], p.on.Rows()))
	}
	ends := points
	if s.Closed {
		ends = append(ends, points[0])
	}
	for _, layer := range []struct {
		colour color.RGBA
		width  int
	}{{black, p.width + 2}, {amber, p.width}} {
		for i := range ends[1:] {
			gocv.Line(p.on, ends[i], ends[i+1], layer.colour, layer.width)
		}
	}
	if !s.Closed {
		p.arrows(s, points, e.Transition)
	}
	if e.Rule != "" {
		at := points[0]
		for _, q := range points[1:] {
			if q.Y < at.Y {
				at = q
			}
		}
		at = at.Add(image.Pt(p.width+2, -p.width-2))
		if s.Closed {
			at.Y += gocv.GetTextSize(drawable(e.Rule), gocv.FontHersheySimplex, p.scale(), 1).Y + 3*p.width + 4
		}
		p.text(e.Rule, p.inside(e.Rule, at), p.scale(), amber)
	}
}

// pixelAt is the pixel of a relative position.
func pixelAt(v float64, size int) int {
	return int(math.RoundToEven(max(-1, min(2, v)) * float64(size-1)))
}

// arrows draws which way a line is crossed, in the middle of its longest segment.
func (p pen) arrows(s geometry.Shape, points []image.Point, transition string) {
	var a, b image.Point
	longest := 0
	for i := range points[1:] {
		d := points[i+1].Sub(points[i])
		if n := d.X*d.X + d.Y*d.Y; n > longest {
			longest, a, b = n, points[i], points[i+1]
		}
	}
	if longest == 0 {
		return
	}
	length := float64(max(8, min(p.on.Cols(), p.on.Rows())/12))
	by := length / math.Sqrt(float64(longest))
	right := image.Pt(int(math.Round(float64(-(b.Y-a.Y))*by)), int(math.Round(float64(b.X-a.X)*by)))
	middle := a.Add(b).Div(2)
	forward, backward := s.Forward, s.Backward
	if transition == result.Forward || transition == result.Backward {
		forward, backward = transition == result.Forward, transition == result.Backward
	}
	for _, to := range []struct {
		on bool
		to image.Point
	}{{forward, middle.Add(right)}, {backward, middle.Sub(right)}} {
		if to.on {
			p.arrow(middle, to.to)
		}
	}
}

// arrow draws an arrow with a head at its end.
func (p pen) arrow(from, to image.Point) {
	d := to.Sub(from)
	back := image.Pt(from.X+d.X*3/5, from.Y+d.Y*3/5)
	side := image.Pt(-d.Y*3/10, d.X*3/10)
	for _, layer := range []struct {
		colour color.RGBA
		width  int
	}{{black, p.width + 2}, {amber, p.width}} {
		for _, l := range [][2]image.Point{{from, to}, {back.Add(side), to}, {back.Sub(side), to}} {
			gocv.Line(p.on, l[0], l[1], layer.colour, layer.width)
		}
	}
}

// inside moves the place of a text such that it lies within the picture.
func (p pen) inside(text string, at image.Point) image.Point {
	size := gocv.GetTextSize(drawable(text), gocv.FontHersheySimplex, p.scale(), 1)
	return image.Pt(max(2, min(at.X, p.on.Cols()-size.X-2)), max(size.Y+2, min(at.Y, p.on.Rows()-3)))
}

// text writes a line onto a dark ground, in a light tint of a colour: thin letters in
// plain colours are lost in a JPEG. at is its lower left corner.
func (p pen) text(text string, at image.Point, scale float64, colour color.RGBA) {
	text = drawable(text)
	size := gocv.GetTextSize(text, gocv.FontHersheySimplex, scale, 1)
	ground := image.Rect(at.X-2, at.Y-size.Y-2, at.X+size.X+1, at.Y+size.Y/3)
	gocv.RectangleWithParams(p.on, ground, black, -1, gocv.Line8, 0)
	tint := color.RGBA{R: lighter(colour.R), G: lighter(colour.G), B: lighter(colour.B), A: 255}
	gocv.PutTextWithParams(p.on, text, at, gocv.FontHersheySimplex, scale, tint, 1, gocv.Line8, false)
}

func lighter(c uint8) uint8 { return c/2 + 128 }

// drawable is the text in the letters that OpenCV's fonts have.
func drawable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
}

// caption writes lines of text at the picture's lower edge, each as large as fits.
func (p pen) caption(lines []string) {
	at := p.on.Rows() - 4
	for i := len(lines) - 1; i >= 0; i-- {
		scale := p.scale()
		size := gocv.GetTextSize(drawable(lines[i]), gocv.FontHersheySimplex, scale, 1)
		if room := p.on.Cols() - 8; size.X > room && size.X > 0 {
			scale = scale * float64(room) / float64(size.X)
		}
		p.text(lines[i], image.Pt(4, at), scale, white)
		at -= size.Y + size.Y/2 + 2
	}
}
