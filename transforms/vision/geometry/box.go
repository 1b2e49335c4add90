package geometry

// Box is an upright rectangle on the grid, edges and corners included.
type Box struct{ Min, Max Point }

// BoxOf is a box in a picture, both in pixels.
func BoxOf(x, y, width, height, pictureWidth, pictureHeight int32) Box {
	at := func(v, of int64) int32 {
		return int32(max(-reach, min(reach, v*Unit/max(1, of))))
	}
	return Box{
		Point{at(int64(x), int64(pictureWidth)), at(int64(y), int64(pictureHeight))},
		Point{at(int64(x)+int64(width), int64(pictureWidth)), at(int64(y)+int64(height), int64(pictureHeight))},
	}
}

func (b Box) contains(p Point) bool {
	return b.Min.X <= p.X && p.X <= b.Max.X && b.Min.Y <= p.Y && p.Y <= b.Max.Y
}

// corners are the box's, in their order around it.
func (b Box) corners() [4]Point {
	return [4]Point{b.Min, {b.Max.X, b.Min.Y}, b.Max, {b.Min.X, b.Max.Y}}
}

// Bounds is the smallest box around the polygon.
func (g Polygon) Bounds() Box {
	b := Box{g.corners[0], g.corners[0]}
	for _, c := range g.corners[1:] {
		b.Min = Point{min(b.Min.X, c.X), min(b.Min.Y, c.Y)}
		b.Max = Point{max(b.Max.X, c.X), max(b.Max.Y, c.Y)}
	}
	return b
}

// Meets reports whether the polygon and the box have a point in common.
func (g Polygon) Meets(b Box) bool {
	corners := b.corners()
	for i := range g.corners {
		if b.contains(g.corners[i]) {
			return true
		}
		for j := range corners {
			if g.edge(i).Touches(Segment{corners[j], corners[(j+1)%len(corners)]}) {
				return true
			}
		}
	}
	return g.Contains(b.Min) // the box lies inside, or apart
}
