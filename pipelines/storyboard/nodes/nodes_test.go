package nodes

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/transforms/result"
)

// film is a film of shots: so many seconds each, ten frames a second, with what cuts tells.
func film(camera string, hashes []uint64, seconds ...float64) (rows []result.Frame) {
	at := 0.0
	began, key := 0, 0
	for i, length := range seconds {
		first := len(rows)
		for t := 0.0; t < length-0.01; t += 0.1 {
			rows = append(rows, frameAt(camera, at+t, hashes[i]))
		}
		if i > 0 {
			told := &rows[min(first+1, len(rows)-1)] // after a frame that proves it was no flash
			told.Events = append(told.Events,
				result.Event{Analysis: "cuts", Type: result.EventKeyFrame, Snapshot: int64(key), Value: result.Number(float64(key-began) / 10)},
				result.Event{Analysis: "cuts", Type: result.EventSceneCut, Snapshot: int64(first), Value: result.Number(seconds[i-1])})
		}
		began, key = first, first+int(length*10)/3
		at += length
	}
	return rows
}

func TestAFilmHasANodeForEachShot(t *testing.T) {
	const a, b = 0x00ff00ff00ff00ff, 0xffff0000ffff0000
	rows := film("film", []uint64{a, b, a, b, a}, 3, 4, 25, 2, 1.5)
	rows[75].Events = append(rows[75].Events, result.Event{Analysis: "lines", Type: result.EventLineCrossed, Rule: "gate", Transition: "forward", Label: "person"})
	for _, n := range []int64{1000, 64, 7} {
		t.Run(fmt.Sprintf("in chunks of %d", n), func(t *testing.T) {
			_, all, edges := built(t, written(t, n, rows), Config{Every: 10 * time.Second}, 3)
			slices.SortFunc(all, func(a, b Node) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(b.ID, a.ID)) })
			var got []string
			for _, s := range all {
				got = append(got, fmt.Sprintf("%s %.1f to %.1f, cut %v, %d events", s.Name(), float64(s.From-moment(0))/second, float64(s.To-moment(0))/second, s.Cut, len(s.Events)))
			}
			want := []string{
				"frames/0@10 0.0 to 3.0, cut true, 0 events",
				"frames/0@43 3.0 to 7.0, cut true, 0 events",
				"frames/0@153 7.0 to 32.0, cut true, 0 events", // told with the stretch in which its key frame lies
				"frames/0@70 7.0 to 9.9, cut true, 1 events",   // the beginning of it, in a stretch without its key frame
				"frames/0@200 20.0 to 29.9, cut false, 0 events",
				"frames/0@326 32.0 to 34.0, cut true, 0 events",
				"frames/0@340 34.0 to 35.4, cut true, 0 events",
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Fatal(diff)
			}
			// Of the shots of one kind each is joined with all others, and none with one of another.
			name := names(all)
			var joined []string
			for e, h := range edges {
				joined = append(joined, fmt.Sprintf("%s %s %d %d", strings.TrimPrefix(name[e[0]], "frames/0"), strings.TrimPrefix(name[e[1]], "frames/0"), h.Kind, h.Weight))
			}
			slices.Sort(joined)
			wanted := []string{
				"@10 @153 0 1000", "@10 @200 0 1000", "@10 @340 0 1000", "@10 @70 0 1000", "@153 @200 0 1000", "@153 @340 0 1000", "@200 @340 0 1000",
				"@43 @326 0 1000", "@70 @153 0 1000", "@70 @200 0 1000", "@70 @340 0 1000",
			}
			if diff := gocmp.Diff(wanted, joined); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whatever the chunks, the parts and the order in which an engine delivers: the same nodes
// with the same edges.
func TestHowAnOutputIsCutIntoFilesChangesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var partitions [][]result.Frame
	for p := range 2 {
		var rows []result.Frame
		for i := range 400 {
			camera := fmt.Sprintf("camera-%d", p*2+r.IntN(2))
			f := coloured(frameAt(camera, float64(i)/3, mixed(r, uint64(r.IntN(3)))), r.IntN(2))
			if r.IntN(20) == 0 {
				f.Status = result.Dead
			}
			if i > 60 && r.IntN(9) == 0 {
				f.Events = append(f.Events, result.Event{Analysis: "cuts", Type: []string{result.EventKeyFrame, result.EventSceneCut}[r.IntN(2)], Snapshot: int64(i - r.IntN(60)), Value: 2})
			}
			if r.IntN(4) == 0 {
				f.Events = append(f.Events, result.Event{Analysis: "zones", Type: result.EventObjectsInside, Rule: fmt.Sprint(r.IntN(3))})
			}
			for k := range r.IntN(3) {
				f.Detections = append(f.Detections, result.Detection{Label: "person", X: int32(r.IntN(300)), Y: 100, Width: 60, Height: 120, Track: int64(1001 + i/20*1000 + k), State: "confirmed"})
			}
			rows = append(rows, f)
		}
		partitions = append(partitions, rows)
	}
	cfg := Config{Every: 5 * time.Second, Cameras: []string{"camera-0", "camera-1", "camera-3"}}
	p := period.Period{From: begin.Add(20 * time.Second), To: begin.Add(2 * time.Minute), Zone: time.UTC}
	cfg.Period = PeriodOf(p)
	_, want, wantEdges := built(t, written(t, 1000, partitions...), cfg, 1)
	order := func(a, b Node) int { return cmp.Compare(a.ID, b.ID) }
	slices.SortFunc(want, order)
	if len(want) < 50 || len(wantEdges) < 100 {
		t.Fatalf("%d nodes, %d edges", len(want), len(wantEdges))
	}
	for _, c := range []struct {
		n     int64
		parts int
	}{{128, 2}, {33, 5}} {
		_, got, edges := built(t, written(t, c.n, partitions...), cfg, c.parts)
		slices.SortFunc(got, order)
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("in chunks of %d: %s", c.n, diff)
		}
		if diff := gocmp.Diff(wantEdges, edges); diff != "" {
			t.Errorf("in chunks of %d: %s", c.n, diff)
		}
	}
}

// mixed is a hash of a kind, a few bits of which differ.
func mixed(r *rand.Rand, kind uint64) uint64 {
	x := kind * 0x9e3779b97f4a7c15
	for range r.IntN(6) {
		x ^= 1 << r.IntN(64)
	}
	return x
}

func TestATrackGoesOnWhereAnotherEnded(t *testing.T) {
	walk := func(rows []result.Frame, track int64, from, to int, x, y int32) {
		for i := from; i < to; i++ {
			d := result.Detection{Label: "person", X: x + int32(i-from), Y: y, Width: 40, Height: 100, Track: track, State: "confirmed"}
			rows[i].Detections = append(rows[i].Detections, d)
		}
	}
	rows := make([]result.Frame, 400)
	for i := range rows {
		rows[i] = frameAt("gate", float64(i)/10, 7)
	}
	walk(rows, 1001, 1, 30, 100, 100)
	walk(rows, 50001, 50, 80, 140, 105)    // two seconds later and near: perhaps the same
	walk(rows, 60001, 60, 90, 500, 300)    // elsewhere
	walk(rows, 200001, 200, 260, 170, 100) // twelve seconds after the second
	for _, n := range []int64{1000, 16} {
		_, all, edges := built(t, written(t, n, rows), Config{Every: 10 * time.Second}, 2)
		name := names(all)
		var got []string
		for e, h := range edges {
			if h.Kind == Gap {
				got = append(got, fmt.Sprintf("%s to %s, score %d", name[e[0]], name[e[1]], h.Weight))
			}
		}
		if diff := gocmp.Diff([]string{"frames/0#1001 to frames/0#50001, score 868"}, got); diff != "" {
			t.Error(diff)
		}
		for _, node := range all {
			if node.Track == 50001 && (node.Frames != 30 || node.From != moment(5) || node.To != moment(7.9) || node.Label != "person" || node.Camera != "gate") {
				t.Errorf("%+v", node)
			}
		}
	}
}

func TestShotsCloseInTimeMayBeLessAlike(t *testing.T) {
	hash := func(bits int) uint64 { return 1<<bits - 1 }
	for _, c := range []struct {
		name   string
		bits   int
		colour int
		apart  float64
		want   bool
	}{
		{"alike in hash and colours", 15, 0, 20, true},
		{"of other colours", 15, 1, 20, false},
		{"long apart", 15, 0, 70, false},
		{"not alike", 20, 0, 20, false},
		{"alike in hash alone, whenever", 6, 1, 70, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows := []result.Frame{coloured(frameAt("gate", 0, 0), 0), coloured(frameAt("gate", c.apart, hash(c.bits)), c.colour)}
			_, _, edges := built(t, written(t, 16, rows), Config{Every: 10 * time.Second}, 2)
			if got := len(edges) == 1; got != c.want {
				t.Errorf("%v", edges)
			}
		})
	}
}

func TestAConfigurationNamesEveryViolation(t *testing.T) {
	err := Config{Cameras: []string{"a/b"}, Every: time.Millisecond}.Validate()
	for _, want := range []string{"--camera=a/b", "--every=1ms"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}

// Whatever the bytes are, decoding neither panics nor allocates beyond their length, and what
// is decoded is encoded to what decodes to the same.
func FuzzDecode(f *testing.F) {
	shot := Node{ID: 5, Topic: "frames", Camera: "gate", Frame: Frame{Offset: 1, Epoch: "e"}, From: 1, To: 9, Cut: true, Hash: 1 << 63,
		Histogram: []byte{1}, Tracks: []int64{4}, Events: []Event{{1, 2, What{Type: "t"}}}, Happened: []Count{{What{Rule: "r"}, 3}}}
	track := Node{ID: 6, Kind: Track, Track: 1001, Label: "person", Frames: 3, First: Box{1, 2, 3, 4}}
	f.Add(shot.Marshal())
	f.Add(track.Marshal())
	f.Add((&piece{first: []Node{shot}, track: &track, last: 4}).marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, err := Unmarshal(b); err == nil {
			if again, err := Unmarshal(n.Marshal()); err != nil || !reflect.DeepEqual(n, again) {
				t.Errorf("%+v became %+v, %v", n, again, err)
			}
		}
		if p, err := unmarshalPiece(b); err == nil {
			if again, err := unmarshalPiece(p.marshal()); err != nil || !reflect.DeepEqual(p, again) {
				t.Errorf("%+v became %+v, %v", p, again, err)
			}
		}
	})
}

// Of a stretch with too many events the first are kept: those of the least time, and of a
// frame those of the least rule, wherever files begin.
func TestTheFirstEventsAreTheSameInHoweverManyFiles(t *testing.T) {
	rows := film("film", []uint64{0x00ff00ff00ff00ff, 0xffff0000ffff0000}, 4, 4)
	happens := func(row int, rules ...int) {
		for _, r := range rules {
			rows[row].Events = append(rows[row].Events, result.Event{Analysis: "zones", Type: result.EventObjectsInside, Rule: fmt.Sprint(r)})
		}
	}
	happens(15, 0, 1, 2, 3, 4, 5)
	happens(16, 9, 8, 7) // the first two by rule still are among the first eight
	happens(60, 1)       // in the second shot
	for _, n := range []int64{1000, 16} {
		_, all, _ := built(t, written(t, n, rows), Config{Every: 10 * time.Second}, 2)
		slices.SortFunc(all, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
		var got []string
		for _, s := range all {
			for _, e := range s.Events {
				got = append(got, fmt.Sprintf("%s at %d: %s", s.Name(), e.Offset, e.What.Rule))
			}
		}
		want := []string{
			"frames/0@13 at 15: 0", "frames/0@13 at 15: 1", "frames/0@13 at 15: 2", "frames/0@13 at 15: 3",
			"frames/0@13 at 15: 4", "frames/0@13 at 15: 5", "frames/0@13 at 16: 7", "frames/0@13 at 16: 8",
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("in chunks of %d: %s", n, diff)
		}
	}
}
