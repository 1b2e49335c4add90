package draw

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/strictyaml"
	"github.com/framebeam/framebeam/strictyaml/edit"
)

const house = `# The house.
background: true   # learnt
tracking: true
lines:
  # at the gate
  gate: {points: [[0.5, 0.2], [0.5, 1]]}   # both ways
zones:
  ramp: {polygon: [[0.1, 0.6], [0.5, 0.6], [0.5, 1], [0.1, 1]], loiter: 30s}
activity:
  yard: {ignore: [[[0, 0], [1, 0], [1, 0.2]]]}

cameras:
  - match: lobby
    zones: {ramp: false}
  - match: "gate-*"   # all gates
    lines:
      gate: {margin: 0.04}
      back: {points: [[0.1, 0.5], [0.9, 0.5]]}
`

var known = []string{"gate-1", "gate-2", "lobby", "yard"}

func camera(t testing.TB, data []byte, id string) Camera {
	t.Helper()
	d, err := edit.Parse("a.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	return cameraOf(d.Tree(), strictyaml.Lines{}, id, known)
}

// said are the shapes and masks of a camera in short.
func said(c Camera) (all []string) {
	for _, s := range c.Shapes {
		all = append(all, fmt.Sprintf("%s %s %v in %s, drawn in %s %v", s.Kind, s.Name, s.Points, s.In, s.Drawn, s.Params))
	}
	for _, m := range c.Masks {
		all = append(all, fmt.Sprintf("masks of %s %v in %s, drawn in %s", m.Analysis, m.Polygons, m.In, m.Drawn))
	}
	return all
}

func TestWhatACameraHasIsListedWithWhereItStands(t *testing.T) {
	gate := "line gate [[0.5 0.2] [0.5 1]] in all, drawn in all map[]"
	ramp := "zone ramp [[0.1 0.6] [0.5 0.6] [0.5 1] [0.1 1]] in all, drawn in all map[loiter:30s]"
	masks := []string{"masks of background [] in all, drawn in all", "masks of activity/yard [[[0 0] [1 0] [1 0.2]]] in all, drawn in all"}
	for id, want := range map[string][]string{
		"yard":  append([]string{gate, ramp}, masks...),
		"lobby": append([]string{gate}, masks...),
		"gate-1": append([]string{
			"line back [[0.1 0.5] [0.9 0.5]] in own, drawn in own map[]",
			"line gate [[0.5 0.2] [0.5 1]] in both, drawn in all map[margin:0.04]", ramp}, masks...),
	} {
		if got := said(camera(t, []byte(house), id)); !slices.Equal(got, want) {
			t.Errorf("%s has\n%s\nwant\n%s", id, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if got := camera(t, []byte(house), "gate-1").Places; fmt.Sprint(got) != "[{all  0 [gate-1 gate-2 lobby yard]} {own gate-* 1 [gate-1 gate-2]} {new gate-1 0 [gate-1]}]" {
		t.Errorf("gate-1 is governed by %v", got)
	}
	if got := camera(t, []byte(house), "lobby").Places; len(got) != 2 {
		t.Errorf("lobby, which has an entry of its own, can be written in %v", got)
	}
}

func TestEditsChangeWhatIsMeant(t *testing.T) {
	points := [][2]float64{{0.123456, 0.2}, {0.5, 0.9}}
	for _, c := range []struct {
		name, camera string
		edits        []Edit
		old, new     string // what is replaced in house
	}{
		{"a line for all", "yard", []Edit{{Op: "set", Kind: Line, Name: "gate", In: All, Points: points}}, "[[0.5, 0.2], [0.5, 1]]", "[[0.1235, 0.2], [0.5, 0.9]]"},
		{"a line's points for some", "gate-1", []Edit{{Op: "set", Kind: Line, Name: "gate", In: Own, Points: points}},
			"{margin: 0.04}", "{margin: 0.04, points: [[0.1235, 0.2], [0.5, 0.9]]}"},
		{"a parameter back to what it is by default", "yard", []Edit{{Op: "set", Kind: Zone, Name: "ramp", In: All, Params: map[string]any{"loiter": nil, "crowd": 3.0}}},
			", loiter: 30s}", ", crowd: 3}"},
		{"the same where another is for all", "gate-1", []Edit{{Op: "set", Kind: Zone, Name: "ramp", In: Own, Params: map[string]any{"loiter": nil}}},
			"    lines:\n      gate: {margin: 0.04}\n      back: {points: [[0.1, 0.5], [0.9, 0.5]]}\n",
			"    lines:\n      gate: {margin: 0.04}\n      back: {points: [[0.1, 0.5], [0.9, 0.5]]}\n    zones:\n      ramp: {loiter: 0s}\n"},
		{"a new line for all", "yard", []Edit{{Op: "set", Kind: Line, Name: "fence", In: All, Points: points, Params: map[string]any{"labels": []any{"person"}}}},
			"# both ways\n", "# both ways\n  fence: {points: [[0.1235, 0.2], [0.5, 0.9]], labels: [person]}\n"},
		{"a line of a camera that has no entry", "yard", []Edit{{Op: "set", Kind: Line, Name: "fence", In: New, Points: points}},
			"[0.9, 0.5]]}\n", "[0.9, 0.5]]}\n  - match: yard\n    lines:\n      fence: {points: [[0.1235, 0.2], [0.5, 0.9]]}\n"},
		{"one of several of an entry gets its own, before it", "gate-2", []Edit{{Op: "set", Kind: Line, Name: "back", In: New, Points: points}},
			"  - match: \"gate-*\"", "  - match: gate-2\n    lines:\n      back: {points: [[0.1235, 0.2], [0.5, 0.9]]}\n      gate: {margin: 0.04}\n  - match: \"gate-*\""},
		{"a line that is for all is switched off for some", "gate-1", []Edit{{Op: "delete", Kind: Zone, Name: "ramp", In: Own}},
			"0.5]]}\n", "0.5]]}\n    zones: {ramp: false}\n"},
		{"a zone is taken away for all, and what differs from it", "yard", []Edit{{Op: "delete", Kind: Zone, Name: "ramp", In: All}},
			"zones:\n  ramp: {polygon: [[0.1, 0.6], [0.5, 0.6], [0.5, 1], [0.1, 1]], loiter: 30s}\n", "|    zones: {ramp: false}\n"},
		{"a line is renamed everywhere", "yard", []Edit{{Op: "rename", Kind: Line, Name: "gate", To: "front", In: All}},
			"  gate: {points", "  front: {points|      gate: {margin|      front: {margin"},
		{"masks", "yard", []Edit{{Op: "masks", Analysis: "background", In: All, Polygons: [][][2]float64{{{0, 0}, {1, 0}, {1, 1}}}}},
			"background: true ", "background: {ignore: [[[0, 0], [1, 0], [1, 1]]]} "},
		{"no masks any more", "yard", []Edit{{Op: "masks", Analysis: "activity/yard", In: All}}, "{ignore: [[[0, 0], [1, 0], [1, 0.2]]]}", "true"},
		{"no masks for one", "lobby", []Edit{{Op: "masks", Analysis: "activity/yard", In: Own}},
			"{ramp: false}\n", "{ramp: false}\n    activity:\n      yard: {ignore: []}\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			change, err := Apply("a.yaml", []byte(house), c.camera, c.edits)
			if err != nil {
				t.Fatal(err)
			}
			want := house
			parts := strings.Split(c.old+"|"+c.new, "|")
			switch len(parts) {
			case 2:
				want = strings.Replace(want, parts[0], parts[1], 1)
			case 3: // two are taken away
				want = strings.Replace(strings.Replace(want, parts[0], parts[1], 1), parts[2], "", 1)
			case 4:
				want = strings.Replace(strings.Replace(want, parts[0], parts[1], 1), parts[2], parts[3], 1)
			}
			if want == house {
				t.Fatal("the test replaces nothing")
			}
			if string(change.Text) != want {
				t.Errorf("got\n%s\nwant\n%s", change.Text, want)
			}
			if len(change.Wrong) > 0 {
				t.Errorf("something is wrong with it: %v", change.Wrong)
			}
		})
	}
}

func TestWhatIsWrongWithAChangeIsSaidWithItsLine(t *testing.T) {
	change, err := Apply("a.yaml", []byte(house), "yard", []Edit{{Op: "set", Kind: Line, Name: "gate", In: All, Params: map[string]any{"of": "trackng"}}})
	if err != nil || len(change.Wrong) != 2 || change.Wrong[0].Line != 6 || !strings.Contains(change.Wrong[0].Text, `did you mean "tracking"?`) {
		t.Errorf("%v, %v", change, err)
	}
	for want, e := range map[string]Edit{
		"is not in the picture":      {Op: "set", Kind: Line, Name: "gate", In: All, Points: [][2]float64{{-1, 0}, {0, 0}}},
		"neither line nor zone":      {Op: "set", Kind: "circle", Name: "gate", In: All},
		"letters, digits":            {Op: "set", Kind: Line, Name: "a b", In: All},
		`no parameter "pionts"`:      {Op: "set", Kind: Line, Name: "gate", In: All, Params: map[string]any{"pionts": 1.0}},
		"is not changed here":        {Op: "set", Kind: Line, Name: "gate", In: All, Params: map[string]any{"points": "x"}},
		"no entry of cameras":        {Op: "set", Kind: Line, Name: "gate", In: Own, Points: [][2]float64{{0, 0}, {1, 1}}},
		"has no masks":               {Op: "masks", Analysis: "motion", In: All},
		"there is no such value":     {Op: "delete", Kind: Line, Name: "fence", In: All},
		`"nowhere" is none of all`:   {Op: "delete", Kind: Line, Name: "fence", In: "nowhere"},
		"more than 64 points":        {Op: "set", Kind: Line, Name: "gate", In: All, Points: make([][2]float64, 65)},
		"one named \"gate\" already": {Op: "rename", Kind: Line, Name: "gate", To: "gate", In: All},
	} {
		if _, err := Apply("a.yaml", []byte(house), "yard", []Edit{e}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", e, err, want)
		}
	}
}

// What an edit changes for whom, against what the file says then.
func TestAnyEditChangesOneShapeOfTheCamerasOfItsPlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(house)
		for range rapid.IntRange(1, 4).Draw(t, "edits") {
			id := rapid.SampledFrom(known).Draw(t, "camera")
			tree := parsed(t, text)
			before := map[string]Camera{}
			for _, c := range known {
				before[c] = cameraOf(tree, strictyaml.Lines{}, c, known)
			}
			place := rapid.SampledFrom(before[id].Places).Draw(t, "place")
			kind := rapid.SampledFrom(kinds).Draw(t, "kind")
			n := map[string]int{Line: 2, Zone: 3}[kind]
			e := Edit{
				Op: rapid.SampledFrom([]string{"set", "set", "delete"}).Draw(t, "op"), Kind: kind, In: place.ID,
				Name: rapid.SampledFrom([]string{"gate", "back", "ramp", "fence"}).Draw(t, "name"),
			}
			if e.Op == "set" {
				corner := rapid.IntRange(1, 99)
				for range rapid.IntRange(n, n+3).Draw(t, "points") {
					e.Points = append(e.Points, [2]float64{float64(corner.Draw(t, "x")) / 100, float64(corner.Draw(t, "y")) / 100})
				}
				if rapid.Bool().Draw(t, "a parameter") {
					e.Params = map[string]any{"margin": float64(rapid.IntRange(0, 20).Draw(t, "margin")) / 100}
				}
			}
			comments := strings.Count(string(text), "#")
			changed, err := apply("a.yaml", text, id, []Edit{e})
			if err != nil {
				if e.Op == "delete" { // there is none in that place
					continue
				}
				t.Fatal(err)
			}
			if n := strings.Count(string(changed), "#"); e.Op == "set" && n != comments || n < comments-1 {
				t.Fatalf("%d comments became %d:\n%s", comments, n, changed)
			}
			after := parsed(t, changed)
			for _, c := range known {
				was, is := before[c], cameraOf(after, strictyaml.Lines{}, c, known)
				others := func(x Camera) (all []string) {
					for _, s := range x.Shapes {
						if s.Kind != e.Kind || s.Name != e.Name {
							all = append(all, fmt.Sprint(s.Kind, s.Name, s.Points, s.Params))
						}
					}
					for _, m := range x.Masks {
						all = append(all, fmt.Sprint(m.Analysis, m.Polygons))
					}
					return all
				}
				if !slices.Equal(others(was), others(is)) {
					t.Fatalf("%+v of %s: %s had %q, has %q\n%s", e, id, c, others(was), others(is), changed)
				}
				find := func(x Camera) *Shape {
					i := slices.IndexFunc(x.Shapes, func(s Shape) bool { return s.Kind == e.Kind && s.Name == e.Name })
					if i < 0 {
						return nil
					}
					return &x.Shapes[i]
				}
				one, other := find(is), find(was)
				switch {
				case !slices.Contains(place.Cameras, c): // it is not for this camera
					if (one == nil) != (other == nil) || one != nil && (!reflect.DeepEqual(one.Points, other.Points) || !reflect.DeepEqual(one.Params, other.Params)) {
						t.Fatalf("%+v in %v: %s had %+v, has %+v", e, place, c, other, one)
					}
				case c != id:
				case e.Op == "delete" && place.ID != All && one != nil, e.Op == "set" && place.ID != All && one == nil:
					t.Fatalf("%+v in %v: %s has %+v\n%s", e, place, c, one, changed)
				case e.Op == "set" && one != nil && (place.ID != All || one.Drawn == All):
					if !reflect.DeepEqual(one.Points, e.Points) || e.Params != nil && (place.ID != All || one.In == All) && one.Params["margin"] != plainNumber(e.Params["margin"]) {
						t.Fatalf("%+v in %v: %s has %+v\n%s", e, place, c, one, changed)
					}
				}
			}
			text = changed
		}
	})
}

// plainNumber is a number as a document has it: whole ones are integers.
func plainNumber(v any) any {
	if f, ok := v.(float64); ok && f == float64(int64(f)) {
		return int64(f)
	}
	return v
}

func parsed(t *rapid.T, text []byte) any {
	d, err := edit.Parse("a.yaml", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return d.Tree()
}

func FuzzApply(f *testing.F) {
	for _, text := range []string{house, "", "lines:\n", "cameras: []\n", "cameras: [{match: a}]\n", "lines: {a: {points: 1}}\ncameras:\n- match: 1\n", "cameras: 3\nzones: [a]\n"} {
		f.Add([]byte(text), "gate-1", "gate", 0.5, uint8(0))
		f.Add([]byte(text), "yard", "new", 0.25, uint8(7))
	}
	f.Fuzz(func(t *testing.T, text []byte, id, name string, at float64, which uint8) {
		e := Edit{
			Op: []string{"set", "delete", "rename", "masks", "enable"}[which%5], In: []string{All, Own, New}[which/5%3], Kind: kinds[which/15%2],
			Name: name, To: name + "2", Points: [][2]float64{{at, at}, {0, 1}, {1, 0}}, Polygons: [][][2]float64{{{at, at}, {0, 1}, {1, 0}}}, Analysis: "background",
			Params: map[string]any{"margin": at, "labels": []any{name}},
		}
		changed, err := apply("f", text, id, []Edit{e})
		if err != nil {
			return
		}
		d, err := edit.Parse("f", changed)
		if err != nil {
			t.Fatalf("%q became %q: %v", text, changed, err)
		}
		cameraOf(d.Tree(), strictyaml.Lines{}, id, known)
	})
}
