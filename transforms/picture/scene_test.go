package picture

import (
	"bytes"
	"image/color"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/config/schedule"
	"github.com/framebeam/framebeam/transforms/config/shapes"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/geometry"
)

// crossing is a scene of a person who has walked over a line: what else found the person
// is in the row too, and somebody else.
func crossing() *Scene {
	at := func(offset int64, x int32) *result.Frame {
		return &result.Frame{
			Topic: topic, Camera: "gate", Epoch: "e", Offset: offset, Sequence: offset, Status: result.OK, Width: 640, Height: 480, Config: "c",
			Captured: start.UnixMicro() + 100_000*offset,
			Detections: []result.Detection{
				{Analysis: "background", Label: "object", X: x + 2, Y: 202, Width: 36, Height: 90},
				{Analysis: "motion", Label: "motion", X: x + 5, Y: 210, Width: 10, Height: 10},
				{Analysis: "tracking", Label: "person", X: x, Y: 200, Width: 40, Height: 100, Track: 1001, State: "confirmed"},
				{Analysis: "tracking", Label: "person", X: 500, Y: 100, Width: 40, Height: 100, Track: 1002, State: "confirmed"},
			},
		}
	}
	row := at(9, 300)
	row.Events = []result.Event{{
		ID: "1", Analysis: "lines/door", Type: result.EventLineCrossed, Rule: "door", Transition: result.Forward, Track: 1001, Label: "person", Value: 3, Snapshot: 9,
	}}
	return &Scene{
		Row: row, Told: []Told{{&row.Events[0], row}}, Before: []*result.Frame{at(8, 270), at(7, 240)},
		Shapes: shapes.Set{"c": {"lines/door": {{Shapes: []geometry.Shape{{Points: []geometry.Position{{0.5, 0.1}, {0.5, 0.9}}, Forward: true, Backward: true}}}}}},
	}
}

// count is how many pixels of a drawn scene have a colour.
func count(t *testing.T, s *Scene, c color.RGBA) int {
	t.Helper()
	m := gocv.NewMatWithSize(480, 640, gocv.MatTypeCV8UC3)
	defer m.Close()
	s.Draw(&m)
	b, err := m.DataPtrUint8()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i := 0; i < len(b); i += 3 {
		if b[i] == c.B && b[i+1] == c.G && b[i+2] == c.R {
			n++
		}
	}
	return n
}

func TestAPictureExplainsItsEvent(t *testing.T) {
	whole := crossing()
	for _, c := range []struct {
		name   string
		colour color.RGBA
		least  int
		less   func(*Scene)
	}{
		{"the line", amber, 700, func(s *Scene) { s.Shapes = nil }},
		{"the object concerned", red, 600, func(s *Scene) { s.Row.Detections = nil }},
		{"where it came from", red, 600, func(s *Scene) { s.Before = nil }},
		{"what happened", white, 200, func(s *Scene) { s.Told = nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			without := crossing()
			c.less(without)
			if with, left := count(t, whole, c.colour), count(t, without, c.colour); with < c.least || left > with-30 {
				t.Errorf("%d pixels, and %d without", with, left)
			}
		})
	}
}

func TestOneBoxAPerson(t *testing.T) {
	s := crossing()
	if n := count(t, s, green); n != 0 {
		t.Errorf("in the picture of an event %d pixels are of what was found before it was tracked", n)
	}
	s.Told = nil
	if n := count(t, s, green); n != 0 {
		t.Errorf("in another picture %d are", n)
	}
	s.Row.Detections[0].X = 20
	if n := count(t, s, green); n < 2*(36+90) {
		t.Errorf("what is nowhere tracked has only %d pixels", n)
	}
}

func TestAnArrowPointsWhereTheObjectWent(t *testing.T) {
	// From above to below: the line's right is the picture's left.
	for transition, want := range map[string]struct{ left, right bool }{
		result.Forward: {left: true}, result.Backward: {right: true}, "": {true, true},
	} {
		s := crossing()
		s.Row.Detections, s.Row.Events[0].Transition, s.Row.Events[0].Rule = nil, transition, ""
		m := gocv.NewMatWithSize(480, 640, gocv.MatTypeCV8UC3)
		s.Draw(&m)
		is := func(x int) bool { v := m.GetVecbAt(240, x); return v[1] == amber.G && v[2] == amber.R }
		if left, right := is(320-20), is(320+20); left != want.left || right != want.right {
			t.Errorf("%q: left %v, right %v", transition, left, right)
		}
		m.Close()
	}
}

func TestTheCaptionSaysWhatHappenedWhereAndWhen(t *testing.T) {
	s := crossing()
	want := []string{"gate  2026-01-02 03:04:05.900 UTC", "lines/door: LineDetector/Crossed forward, person 1001, 3"}
	if d := cmp.Diff(want, s.caption()); d != "" {
		t.Error(d)
	}
	later := *s.Row
	later.Offset, later.Captured = 12, s.Row.Captured+1_500_000
	s.Told[0].Row, s.Zone = &later, time.FixedZone("CET", 3600)
	want = []string{"gate  2026-01-02 04:04:05.900 CET", want[1] + " (+1.5 s)"}
	if d := cmp.Diff(want, s.caption()); d != "" {
		t.Error(d)
	}
	for range 9 {
		s.Told = append(s.Told, s.Told[0])
	}
	if got := s.caption(); len(got) != 6 || got[5] != "and 6 more" {
		t.Errorf("%q", got)
	}
}

func TestShapesAreThoseOfTheTime(t *testing.T) {
	day := schedule.Schedule{Name: "day", From: "06:00", To: "20:00"}
	wide, narrow := []geometry.Shape{{Closed: true}}, []geometry.Shape{{}, {}}
	set := shapes.Set{"c": {"zones/a": {{Schedule: &day, Shapes: wide}, {Shapes: narrow}}}}
	noon, midnight := start.Truncate(24*time.Hour).Add(12*time.Hour), start.Truncate(24*time.Hour)
	for _, c := range []struct {
		config, analysis string
		at               time.Time
		want             int
	}{{"c", "zones/a", noon, 1}, {"c", "zones/a", midnight, 2}, {"c", "zones/b", noon, 0}, {"d", "zones/a", noon, 0}} {
		if got := len(set.At(c.config, c.analysis, c.at)); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

func TestAFrameHasTheSamePictureWhicheverAreAskedFor(t *testing.T) {
	l, rows := scene(t, 12)
	for i := range rows {
		rows[i].Config = "c"
		rows[i].Detections = append(rows[i].Detections, result.Detection{Analysis: "tracking", Label: "thing", X: int32(i) * 3, Y: 40, Width: 20, Height: 20, Track: 7, State: "confirmed"})
	}
	rows[9].Events = []result.Event{{Analysis: "lines/a", Type: "Crossed", Rule: "a", Track: 7, Snapshot: rows[5].Offset}}
	spec := l.spec(t)
	spec.Shapes = shapes.Set{"c": {"lines/a": {{Shapes: []geometry.Shape{{Points: []geometry.Position{{0.2, 0}, {0.2, 1}}}}}}}}
	var all [3]map[string][]byte
	for i, which := range Choices {
		spec.Which = which
		_, b := pack(t, spec, rows)
		_, all[i] = entries(t, b)
	}
	if len(all[0]) != 2 || len(all[2]) != 12 {
		t.Fatalf("%d pictures of events, %d of all frames", len(all[0]), len(all[2]))
	}
	for name, b := range all[0] {
		if !bytes.Equal(b, all[1][name]) || !bytes.Equal(b, all[2][name]) {
			t.Errorf("%s differs", name)
		}
	}
}
