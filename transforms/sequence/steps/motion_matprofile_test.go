//go:build matprofile

package steps

import (
	"testing"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
)

func TestMotionLeavesNoMatOpen(t *testing.T) {
	before := gocv.MatProfile.Count()
	step := newMotion(t, func(c *MotionConfig) { c.StateLimit = 4 << 10 })
	m := step.Start()
	for i := range 12 {
		f := grayFrame(160, 120, 10*i, 30, 40, i%3*30, uint32(i))
		if i%2 == 0 {
			f = encoded(t, f, gocv.JPEGFileExt, "image/jpeg")
		}
		look(t, m, f)
		if i == 5 {
			m.Break(sequence.NewEpoch)
		}
		restored, err := step.Restore(m.Save())
		if err != nil {
			t.Fatal(err)
		}
		m.Close()
		m = restored
	}
	bad := grayFrame(160, 120, 0, 0, 1, 0, 0)
	bad.Data = bad.Data[1:]
	in := &input{frame: &bad}
	if err := m.Next(in, &result.Frame{}); err == nil {
		t.Error("no error for a frame that cannot be decoded")
	}
	in.close()
	m.Close()
	if n := gocv.MatProfile.Count() - before; n != 0 {
		t.Errorf("%d Mats left open", n)
	}
}
