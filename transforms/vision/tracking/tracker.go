// Package tracking follows objects over frames by their boxes alone: SORT (A. Bewley
// et al., Simple Online and Realtime Tracking, ICIP 2016) with the second
// association of ByteTrack (Y. Zhang et al., ByteTrack: Multi-Object Tracking by
// Associating Every Detection Box, ECCV 2022), and a third one, more lenient, in which
// tracks that are lost take what those that are seen have left.
//
// It is plain Go, without Beam or OpenCV. A [Tracker]'s state is explicit and can
// be saved and restored between any two frames. Equal detections give equal tracks,
// in whatever order they are within a frame, on every machine: there is no clock,
// no randomness, and no arithmetic that a compiler may round otherwise.
//
// All that depends on time goes by the frames' capture times, since frame rates
// vary and frames go missing.
package tracking

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
	"unicode/utf8"
)

const (
	// MaxTracks is the most tracks at a time: what 24 KiB of state have room for.
	MaxTracks = 100
	// MaxDetections is how many detections of a frame are looked at: the best ones.
	MaxDetections = 1000
	// MaxPatience is the longest Patience.
	MaxPatience = time.Hour
	// maxLabel is how many bytes of a label are looked at.
	maxLabel = 48
	// maxMinHits bounds MinHits.
	maxMinHits = 1000
	// recent is how long a lost track counts as one that is seen: what hides two people who
	// pass each other, and a guess has not wandered far.
	recent = int64(500 * time.Millisecond)
	// hitTime is the time between the detections that MinHits counts: that of 10 frames/s,
	// less a tenth, since cameras are not exact.
	hitTime = int64(90 * time.Millisecond)
)

// Config are the parameters of a tracker; see [Default].
type Config struct {
	// High and Low are scores: detections from High on begin and continue tracks,
	// those from Low on only continue them, others are not looked at.
	High, Low float64
	// IoU, LowIoU, LostIoU and TentativeIoU are what a detection must overlap with where
	// a track is expected, above 0 and up to 1: in the first association, of tracks seen
	// within half a second; with detections of low score; in the third, of all that have
	// none yet, whenever they were seen; and for tracks not yet confirmed.
	IoU, LowIoU, LostIoU, TentativeIoU float64
	// MinHits is how many detections confirm a track at 10 frames/s. Up to then it may
	// miss none. At other rates it takes the same time, and two detections at least
	// (1: the first one confirms): detectors err for some time, not for some frames.
	MinHits int
	// Patience is how long a confirmed track may go unseen.
	Patience time.Duration
	// MaxTracks is the most tracks at a time, 1 to [MaxTracks]. A new object then
	// takes the place of the track that has been unseen for longest, or has none.
	MaxTracks int
	// Jitter is the standard deviation of a detection's centre, in heights of the
	// object; that of its height is twice as much.
	Jitter float64
	// Agility is by how much an object's velocity changes within a second (standard
	// deviation), in heights per second.
	Agility float64
}

// Default returns the published parameters of SORT (IoU, MinHits) and ByteTrack (Low, and
// High: what a detection needs there to begin a track). The others are those that do best
// on public detections (docs/mot15.md) and on generated scenes (docs/scores.md).
func Default() Config {
	return Config{
		High: 0.7, Low: 0.1, IoU: 0.3, LowIoU: 0.4, LostIoU: 0.2, TentativeIoU: 0.3,
		MinHits: 3, Patience: 2 * time.Second, MaxTracks: MaxTracks, Jitter: 0.09, Agility: 0.7,
	}
}

// DefaultCoast is how long a lost track is shown if no other time is given: a
// detector that misses an object in a frame or two is bridged, and an object that
// has left does not stay. See [Track.Shown].
const DefaultCoast = 250 * time.Millisecond

// Validate returns every violation, joined.
func (c Config) Validate() error {
	var errs []error
	within := func(what string, v, least, most float64) {
		if !(v >= least && v <= most) {
			errs = append(errs, fmt.Errorf("%s %v is not in %v to %v", what, v, least, most))
		}
	}
	within("high score", c.High, -math.MaxFloat64, math.MaxFloat64)
	within("low score", c.Low, -math.MaxFloat64, math.MaxFloat64)
	if c.Low > c.High {
		errs = append(errs, fmt.Errorf("low score %v is above the high score %v", c.Low, c.High))
	}
	within("IoU", c.IoU, 0.01, 1)
	within("low IoU", c.LowIoU, 0.01, 1)
	within("lost IoU", c.LostIoU, 0.01, 1)
	within("tentative IoU", c.TentativeIoU, 0.01, 1)
	within("min hits", float64(c.MinHits), 1, maxMinHits)
	if c.Patience < 0 || c.Patience > MaxPatience {
		errs = append(errs, fmt.Errorf("patience %v is not in 0 to %v", c.Patience, MaxPatience))
	}
	within("max tracks", float64(c.MaxTracks), 1, MaxTracks)
	within("jitter", c.Jitter, 0.001, 1)
	within("agility", c.Agility, 0.001, 100)
	return errors.Join(errs...)
}

// Detection is an object found in a frame.
type Detection struct {
	Box   Box
	Label string // its class; only its first 48 bytes are looked at
	Score float64
}

// State of a track. The numbers are part of saved states.
type State uint8

const (
	// Tentative: not yet seen for as long as MinHits asks for.
	Tentative State = iota
	// Confirmed: an object that is seen.
	Confirmed
	// Lost: an object that was confirmed and is not seen; where it would be is a guess.
	Lost
	// Bridged: one that is confirmed and was not looked for in the frame; it is where it
	// is expected. No saved state has it.
	Bridged
)

// String is the state's name in results.
func (s State) String() string {
	return [...]string{"tentative", "confirmed", "lost", "bridged"}[s]
}

// Track is an object at one frame.
type Track struct {
	ID    int64
	Label string
	State State
	// Box is where the filter takes it to be.
	Box   Box
	Score float64 // of its last detection
	// Unseen is the time since its last detection.
	Unseen time.Duration
	// Detection is the index of its detection in this frame; -1: there is none.
	Detection int
}

// Shown reports whether the track is to be counted among the objects that are there:
// confirmed ones, those not looked for, and lost ones for as long as coast.
func (k Track) Shown(coast time.Duration) bool {
	return k.State == Confirmed || k.State == Bridged || k.State == Lost && coast > 0 && k.Unseen <= coast
}

// track is what is remembered of an object.
type track struct {
	id     int64
	label  string
	state  State
	hits   int   // up to Config.hits
	age    int64 // nanoseconds since its first detection, up to Config.age
	unseen int64 // nanoseconds since its last detection
	score  float64
	filter filter

	// Of the frame at hand only.
	found   int
	bridged bool // not looked for
}

// Tracker follows the objects of one camera. It is used by one goroutine.
type Tracker struct {
	cfg    Config
	last   int64   // time of the last frame, ns since 1970
	tracks []track // by id
}

// New makes a tracker that has seen nothing.
func New(cfg Config) (*Tracker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("tracker: %w", err)
	}
	return &Tracker{cfg: cfg}, nil
}

// Reset forgets all tracks.
func (t *Tracker) Reset() { t.tracks = nil }

// Len is the number of tracks that it remembers, lost and tentative ones included.
func (t *Tracker) Len() int { return len(t.tracks) }

// Next takes the detections of the frame captured at the given time, and returns
// all tracks, by id. New ones are numbered base+1 and so on; base must grow by at
// least [MaxTracks] from frame to frame. Detections with impossible boxes or scores
// are not looked at. Where time goes back, as when a camera's clock is put right, it
// stands still.
func (t *Tracker) Next(at time.Time, base int64, found []Detection) []Track {
	return t.Look(at, base, found, View{})
}

// View is what of a frame was looked at. The zero value is all of it.
type View struct {
	// Seen says whether an object would have been seen that is where a track is expected.
	// If not, that it was not found is no miss: the track stays as confirmed, or as
	// tentative, as it was, and only time goes by. nil: every one would have been.
	Seen func(Box) bool
	// Still: what would not have been seen does not move.
	Still bool
}

// Look is [Tracker.Next] of a frame of which not all was looked at.
func (t *Tracker) Look(at time.Time, base int64, found []Detection, view View) []Track {
	now := at.UnixNano()
	t.pass(now-t.last, view)
	t.last = now

	order := t.usable(found)
	high := 0
	for high < len(order) && found[order[high]].Score >= t.cfg.High {
		high++
	}
	// What is seen comes before what has been lost for a while (the cascade of DeepSORT in
	// two steps): a guess that has wandered takes nobody's place, and has no chance with a
	// low score at all.
	first := func(k *track) bool { return k.state == Confirmed || k.state == Lost && k.unseen <= recent }
	left := t.associate(t.where(first), order[:high], found, t.cfg.IoU)
	missed := t.where(func(k *track) bool { return first(k) && k.found < 0 })
	t.associate(missed, order[high:], found, t.cfg.LowIoU)
	// With what is left there is little to be mistaken for, so a smaller overlap will
	// do, as with the larger boxes of C-BIoU's second association (F. Yang, S. Odashima,
	// S. Masui, S. Jiang, Hard to Track Objects with Irregular Motions and Similar
	// Appearances? Make It Easier by Buffering the Matching Space, WACV 2023).
	lost := t.where(func(k *track) bool { return k.state != Tentative && k.found < 0 })
	left = t.associate(lost, left, found, t.cfg.LostIoU)
	tentative := t.where(func(k *track) bool { return k.state == Tentative })
	left = t.associate(tentative, left, found, t.cfg.TentativeIoU)

	t.judge(found, view.Still)
	t.admit(base, left, found)

	shown := make([]Track, len(t.tracks))
	for i := range t.tracks {
		k := &t.tracks[i]
		shown[i] = Track{
			ID: k.id, Label: k.label, State: k.state, Box: k.filter.box(), Score: k.score,
			Unseen: time.Duration(k.unseen), Detection: k.found,
		}
		if k.state == Confirmed && k.found < 0 {
			shown[i].State = Bridged
		}
	}
	return shown
}

// pass lets time go by: tracks move to where they are expected, and those unseen
// for too long are forgotten.
func (t *Tracker) pass(ns int64, view View) {
	ns = min(max(ns, 0), int64(MaxPatience)+1)
	dt := float64(ns) / float64(time.Second)
	kept := t.tracks[:0]
	for _, k := range t.tracks {
		k.filter.predict(dt, t.cfg.Agility)
		k.bridged = view.Seen != nil && k.state != Lost && !view.Seen(k.filter.box())
		if !k.bridged {
			k.unseen += ns
		}
		k.age = min(k.age+ns, t.cfg.age())
		if k.unseen > int64(t.cfg.Patience) {
			continue
		}
		k.found = -1
		kept = append(kept, k)
	}
	t.tracks = kept
}

// usable returns the indexes of the detections to look at, the best first. Equal
// ones are the same in all that tracks show, so their order does not matter.
func (t *Tracker) usable(found []Detection) []int {
	order := make([]int, 0, len(found))
	for i, d := range found {
		if d.Box.valid() && d.Score >= t.cfg.Low && !math.IsInf(d.Score, 0) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := &found[i], &found[j]
		return cmp.Or(-cmp.Compare(a.Score, b.Score), cmp.Compare(a.Label, b.Label),
			cmp.Compare(a.Box.X, b.Box.X), cmp.Compare(a.Box.Y, b.Box.Y),
			cmp.Compare(a.Box.Width, b.Box.Width), cmp.Compare(a.Box.Height, b.Box.Height))
	})
	return order[:min(len(order), MaxDetections)]
}

// where returns the indexes of some of the tracks.
func (t *Tracker) where(is func(*track) bool) []int {
	var some []int
	for i := range t.tracks {
		if is(&t.tracks[i]) {
			some = append(some, i)
		}
	}
	return some
}

// associate gives detections to tracks, and returns those that none got.
func (t *Tracker) associate(tracks, order []int, found []Detection, gate float64) []int {
	if len(tracks) == 0 || len(order) == 0 {
		return order
	}
	expected := make([]Box, len(tracks))
	for i, k := range tracks {
		expected[i] = t.tracks[k].filter.box()
	}
	of := match(len(tracks), len(order), func(i, j int) float64 {
		d := &found[order[j]]
		if t.tracks[tracks[i]].label != short(d.Label) {
			return 0
		}
		return IoU(expected[i], d.Box)
	}, gate)
	taken := make([]bool, len(order))
	for i, j := range of {
		if j >= 0 {
			t.tracks[tracks[i]].found, taken[j] = order[j], true
		}
	}
	var left []int
	for j, d := range order {
		if !taken[j] {
			left = append(left, d)
		}
	}
	return left
}

// judge takes the detections into the tracks that they were given to, and decides
// what becomes of the others.
func (t *Tracker) judge(found []Detection, still bool) {
	kept := t.tracks[:0]
	for _, k := range t.tracks {
		switch {
		case k.found >= 0:
			d := &found[k.found]
			k.filter.update(d.Box, t.cfg.Jitter)
			k.score, k.unseen = d.Score+0, 0 // +0, not -0
			k.hits = min(k.hits+1, t.cfg.hits())
			k.confirm(t.cfg)
		case k.bridged:
			k.filter.settle()
			if still {
				k.filter.x.speed, k.filter.y.speed = 0, 0
			}
		case k.state == Tentative:
			continue
		default:
			k.state = Lost
			k.filter.settle()
		}
		kept = append(kept, k)
	}
	t.tracks = kept
}

// hits and age are how many detections, over which time, confirm a track.
func (c Config) hits() int  { return min(c.MinHits, 2) }
func (c Config) age() int64 { return int64(c.MinHits-1) * hitTime }

func (k *track) confirm(cfg Config) {
	if k.hits >= cfg.hits() && k.age >= cfg.age() {
		k.state = Confirmed
	}
}

// admit begins tracks for detections that belong to none.
func (t *Tracker) admit(base int64, left []int, found []Detection) {
	for _, i := range left {
		if len(t.tracks) >= t.cfg.MaxTracks && !t.evict() {
			return
		}
		base++
		k := track{id: base, label: short(found[i].Label), hits: 1, score: found[i].Score + 0, found: i,
			filter: begin(found[i].Box, t.cfg.Jitter)}
		k.confirm(t.cfg)
		t.tracks = append(t.tracks, k)
	}
}

// evict forgets the track that has been unseen for longest, the newest of equals.
func (t *Tracker) evict() bool {
	worst := -1
	for i, k := range t.tracks {
		if k.state == Lost && (worst < 0 || k.unseen >= t.tracks[worst].unseen) {
			worst = i
		}
	}
	if worst < 0 {
		return false
	}
	t.tracks = slices.Delete(t.tracks, worst, worst+1)
	return true
}

// short is what is looked at of a label.
func short(label string) string {
	if len(label) <= maxLabel {
		return label
	}
	n := maxLabel
	for n > 0 && !utf8.RuneStart(label[n]) {
		n--
	}
	return label[:n]
}
