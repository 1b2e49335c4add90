//go:build matprofile

package steps_test

import (
	"image"
	"testing"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/sequence/steptest"
)

func TestBackgroundAndActivityLeaveNoMatOpen(t *testing.T) {
	before := gocv.MatProfile.Count()
	var items []element.Item
	for n := range 40 {
		items = append(items, blockAt(n, float64(n)/10, image.Rect(2*n, 30, 2*n+16, 60), 200))
	}
	bad := blockAt(40, 4, image.Rectangle{}, 0)
	bad.Frame.Data = bad.Frame.Data[1:]
	for _, step := range []sequence.Step{newBackground(t, nil), newActivity(t, nil)} {
		steptest.Run(t, step, append(items[:40:40], bad), nil)
	}
	if n := gocv.MatProfile.Count() - before; n != 0 {
		t.Errorf("%d Mats left open", n)
	}
}
