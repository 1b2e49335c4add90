// Package cellmap says how marked cells of a picture lie in a result.Feature: those in which
// the analysis activity saw something move.
//
// The picture is cut into squares from its upper left corner on, row by row, those at the
// right and lower edge smaller. The feature's kind is "cells/columns x rows/side", as
// "cells/64x48/10", with the side in pixels of the frame. Its data are a bit for each
// cell, in this order without gaps between rows: cell i is the bit 0x80 >> i%8 of byte i/8.
package cellmap

import (
	"fmt"
	"strconv"
	"strings"
)

// prefix is how kinds of features begin that are cells.
const prefix = "cells/"

// Grid is how a picture is cut into cells.
type Grid struct {
	Columns, Rows int
	Side          int // pixels
}

// most bounds numbers in a kind, so that none of their products is too large.
const most = 1 << 20

// Kind is result.Feature.Kind of the grid's cells.
func (g Grid) Kind() string { return fmt.Sprintf("%s%dx%d/%d", prefix, g.Columns, g.Rows, g.Side) }

// ParseKind is the inverse of [Grid.Kind]; not ok of another kind of feature.
func ParseKind(kind string) (g Grid, ok bool) {
	text, is := strings.CutPrefix(kind, prefix)
	columns, rest, ok1 := strings.Cut(text, "x")
	rows, side, ok2 := strings.Cut(rest, "/")
	if !is || !ok1 || !ok2 {
		return Grid{}, false
	}
	for _, n := range []struct {
		text string
		to   *int
	}{{columns, &g.Columns}, {rows, &g.Rows}, {side, &g.Side}} {
		v, err := strconv.Atoi(n.text)
		if err != nil || v < 1 || v > most {
			return Grid{}, false
		}
		*n.to = v
	}
	return g, g.Kind() == kind
}

// Bytes is how long the data are.
func (g Grid) Bytes() int { return (g.Columns*g.Rows + 7) / 8 }

// Of reports whether a picture of so many pixels is cut so.
func (g Grid) Of(width, height int) bool {
	return width > 0 && height > 0 && (width+g.Side-1)/g.Side == g.Columns && (height+g.Side-1)/g.Side == g.Rows
}

// Cell is where a cell of a picture lies that is cut so, in pixels.
func (g Grid) Cell(i, width, height int) (x, y, w, h int) {
	x, y = i%g.Columns*g.Side, i/g.Columns*g.Side
	return x, y, min(g.Side, width-x), min(g.Side, height-y)
}

// Marks are result.Feature.Data: marked cells.
type Marks []byte

// Make makes those of n cells, of which none is marked yet.
func Make(n int) Marks { return make(Marks, (n+7)/8) }

// Mark marks cell i.
func (m Marks) Mark(i int) { m[i/8] |= 0x80 >> (i % 8) }

// Marked reports whether cell i is marked.
func (m Marks) Marked(i int) bool { return m[i/8]&(0x80>>(i%8)) != 0 }
