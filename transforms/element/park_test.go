package element

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

func TestAParkedRunGetsItsFramesBackOnce(t *testing.T) {
	items := []Item{{Result: result.Frame{Offset: 7, Status: result.OK}, Frame: frame.Frame{Camera: "c", Data: []byte{1, 2}}}}
	run := Run{Link: chunk.Link{Partition: chunk.Partition{Topic: "t"}, Camera: "c", N: 8}, Items: items}
	run.Park()
	b := run.Marshal()
	there, err := UnmarshalRun(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := there.Unpark(); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(items, there.Items); d != "" {
		t.Errorf("the frames changed:\n%s", d)
	}
	again, err := UnmarshalRun(b)
	if err != nil {
		t.Fatal(err)
	}
	if again.Unpark() == nil {
		t.Error("the frames were given out twice")
	}
	again.parked.process += 2
	if again.Unpark() == nil {
		t.Error("another process's ticket was taken")
	}
}

func TestMarksInAChainAreNotParked(t *testing.T) {
	run := Run{Link: chunk.Link{Kind: chunk.Save}}
	run.Park()
	if run.parked != (ticket{}) {
		t.Error("a run without frames was parked")
	}
	if err := run.Unpark(); err != nil {
		t.Error(err)
	}
}
