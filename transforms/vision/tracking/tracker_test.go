package tracking

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var begins = time.Date(2024, 5, 1, 8, 0, 0, 0, time.UTC)

func newTracker(t testing.TB, change func(*Config)) *Tracker {
	t.Helper()
	cfg := Default()
	if change != nil {
		change(&cfg)
	}
	k, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// look is a frame at the given second with boxes of 20 x 40 at (x, 100), all people.
func look(k *Tracker, second float64, xs ...float64) []Track {
	var found []Detection
	for _, x := range xs {
		found = append(found, Detection{Box: Box{x, 100, 20, 40}, Label: "person", Score: 1})
	}
	return k.Next(begins.Add(time.Duration(second*1e9)), int64(math.Round(second*100))*1000, found)
}

func states(tracks []Track) string {
	var s []string
	for _, k := range tracks {
		s = append(s, fmt.Sprint(k.ID, " ", k.State))
	}
	return strings.Join(s, ", ")
}

func TestATracksLife(t *testing.T) {
	k := newTracker(t, nil)
	at := func(second float64, want string, xs ...float64) {
		t.Helper()
		if got := states(look(k, second, xs...)); got != want {
			t.Errorf("at %v s: %q, want %q", second, got, want)
		}
	}
	at(0, "1 tentative", 10)
	at(0.1, "1 tentative", 12)
	at(0.2, "1 confirmed", 14)
	at(0.3, "1 confirmed, 30001 tentative", 16, 200)
	at(0.4, "1 confirmed", 18) // a tentative one may miss nothing
	at(0.5, "1 lost")
	at(1.5, "1 lost")
	at(1.6, "1 confirmed", 42)
	at(1.7, "1 lost")
	at(3.6, "1 lost") // two seconds since 1.6
	at(3.61, "")
	at(3.7, "370001 tentative", 84)
	k.Reset()
	at(3.8, "380001 tentative", 84)
}

func TestATrackIsConfirmedByTimeNotByFrames(t *testing.T) {
	cases := []struct {
		name    string
		fps     float64
		minHits int
		want    int // the detection that confirms
	}{
		{"three at 10 frames/s", 10, 3, 3},
		{"three where time is not exact", 10.9, 3, 3},
		{"as long at 30 frames/s", 30, 3, 7},
		{"as long at 25 frames/s", 25, 3, 6},
		{"three at 7 frames/s, since two are too short", 7, 3, 3},
		{"two at 5 frames/s", 5, 3, 2},
		{"two at one frame in 2 s", 0.5, 3, 2},
		{"two are two at 10 frames/s", 10, 2, 2},
		{"one is one", 30, 1, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			k := newTracker(t, func(f *Config) { f.MinHits, f.Patience = c.minHits, time.Minute })
			for n := 1; n <= c.want; n++ {
				got := look(k, float64(n)/c.fps, 10)
				if len(got) != 1 || (got[0].State == Confirmed) != (n == c.want) {
					t.Fatalf("detection %d: %s", n, states(got))
				}
			}
		})
	}
}

func TestWhatHasBeenLostForAWhileComesAfterWhatIsSeen(t *testing.T) {
	cases := []struct {
		name string
		lost float64 // seconds
		want string
	}{
		{"it takes what is nearer to it after a moment", 0.4, "1 confirmed, 2 lost"},
		{"not after a second", 1, "1 lost, 2 confirmed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			k := newTracker(t, nil)
			second := 0.0
			for ; second < 0.95; second += 0.1 {
				look(k, second, 100, 114)
			}
			for gone := 0.1; gone < c.lost-0.05; gone += 0.1 {
				look(k, second, 114)
				second += 0.1
			}
			if got := states(look(k, second, 105)); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestALostTrackIsFoundAgainALittleBesideItsPlace(t *testing.T) {
	for _, c := range []struct {
		x    float64
		want string
	}{
		{111, "1 confirmed"},               // an IoU of 9/31
		{115, "1 lost, 1500001 tentative"}, // of 5/35
	} {
		k := newTracker(t, nil)
		for i := range 10 {
			look(k, float64(i)/10, 100)
		}
		for i := 10; i < 20; i++ {
			look(k, float64(i)/10)
		}
		if got := states(look(k, 2, c.x)); !strings.HasPrefix(got, strings.Split(c.want, ",")[0]) {
			t.Errorf("at %v: %s, want %s", c.x, got, c.want)
		}
	}
}

func TestSlowCamerasHaveAFirstAssociation(t *testing.T) {
	k := newTracker(t, func(c *Config) { c.Patience = time.Minute })
	see := func(second float64, scores ...float64) string {
		var found []Detection
		for i, s := range scores {
			found = append(found, Detection{Box: Box{100 + float64(5*i), 100, 20, 40}, Label: "person", Score: s})
		}
		return states(k.Next(begins.Add(time.Duration(second*1e9)), int64(second)*1000, found))
	}
	see(0, 0.9)
	see(2, 0.9)
	// The good detection is taken although the bad one is where the track is expected.
	if got := k.Next(begins.Add(4*time.Second), 4000, []Detection{
		{Box{100, 100, 20, 40}, "person", 0.3}, {Box{103, 100, 20, 40}, "person", 0.9}}); len(got) != 1 || got[0].Detection != 1 {
		t.Errorf("%+v", got)
	}
}

func TestALongGapIsTimeToo(t *testing.T) {
	k := newTracker(t, nil)
	// 60 pixels a second, three boxes' widths.
	for i := range 10 {
		look(k, float64(i)/10, float64(10+6*i))
	}
	got := look(k, 2.4, 10+60*2.4)
	if len(got) != 1 || got[0].ID != 1 || got[0].Detection != 0 {
		t.Errorf("after one and a half seconds without frames it is another object: %+v", got)
	}
	if got := look(k, 4.5, 280); len(got) != 1 || got[0].ID == 1 {
		t.Errorf("after more than the patience it is the same object: %+v", got)
	}
}

func TestTimeThatGoesBackStandsStill(t *testing.T) {
	k := newTracker(t, nil)
	for i := range 4 {
		look(k, 100+float64(i)/10, 10)
	}
	if got := states(look(k, 20, 10)); got != "10000001 confirmed" {
		t.Error(got)
	}
	if got := states(look(k, 20.1, 10)); got != "10000001 confirmed" {
		t.Error(got)
	}
}

func TestLowScores(t *testing.T) {
	k := newTracker(t, func(c *Config) { c.High = 0.5 })
	see := func(i int, score float64) string {
		return states(k.Next(begins.Add(time.Duration(i)*100*time.Millisecond), int64(i)*1000,
			[]Detection{{Box: Box{10, 10, 20, 40}, Label: "person", Score: score}}))
	}
	steps := []struct {
		score float64
		want  string
	}{
		{0.3, ""}, // does not begin a track
		{0.5, "1001 tentative"},
		{0.3, ""}, // nor does it confirm one
		{0.9, "3001 tentative"}, {0.9, "3001 tentative"}, {0.9, "3001 confirmed"},
		{0.3, "3001 confirmed"}, // but it continues one
		{0.1, "3001 confirmed"},
		{0.09, "3001 lost"},
		{0.3, "3001 confirmed"}, // and finds one again
		{0, "3001 lost"}, {0, "3001 lost"}, {0, "3001 lost"}, {0, "3001 lost"}, {0, "3001 lost"},
		{0.3, "3001 lost"}, // but not after half a second
		{0.6, "3001 confirmed"},
	}
	for i, s := range steps {
		if got := see(i, s.score); got != s.want {
			t.Errorf("frame %d with score %v: %q, want %q", i, s.score, got, s.want)
		}
	}
}

func TestLabelsMustMatch(t *testing.T) {
	k := newTracker(t, func(c *Config) { c.MinHits = 1 })
	see := func(i int, labels ...string) []Track {
		var found []Detection
		for _, l := range labels {
			found = append(found, Detection{Box: Box{10, 10, 20, 40}, Label: l, Score: 1})
		}
		return k.Next(begins.Add(time.Duration(i)*100*time.Millisecond), int64(i)*1000, found)
	}
	see(0, "person", "vehicle")
	for _, k := range see(1, "vehicle", "person", "dog") {
		if want := map[int64]string{1: "person", 2: "vehicle", 1001: "dog"}[k.ID]; k.Label != want {
			t.Errorf("track %d is a %q, want %q", k.ID, k.Label, want)
		}
	}
	long := strings.Repeat("ä", 40)
	see(2, long)
	got := see(3, long+"x")
	if last := got[len(got)-1]; last.ID != 2001 || last.Label != strings.Repeat("ä", 24) {
		t.Errorf("long labels are compared beyond what is kept: %+v", last)
	}
}

func TestImpossibleDetectionsAreNotLookedAt(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	k := newTracker(t, nil)
	good := Box{10, 10, 20, 40}
	got := k.Next(begins, 0, []Detection{
		{good, "a", nan}, {good, "a", inf}, {good, "a", -inf}, {good, "a", 0},
		{Box{nan, 0, 1, 1}, "a", 1}, {Box{0, inf, 1, 1}, "a", 1}, {Box{0, 0, 0, 1}, "a", 1},
		{Box{0, 0, 1, -1}, "a", 1}, {Box{0, 0, 1, 2e9}, "a", 1}, {Box{-2e9, 0, 1, 1}, "a", 1},
		{good, "a", 1},
	})
	if len(got) != 1 || got[0].Detection != 10 {
		t.Errorf("%+v", got)
	}
}

func TestTheNumberOfTracksIsBounded(t *testing.T) {
	k := newTracker(t, func(c *Config) { c.MinHits, c.MaxTracks = 1, 3 })
	if got := states(look(k, 0, 0, 100, 200, 300)); got != "1 confirmed, 2 confirmed, 3 confirmed" {
		t.Errorf("more begin than may: %s", got)
	}
	if got := states(look(k, 0.1, 100, 200, 300, 400)); got != "2 confirmed, 3 confirmed, 10001 confirmed" {
		t.Errorf("the lost one does not make room: %s", got)
	}
	look(k, 0.2, 200, 300)
	look(k, 0.3, 300)
	// 100 has been lost for longer than 200.
	if got := states(look(k, 0.4, 300, 500)); got != "3 lost, 10001 confirmed, 40001 confirmed" {
		t.Errorf("not the one unseen for longest makes room: %s", got)
	}
}

func TestShown(t *testing.T) {
	cases := []struct {
		state  State
		unseen time.Duration
		coast  time.Duration
		want   bool
	}{
		{Tentative, 0, time.Second, false},
		{Confirmed, 0, 0, true},
		{Lost, 0, 0, false},
		{Lost, time.Second, time.Second, true},
		{Lost, time.Second + 1, time.Second, false},
	}
	for _, c := range cases {
		if got := (Track{State: c.state, Unseen: c.unseen}).Shown(c.coast); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestConfigSaysAllThatIsWrong(t *testing.T) {
	err := Config{High: math.NaN(), Low: math.Inf(1), Patience: -1}.Validate()
	for _, want := range []string{"high score", "low score", "IoU", "low IoU", "lost IoU", "tentative IoU", "min hits", "patience", "max tracks", "jitter", "agility"} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("nothing about %s in: %v", want, err)
		}
	}
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	if _, err := New(Config{}); err == nil {
		t.Error("a tracker without parameters is made")
	}
}

// play is a drawn sequence of frames: objects that walk, appear, vanish and hide,
// some of them drawn onto a coarse grid so that there are ties.
type play struct {
	times []time.Time
	found [][]Detection
}

func drawPlay(t *rapid.T, frames int) play {
	var p play
	at := begins
	type walker struct{ x, y, vx, vy, w, h float64 }
	var walkers []walker
	for range frames {
		at = at.Add(time.Duration(rapid.SampledFrom([]int{0, 33, 100, 100, 400, 1500, -200}).Draw(t, "ms")) * time.Millisecond)
		p.times = append(p.times, at)
		if len(walkers) < 6 && rapid.IntRange(0, 2).Draw(t, "comes") == 0 {
			n := func(most int, what string) float64 { return float64(rapid.IntRange(0, most).Draw(t, what)) }
			walkers = append(walkers, walker{10 * n(20, "x"), 10 * n(10, "y"), n(8, "vx") - 4, n(4, "vy") - 2, 10 + 10*n(2, "w"), 20 + 10*n(2, "h")})
		}
		var found []Detection
		for i := range walkers {
			w := &walkers[i]
			w.x, w.y = w.x+w.vx, w.y+w.vy
			switch rapid.IntRange(0, 5).Draw(t, "seen") {
			case 0: // not at all
			case 1:
				found = append(found, Detection{Box{w.x, w.y, w.w, w.h}, "person", 0.3})
			case 2: // twice
				found = append(found, Detection{Box{w.x, w.y, w.w, w.h}, "person", 0.9})
				fallthrough
			default:
				found = append(found, Detection{Box{w.x, w.y, w.w, w.h}, rapid.SampledFrom([]string{"person", "person", "dog"}).Draw(t, "label"), 0.9})
			}
		}
		p.found = append(p.found, found)
	}
	return p
}

func TestSavingAndRestoringChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlay(t, rapid.IntRange(1, 25).Draw(t, "frames"))
		cfg := Default()
		cfg.MinHits = rapid.IntRange(1, 3).Draw(t, "min hits")
		straight, _ := New(cfg)
		other, _ := New(cfg)
		for i, at := range p.times {
			saved := other.Save()
			back, err := Restore(cfg, saved)
			if err != nil {
				t.Fatalf("frame %d: %v", i, err)
			}
			if again := back.Save(); !bytes.Equal(saved, again) {
				t.Fatalf("frame %d: a restored state is saved as other bytes", i)
			}
			if len(saved) > MaxState {
				t.Fatalf("frame %d: a state of %d bytes", i, len(saved))
			}
			other = back
			a, b := straight.Next(at, int64(i)*1000, p.found[i]), other.Next(at, int64(i)*1000, p.found[i])
			if d := cmp.Diff(a, b); d != "" {
				t.Fatalf("frame %d: %s", i, d)
			}
		}
	})
}

func TestTheOrderOfDetectionsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlay(t, rapid.IntRange(1, 25).Draw(t, "frames"))
		a, _ := New(Default())
		b, _ := New(Default())
		for i, at := range p.times {
			mixed := rapid.Permutation(p.found[i]).Draw(t, "order")
			one, two := a.Next(at, int64(i)*1000, p.found[i]), b.Next(at, int64(i)*1000, mixed)
			if len(one) != len(two) {
				t.Fatalf("frame %d: %d tracks and %d", i, len(one), len(two))
			}
			for j := range one {
				// The index is another; the detection must be equal.
				if (one[j].Detection < 0) != (two[j].Detection < 0) ||
					one[j].Detection >= 0 && p.found[i][one[j].Detection] != mixed[two[j].Detection] {
					t.Fatalf("frame %d: track %d has another detection", i, one[j].ID)
				}
				one[j].Detection, two[j].Detection = 0, 0
			}
			if d := cmp.Diff(one, two); d != "" {
				t.Fatalf("frame %d: %s", i, d)
			}
			if !bytes.Equal(a.Save(), b.Save()) {
				t.Fatalf("frame %d: the states differ", i)
			}
		}
	})
}

func TestIDsAreNeverUsedAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlay(t, 25)
		k, _ := New(Default())
		live, ever := map[int64]bool{}, map[int64]bool{}
		for i, at := range p.times {
			if rapid.IntRange(0, 9).Draw(t, "reset") == 0 {
				k.Reset()
				live = map[int64]bool{}
			}
			now := map[int64]bool{}
			last := int64(0)
			for _, one := range k.Next(at, int64(i)*1000, p.found[i]) {
				if one.ID <= last {
					t.Fatalf("frame %d: track %d comes after %d", i, one.ID, last)
				}
				if ever[one.ID] && !live[one.ID] {
					t.Fatalf("frame %d: track %d is there again", i, one.ID)
				}
				last, now[one.ID], ever[one.ID] = one.ID, true, true
			}
			live = now
		}
	})
}

func TestTheLargestStateFits(t *testing.T) {
	k := newTracker(t, func(c *Config) { c.MinHits, c.Patience = 1000, MaxPatience })
	var found []Detection
	for i := range 2 * MaxTracks {
		found = append(found, Detection{Box{float64(30 * i), 1e6, 20, 40}, fmt.Sprintf("%03d%s", i, strings.Repeat("x", 100)), 0.777})
	}
	base := int64(1) << 61
	for i := range 1000 {
		k.Next(begins.Add(time.Duration(i)*100*time.Millisecond), base+int64(i)*1000, found)
	}
	k.Next(begins.Add(30*time.Minute), base+1<<60, nil)
	saved := k.Save()
	if k.Len() != MaxTracks || len(saved) > MaxState {
		t.Errorf("%d tracks take %d bytes", k.Len(), len(saved))
	}
	t.Logf("%d bytes", len(saved))
	if _, err := Restore(k.cfg, saved); err != nil {
		t.Error(err)
	}
}

// someState is a saved tracker with tracks of every state.
func someState(t testing.TB) []byte {
	k := newTracker(t, nil)
	for i := range 5 {
		look(k, float64(i)/10, 10, 200)
	}
	look(k, 0.5, 10)
	look(k, 0.6, 10, 400)
	return k.Save()
}

func TestRestoreRefusesWhatNoTrackerSaved(t *testing.T) {
	good := someState(t)
	if _, err := Restore(Default(), good); err != nil {
		t.Fatal(err)
	}
	fewer := Default()
	fewer.MaxTracks = 2
	cases := []struct {
		name  string
		cfg   Config
		saved []byte
	}{
		{"nothing", Default(), nil},
		{"a newer version", Default(), append([]byte{stateVersion + 1}, good[1:]...)},
		{"too little", Default(), good[:len(good)-1]},
		{"too much", Default(), append(bytes.Clone(good), 0)},
		{"more tracks than the configuration allows", fewer, good},
		{"wrong parameters", Config{}, good},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Restore(c.cfg, c.saved); err == nil {
				t.Error("no error")
			}
		})
	}
}

// What is restored is saved as it was, and goes on without panic or impossible states.
func FuzzRestore(f *testing.F) {
	f.Add(someState(f))
	f.Add(newTracker(f, nil).Save())
	f.Add([]byte{stateVersion})
	f.Fuzz(func(t *testing.T, saved []byte) {
		k, err := Restore(Default(), saved)
		if err != nil {
			return
		}
		again := k.Save()
		if back, err := Restore(Default(), again); err != nil || !bytes.Equal(back.Save(), again) {
			t.Fatalf("a state that was restored and saved is not restored: %v", err)
		}
		for i := range 4 {
			for _, one := range look(k, float64(i)*0.7, 10, 200) {
				if b := one.Box; !(b.Width > 0 && b.Height > 0) || math.IsNaN(b.X+b.Y) {
					t.Fatalf("a track with the box %+v", b)
				}
			}
		}
		if len(k.Save()) > MaxState {
			t.Fatal("the state is too large")
		}
	})
}

func BenchmarkNext(b *testing.B) {
	for _, n := range []int{5, 20, 100} {
		b.Run(fmt.Sprintf("%d objects", n), func(b *testing.B) {
			k := newTracker(b, nil)
			var xs []float64
			for i := range n {
				xs = append(xs, float64(15*i)) // boxes overlap a little
			}
			second := 0.0
			for b.Loop() {
				look(k, second, xs...)
				second += 0.1
			}
		})
	}
}

func TestAFrameThatWasNotLookedAtIsNoMiss(t *testing.T) {
	k := newTracker(t, func(c *Config) { c.Patience = time.Second })
	look(k, 0, 10, 200)
	look(k, 0.1, 11, 200)
	look(k, 0.2, 12, 200)
	at := func(second float64, view View, want string, xs ...float64) {
		t.Helper()
		var found []Detection
		for _, x := range xs {
			found = append(found, Detection{Box: Box{x, 100, 20, 40}, Label: "person", Score: 1})
		}
		got := k.Look(begins.Add(time.Duration(second*1e9)), int64(math.Round(second*100))*1000, found, view)
		if s := states(got); s != want {
			t.Errorf("at %v s: %q, want %q", second, s, want)
		}
		saved := k.Save()
		again, err := Restore(k.cfg, saved)
		if err != nil || !bytes.Equal(again.Save(), saved) {
			t.Fatalf("at %v s: %v", second, err)
		}
	}
	nowhere := View{Seen: func(Box) bool { return false }}
	left := View{Seen: func(b Box) bool { return b.X < 100 }}
	at(0.3, nowhere, "1 bridged, 2 bridged")
	at(5, View{Seen: nowhere.Seen, Still: true}, "1 bridged, 2 bridged") // longer than patience
	before := k.tracks[0].filter.x.at
	at(9, nowhere, "1 bridged, 2 bridged")
	if after := k.tracks[0].filter.x.at; after != before {
		t.Errorf("what is still went from %v to %v", before, after)
	}
	at(9.1, left, "1 lost, 2 bridged")
	at(9.2, nowhere, "1 lost, 2 bridged") // what is lost is not looked for, and time goes by
	at(9.3, View{}, "1 lost, 2 confirmed", 200)
	at(10.2, nowhere, "2 bridged")
}
