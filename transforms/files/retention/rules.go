package retention

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
)

// Kind is a kind of files.
type Kind int

// The kinds.
const (
	Archive Kind = iota
	Images
	States
	Results
	kinds
)

var kindNames = [kinds]string{"archive", "images", "states", "results"}

func (k Kind) String() string { return kindNames[k] }

// Forever is the age of what is never too old.
const Forever time.Duration = 0

// Rules say what is kept. The zero value keeps everything.
type Rules struct {
	Keep    [kinds]time.Duration // how long, by kind; Forever
	Cameras []CameraRule         // the first that fits a camera, and says something of the kind, holds
	Size    int64                // bytes of everything together; 0: any
	Sizes   [kinds]int64         // bytes by kind; 0: any
	Pins    Pins
}

// CameraRule is how long files are kept because of a camera.
type CameraRule struct {
	Match string // pattern of camera ids, as path.Match has it
	Keep  [kinds]*time.Duration
}

// All are rules by which everything is kept so long, and has so many bytes at most.
func All(keep time.Duration, size int64) Rules {
	r := Rules{Size: size}
	for k := range r.Keep {
		r.Keep[k] = keep
	}
	return r
}

// Limited reports whether the rules ever give up anything.
func (r *Rules) Limited() bool {
	for k := range kinds {
		if r.Keep[k] != Forever || r.Sizes[k] > 0 {
			return true
		}
		for _, c := range r.Cameras {
			if c.Keep[k] != nil && *c.Keep[k] != Forever {
				return true
			}
		}
	}
	return r.Size > 0
}

// NoPins reports whether no event is pinned.
func (r *Rules) NoPins() bool { return r.Pins.empty() }

// bySize reports whether there is a rule by size.
func (r *Rules) bySize() bool { return r.Size > 0 || r.Sizes != [kinds]int64{} }

// byCamera reports whether cameras differ in a kind.
func (r *Rules) byCamera(k Kind) bool {
	for _, c := range r.Cameras {
		if c.Keep[k] != nil {
			return true
		}
	}
	return false
}

// camera is how long files of a kind are kept because of a camera. Nothing of an output
// outlives its results.
func (r *Rules) camera(k Kind, camera string) time.Duration {
	keep := r.Keep[k]
	for _, c := range r.Cameras {
		if ok, _ := path.Match(c.Match, camera); ok && c.Keep[k] != nil {
			keep = *c.Keep[k]
			break
		}
	}
	if k == States || k == Images {
		if results := r.camera(Results, camera); longer(keep, results) {
			return results
		}
	}
	return keep
}

// shortest is the least of how long files of a kind are kept because of any camera.
func (r *Rules) shortest(k Kind) time.Duration {
	keep := r.camera(k, "")
	for _, c := range r.Cameras {
		for _, of := range []Kind{k, Results} {
			if own := c.Keep[of]; own != nil && longer(keep, *own) {
				keep = *own
			}
		}
	}
	return keep
}

// shared is how long a file with these cameras is kept, and because of which; "": of none
// in particular.
func (r *Rules) shared(k Kind, cameras []string) (keep time.Duration, because string) {
	if !r.byCamera(k) && (k == Archive || !r.byCamera(Results)) || len(cameras) == 0 {
		return r.camera(k, ""), ""
	}
	for i, c := range cameras {
		if of := r.camera(k, c); i == 0 || longer(of, keep) {
			keep, because = of, c
		}
	}
	return keep, because
}

// longer compares ages.
func longer(a, b time.Duration) bool { return b != Forever && (a == Forever || a > b) }

// old reports whether what is of the time ms, in milliseconds since 1970 UTC, is older than
// may be.
func old(ms int64, keep time.Duration, now time.Time) bool {
	return keep != Forever && ms < now.Add(-keep).UnixMilli()
}

// Ages are written as numbers with a unit of these.
var ageUnits = map[string]time.Duration{"m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "y": 365 * 24 * time.Hour}

var age = regexp.MustCompile(`^([0-9]{1,9})(m|h|d|w|y)$`)

// maxAge is the longest age that a [time.Duration] holds.
const maxAge = 290 * 365 * 24 * time.Hour

// ParseAge parses how long something is kept: 90m, 12h, 30d, 4w, 1y (365 days), or forever.
func ParseAge(s string) (time.Duration, error) {
	if s == "forever" {
		return Forever, nil
	}
	if m := age.FindStringSubmatch(s); m != nil {
		n, err := strconv.ParseInt(m[1], 10, 64)
		if unit := ageUnits[m[2]]; err == nil && n > 0 && n <= int64(maxAge/unit) {
			return time.Duration(n) * unit, nil
		}
	}
	return 0, fmt.Errorf("%q is not an age such as 12h, 30d, 4w, 1y or forever", s)
}

// ParseSize parses a number of bytes: 500GB, 1.5TiB.
func ParseSize(s string) (int64, error) {
	n, err := humanize.ParseBytes(s)
	if err != nil || n < 1 || n > 1<<62 {
		return 0, fmt.Errorf("%q is not a size such as 500GB or 1.5TiB", s)
	}
	return int64(n), nil
}

// bytesText writes a number of bytes for people.
func bytesText(n int64) string { return humanize.Bytes(uint64(max(0, n))) }

// ageText writes an age as one would.
func ageText(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dm", d/time.Minute)
}
