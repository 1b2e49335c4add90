package source

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/wire"
)

func restrictions() []Restriction {
	return []Restriction{
		newRestriction(&Task{To: chunk.None}, 1),
		newRestriction(&Task{From: 4096, To: 5000, LogEnd: 6000, Cameras: []chunk.CameraOffset{{Camera: "a", Last: 17}, {Camera: "b", Last: 4095}}}, 2048),
		{N: 4, Next: 8, End: never, Told: 3, Seen: 9, Cameras: map[string]int64{"a": 3}, Offsets: chunk.Offsets{{From: 0, To: 2}, {From: 3, To: 4}}, Last: log.Last{Offset: 3, Digest: 1 << 63, Epoch: 7}},
	}
}

func TestARestrictionSurvivesItsEncoding(t *testing.T) {
	for _, r := range restrictions() {
		got, err := UnmarshalRestriction(r.Marshal())
		if err != nil || !cmp.Equal(got, r) {
			t.Errorf("got %+v, %v; want %+v", got, err, r)
		}
	}
}

func TestARestrictionOfTheFirstVersionIsStillRead(t *testing.T) {
	old := func(r Restriction, digest uint64) []byte {
		b := []byte{1}
		for _, v := range []int64{r.N, r.Next, r.End, r.Seen, r.Told} {
			b = wire.Int(b, v)
		}
		b = r.Offsets.Append(wire.Uint(b, digest))
		b = wire.Uint(b, uint64(len(r.Cameras)))
		for _, c := range r.cameras() {
			b = wire.Int(wire.String(b, c.Camera), r.Offset()-c.Last)
		}
		return b
	}
	for i, r := range restrictions() {
		want := r
		want.Last = log.NoLast // the end of a chunk forgot it
		if i == 2 {
			want.Last = log.Last{Offset: 3, Digest: 1 << 63, Epoch: log.NoEpoch}
		}
		if got, err := UnmarshalRestriction(old(r, r.Last.Digest)); err != nil || !cmp.Equal(got, want) {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
}

func TestAnEncodedRestrictionIsSmall(t *testing.T) {
	r := newRestriction(&Task{From: 1 << 40, To: chunk.None, LogEnd: 1 << 40}, 2048)
	for i := range 300 {
		r.Cameras[string(rune('a'+i%26))+string(rune('a'+i/26))+"-camera"] = r.Offset() - int64(i)
	}
	r.Offsets = chunk.Span(r.Offset(), r.Offset()+1000)
	// Engines keep old ones: a name and two bytes per camera.
	if n := len(r.Marshal()); n > 300*12+100 {
		t.Errorf("%d bytes", n)
	}
}

func TestAChangedEncodingIsRefused(t *testing.T) {
	good := restrictions()[2]
	for name, b := range map[string][]byte{
		"nothing":                    nil,
		"another version":            append([]byte{restrictionVersion + 1}, good.Marshal()[1:]...),
		"too short":                  good.Marshal()[:10],
		"too long":                   append(good.Marshal(), 0),
		"no chunk size":              (&Restriction{Next: 1}).Marshal(),
		"the end of no chunk is due": (&Restriction{N: 4, Next: 10}).Marshal(),
	} {
		if r, err := UnmarshalRestriction(b); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// Whatever is accepted encodes to something that decodes to the same.
func FuzzUnmarshalRestriction(f *testing.F) {
	for _, r := range restrictions() {
		f.Add(r.Marshal())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := UnmarshalRestriction(b)
		if err != nil {
			return
		}
		if again, err := UnmarshalRestriction(r.Marshal()); err != nil || !cmp.Equal(r, again) {
			t.Errorf("%+v became %+v, %v", r, again, err)
		}
	})
}
