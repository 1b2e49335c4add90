package cellmap

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

func TestTheLayoutStays(t *testing.T) {
	g := Grid{Columns: 5, Rows: 3, Side: 10}
	if g.Kind() != "cells/5x3/10" || g.Bytes() != 2 || !g.Of(50, 30) || !g.Of(41, 21) || g.Of(40, 30) || g.Of(50, 31) || g.Of(0, 0) {
		t.Errorf("%s, %d bytes", g.Kind(), g.Bytes())
	}
	m := Make(15)
	m.Mark(0) // of the first row
	m.Mark(7) // the third of the second row
	m.Mark(14)
	if !bytes.Equal(m, []byte{0b1000_0001, 0b0000_0010}) {
		t.Errorf("%08b", m)
	}
	if x, y, w, h := g.Cell(14, 47, 30); x != 40 || y != 20 || w != 7 || h != 10 {
		t.Error(x, y, w, h)
	}
}

func TestMarkedIsWhatWasMarked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 200).Draw(t, "cells")
		want := make([]bool, n)
		m := Make(n)
		for _, i := range rapid.SliceOf(rapid.IntRange(0, n-1)).Draw(t, "marked") {
			m.Mark(i)
			want[i] = true
		}
		for i, w := range want {
			if m.Marked(i) != w {
				t.Errorf("cell %d: %v", i, !w)
			}
		}
	})
}

func FuzzParseKind(f *testing.F) {
	for _, s := range []string{"cells/64x48/10", "cells/1x1/1", "cells/0x1/1", "cells/-1x1/1", "cells/+1x1/1", "cells/01x1/1", "cells/99999999999x1/1", "dhash", "cells/1x1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		g, ok := ParseKind(s)
		if !ok {
			return
		}
		if g.Kind() != s || g.Columns < 1 || g.Rows < 1 || g.Side < 1 || g.Bytes() < 1 {
			t.Errorf("%q is %+v", s, g)
		}
		if !g.Of(g.Columns*g.Side, g.Rows*g.Side) {
			t.Errorf("%+v is not of its own size", g)
		}
	})
}
