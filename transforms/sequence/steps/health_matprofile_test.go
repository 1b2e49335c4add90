//go:build matprofile

package steps

import (
	"testing"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
)

func TestHealthAndCutsLeaveNoMatOpen(t *testing.T) {
	before := gocv.MatProfile.Count()
	health, err := NewHealth(DefaultHealth())
	if err != nil {
		t.Fatal(err)
	}
	cuts, err := NewCuts(DefaultCuts())
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []sequence.Step{health, cuts} {
		m := step.Start()
		for i := range 12 {
			look(t, m, grayFrame(160, 120, 10*i, 30, 40, i%3*30, uint32(i)))
		}
		bad := grayFrame(160, 120, 0, 0, 1, 0, 0)
		bad.Data = bad.Data[1:]
		in := &input{frame: &bad}
		if err := m.Next(in, &result.Frame{}); err == nil {
			t.Error("no error for a frame that cannot be decoded")
		}
		in.close()
		m.Close()
	}
	if n := gocv.MatProfile.Count() - before; n != 0 {
		t.Errorf("%d Mats left open", n)
	}
}
