package element

import (
	"testing"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/result"
)

func FuzzUnmarshalPart(f *testing.F) {
	id := chunk.ID{Partition: chunk.Partition{Topic: "frames", ID: 2}, Index: 1}
	rows := []result.Frame{
		{Topic: id.Topic, Partition: id.Partition.ID, Offset: 4, Camera: "a", Detail: "row 4"},
		{Topic: id.Topic, Partition: id.Partition.ID, Offset: 6, Detail: "row 6"},
	}
	end := chunk.End{ID: id, N: 4, UpTo: 8, Offsets: chunk.Span(4, 7), Owed: []string{"a"}, Cameras: []chunk.CameraOffset{{Camera: "a", Last: 4}}, LastDigest: 7}
	state := State{Camera: "a", Position: chunk.EndPosition(1, 4), Bytes: []byte("state of a")}
	for _, p := range []Part{{ID: id}, {ID: id, Results: rows, State: &state, End: &end}} {
		f.Add(p.Marshal())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := UnmarshalPart(b)
		if err != nil {
			return
		}
		again, err := UnmarshalPart(p.Marshal())
		if err != nil || string(again.Marshal()) != string(p.Marshal()) {
			t.Errorf("%+v became %+v: %v", p, again, err)
		}
	})
}
