package scene

// The background's gray levels lie in this range, those of objects outside it.
const (
	darkest   = 70
	brightest = 170
)

// paintBackground paints a wall and a floor of slabs: slow changes of shade,
// joints with sharp corners, and fine grain.
func (s *Scene) paintBackground() []byte {
	pix := make([]byte, 0, 3*s.world.X*s.world.Y)
	cell := max(4, s.cfg.Width/16)
	for y := range s.world.Y {
		for x := range s.world.X {
			level := 100 + 30*y/s.world.Y
			level += shade(s.cfg.Seed, x, y, cell) / 4
			level += int(hash(s.cfg.Seed, uint64(x), uint64(y)) % 9)
			if x%(2*cell) == 0 || y%cell == 0 {
				level -= 15
			}
			for _, tint := range [3]int{-8, 0, 4} {
				pix = append(pix, byte(min(max(level+tint, darkest), brightest)))
			}
		}
	}
	return pix
}

// shade is value noise: random levels from -64 to 63 at the corners of cells,
// bilinear between them.
func shade(seed uint64, x, y, cell int) int {
	at := func(cx, cy int) int { return int(hash(^seed, uint64(cx), uint64(cy))%128) - 64 }
	cx, cy, dx, dy := x/cell, y/cell, x%cell, y%cell
	top := at(cx, cy)*(cell-dx) + at(cx+1, cy)*dx
	bottom := at(cx, cy+1)*(cell-dx) + at(cx+1, cy+1)*dx
	return (top*(cell-dy) + bottom*dy) / (cell * cell)
}
