package browser

import (
	"strconv"

	"github.com/chromedp/cdproto/input"
)

// Spot is a place in the window, in CSS pixels from its upper left corner.
type Spot struct{ X, Y float64 }

// In is where a part of an element lies: x and y are 0 to 1 of its width and height.
func (p *Page) In(selector string, x, y float64) Spot {
	p.t.Helper()
	type box struct{ X, Y, W, H float64 }
	b := Eval[box](p, `(() => {
		const b = document.querySelector(`+strconv.Quote(selector)+`).getBoundingClientRect();
		return {X: b.x, Y: b.y, W: b.width, H: b.height};
	})()`)
	return Spot{b.X + x*b.W, b.Y + y*b.H}
}

// Drag presses the mouse at the first spot, moves it over the others, and lets go at the last. One
// spot is a click.
func (p *Page) Drag(spots ...Spot) {
	p.t.Helper()
	mouse := func(kind input.DispatchMouseEventType, at Spot, buttons int64) {
		e := input.DispatchMouseEventParams{Type: kind, X: at.X, Y: at.Y, Buttons: buttons, ClickCount: 1, Button: input.MouseButtonLeft}
		if kind == input.DispatchMouseEventTypeMouseMoved {
			e.ClickCount = 0
			if buttons == 0 {
				e.Button = input.MouseButtonNone
			}
		}
		p.do(call(input.DispatchMouseEvent, e))
	}
	last := spots[len(spots)-1]
	mouse(input.DispatchMouseEventTypeMouseMoved, spots[0], 0)
	mouse(input.DispatchMouseEventTypeMousePressed, spots[0], 1)
	for _, at := range spots[1:] {
		mouse(input.DispatchMouseEventTypeMouseMoved, at, 1)
	}
	mouse(input.DispatchMouseEventTypeMouseReleased, last, 0)
}

// Touch is Drag with a finger.
func (p *Page) Touch(spots ...Spot) {
	p.t.Helper()
	touch := func(kind input.DispatchTouchEventType, at ...Spot) {
		points := []*input.TouchPoint{}
		for _, s := range at {
			points = append(points, &input.TouchPoint{X: s.X, Y: s.Y})
		}
		p.do(call(input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: kind, TouchPoints: points}))
	}
	touch(input.DispatchTouchEventTypeTouchStart, spots[0])
	for _, at := range spots[1:] {
		touch(input.DispatchTouchEventTypeTouchMove, at)
	}
	touch(input.DispatchTouchEventTypeTouchEnd)
}
