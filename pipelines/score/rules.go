package main

import (
	"time"

	"github.com/framebeam/framebeam/testdata/scene"
	"github.com/framebeam/framebeam/testdata/score"
	"github.com/framebeam/framebeam/transforms/result"
)

// happened is something that an object did.
type happened struct {
	at   time.Duration
	what string
}

// The truth about lines and zones, the simple way: both have upright edges, so an
// object does something when the middle of its box gets from beyond one side of an
// edge to beyond the other.
const (
	line     = 0.5
	zoneFrom = 0.3
	zoneTo   = 0.7
	beyond   = 0.02
)

// side is -1 left of an edge and 1 right of it, or what it was when it is near.
func side(x, edge float64, before int) int {
	switch {
	case x < edge-beyond:
		return -1
	case x > edge+beyond:
		return 1
	}
	return before
}

// truths returns what the scene's objects do.
func truths(p *played) (crossings, stays []happened) {
	type object struct {
		line, inside int
		largest      int
	}
	known := map[int]*object{}
	size := p.scene.Size()
	large := 2 * size.X * size.Y / 1000
	for i := range p.truth {
		for _, o := range p.truth[i].Objects {
			if o.Pixels == 0 {
				continue
			}
			k := known[o.ID]
			if k == nil {
				k = &object{}
				known[o.ID] = k
			}
			k.largest = max(k.largest, o.Pixels)
			x := middle(o) / float64(size.X)
			inside := -1
			if side(x, zoneFrom, 1) > 0 && side(x, zoneTo, -1) < 0 {
				inside = 1
			}
			if near := x > zoneFrom-beyond && x < zoneFrom+beyond || x > zoneTo-beyond && x < zoneTo+beyond; near && k.inside != 0 {
				inside = k.inside
			}
			at := side(x, line, k.line)
			if k.largest > large && p.at(i) >= warmUp {
				if k.line != 0 && at != k.line {
					crossings = append(crossings, happened{p.at(i), map[int]string{1: "right", -1: "left"}[at]})
				}
				if k.inside != 0 && inside != k.inside || k.inside == 0 && inside > 0 {
					stays = append(stays, happened{p.at(i), map[int]string{1: result.Enter, -1: result.Leave}[inside]})
				}
			}
			k.line, k.inside = at, inside
		}
	}
	return crossings, stays
}

func middle(o scene.Object) float64 { return float64(o.X) + float64(o.Width)/2 }

func (s *watched) addRules(p *played) {
	var crossings, stays []happened
	for i := range p.rows {
		if p.at(i) < warmUp {
			continue
		}
		for _, e := range p.rows[i].Events {
			switch {
			case e.Type == result.EventLineCrossed:
				// The line goes down, so that its left is the picture's right.
				what := "left"
				if e.Transition == result.Backward {
					what = "right"
				}
				crossings = append(crossings, happened{p.at(i), what})
			case e.Type == result.EventObjectsInside && (e.Transition == result.Enter || e.Transition == result.Leave):
				stays = append(stays, happened{p.at(i), e.Transition})
			}
		}
	}
	crossed, stayed := truths(p)
	s.lines = s.lines.Plus(match(crossings, crossed))
	s.zones = s.zones.Plus(match(stays, stayed))
	count := func(to *[2]int, found, there []happened, what string) {
		for _, h := range found {
			if what == "" || h.what == what {
				to[0]++
			}
		}
		for _, h := range there {
			if what == "" || h.what == what {
				to[1]++
			}
		}
	}
	count(&s.crossings, crossings, crossed, "")
	count(&s.stays, stays, stayed, result.Enter)
}

// match pairs what was found with what is there, each once, in order of time.
func match(found, there []happened) (t score.Tally) {
	const within = 2 * time.Second
	used := make([]bool, len(there))
	for _, f := range found {
		hit := false
		for i, h := range there {
			if d := f.at - h.at; !used[i] && h.what == f.what && d <= within && d >= -within {
				used[i], hit = true, true
				break
			}
		}
		switch {
		case hit:
			t.Hits++
		case f.at >= warmUp+within: // else it may have happened before
			t.False++
		}
	}
	t.Misses = len(there) - t.Hits
	return t
}
