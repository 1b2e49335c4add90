package graph

import (
	"bytes"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

var (
	nodeNumbers = rapid.Int64Range(0, 1<<62)
	someEdge    = rapid.Custom(func(t *rapid.T) Edge {
		return Edge{nodeNumbers.Draw(t, "a"), nodeNumbers.Draw(t, "b"), uint16(rapid.IntRange(1, MostWeight).Draw(t, "weight")), rapid.Uint8().Draw(t, "kind")}
	})
)

func TestEverythingIsDecodedAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		same := func(want, got any, err error) {
			if err != nil || !reflect.DeepEqual(want, got) {
				t.Fatalf("%+v became %+v, %v", want, got, err)
			}
		}
		e := Edges{Compared: rapid.Int64().Draw(t, "compared"), GivenUp: 5}
		var nodes []int64
		if list := rapid.SliceOf(someEdge).Draw(t, "edges"); len(list) > 0 {
			e.List = list
		}
		for _, x := range e.List {
			nodes = append(nodes, x.A)
		}
		gotEdges, err := UnmarshalEdges(e.Marshal())
		same(e, gotEdges, err)

		a, err := newAdjacency(nodes, gotEdges.List)
		if err != nil {
			t.Fatal(err)
		}
		gotPart, err := UnmarshalAdjacency(a.Marshal())
		same(len(a.Nodes), len(gotPart.Nodes), err)
		same(a.Marshal(), gotPart.Marshal(), nil)

		var ls []link
		m := rankMessage{spread: 1 << 61, changed: always, gifts: []gift{}, own: []uint64{}}
		for i, n := range a.Nodes {
			ls = append(ls, link{n.ID + 1, n.ID / 2})
			m.gifts = append(m.gifts, gift{n.ID, uint64(i) << 40})
			m.own = append(m.own, One)
		}
		changed, gotLinks, err := unmarshalLinks(marshalLinks(9, ls), nil)
		same(ls, gotLinks, err)
		same(uint64(9), changed, nil)
		gotMessage, err := unmarshalRankMessage(m.marshal())
		same(m, gotMessage, err)
	})
}

// Whatever the bytes are, decoding them neither panics nor allocates beyond their length,
// and what is decoded is encoded to what decodes to the same.
func FuzzDecode(f *testing.F) {
	e := Edges{List: []Edge{{1, 2, 3, 4}, {2, 9, 1000, 0}}, Compared: 7}
	a, _ := newAdjacency([]int64{1, 2}, e.List)
	f.Add(e.Marshal())
	f.Add(a.Marshal())
	f.Add(marshalLinks(1, []link{{2, 1}, {9, 1}}))
	f.Add((&rankMessage{spread: 1, gifts: []gift{{4, One}}, own: []uint64{One}}).marshal())
	f.Add(marshalSignatures([]Signature{{1, 2}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := UnmarshalEdges(b); err == nil {
			if again, err := UnmarshalEdges(e.Marshal()); err != nil || !reflect.DeepEqual(e, again) {
				t.Errorf("%+v became %+v, %v", e, again, err)
			}
		}
		if a, err := UnmarshalAdjacency(b); err == nil {
			if again, err := UnmarshalAdjacency(a.Marshal()); err != nil || !reflect.DeepEqual(a, again) {
				t.Errorf("%+v became %+v, %v", a, again, err)
			}
		}
		if _, ls, err := unmarshalLinks(b, nil); err == nil {
			if _, again, err := unmarshalLinks(marshalLinks(0, ls), nil); err != nil || len(again) > len(ls) {
				t.Errorf("%+v became %+v, %v", ls, again, err)
			}
		}
		if m, err := unmarshalRankMessage(b); err == nil {
			if again, err := unmarshalRankMessage(m.marshal()); err != nil || !reflect.DeepEqual(m, again) {
				t.Errorf("%+v became %+v, %v", m, again, err)
			}
		}
		if all, err := unmarshalSignatures(b); err == nil && !bytes.Equal(b, marshalSignatures(all)) {
			t.Errorf("%+v is not what it was", all)
		}
		if _, err := appendNodes(nil, b); err == nil && len(b) == 0 {
			t.Error("nothing was decoded")
		}
	})
}
