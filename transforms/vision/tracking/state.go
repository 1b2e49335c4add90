package tracking

import (
	"fmt"

	"github.com/framebeam/framebeam/transforms/wire"
)

// MaxState is the most bytes that [Tracker.Save] gives.
const MaxState = 24 << 10

// stateVersion is the version of a saved tracker. Version 2: the time of the last
// frame, and for each track its id, label, state, hits, age as long as it is tentative
// or else time unseen, score and filter. What version 1 saved belongs to analyses with
// another digest and is asked for by none.
const stateVersion = 2

// Save encodes all that the tracker remembers.
func (t *Tracker) Save() []byte {
	b := append(make([]byte, 0, 64+240*len(t.tracks)), stateVersion)
	b = wire.Int(b, t.last)
	b = wire.Uint(b, uint64(len(t.tracks)))
	for i := range t.tracks {
		k := &t.tracks[i]
		b = wire.Int(b, k.id)
		b = wire.String(b, k.label)
		b = wire.Uint(b, uint64(k.state))
		b = wire.Uint(b, uint64(k.hits))
		if k.state == Tentative {
			b = wire.Int(b, k.age)
		} else {
			b = wire.Int(b, k.unseen)
		}
		b = wire.Float(b, k.score)
		for _, a := range k.filter.axes() {
			for _, v := range [...]float64{a.at, a.speed, a.p00, a.p01, a.p11} {
				b = wire.Float(b, v)
			}
		}
	}
	return b
}

// Restore is the inverse of [Tracker.Save], for a tracker of the same parameters.
func Restore(cfg Config, saved []byte) (*Tracker, error) {
	t, err := New(cfg)
	if err != nil {
		return nil, err
	}
	r, err := wire.Open(saved, stateVersion)
	if err != nil {
		return nil, fmt.Errorf("tracker state: %w", err)
	}
	t.last = r.Int()
	n := r.Count()
	if n > cfg.MaxTracks {
		return nil, fmt.Errorf("tracker state: %d tracks, over the limit of %d", n, cfg.MaxTracks)
	}
	for range n {
		k := track{id: r.Int(), label: r.String()}
		state, hits := r.Uint(), r.Uint()
		k.state, k.hits = State(min(state, 255)), int(min(hits, maxMinHits+1))
		if k.state == Tentative {
			k.age = r.Int()
		} else {
			k.age, k.unseen = cfg.age(), r.Int()
		}
		k.score = r.Float()
		for _, a := range k.filter.axes() {
			*a = axis{r.Float(), r.Float(), r.Float(), r.Float(), r.Float()}
		}
		if err := r.Err(); err != nil {
			return nil, fmt.Errorf("tracker state: %w", err)
		}
		if err := k.check(cfg); err != nil {
			return nil, fmt.Errorf("tracker state: track %d: %w", k.id, err)
		}
		if last := len(t.tracks) - 1; last >= 0 && t.tracks[last].id >= k.id {
			return nil, fmt.Errorf("tracker state: track %d comes after %d", k.id, t.tracks[last].id)
		}
		t.tracks = append(t.tracks, k)
	}
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("tracker state: %w", err)
	}
	return t, nil
}

// check says what no tracker of the parameters could have saved.
func (k *track) check(cfg Config) error {
	switch {
	case k.state > Lost:
		return fmt.Errorf("no state %d", k.state)
	case len(k.label) > maxLabel:
		return fmt.Errorf("a label of %d bytes", len(k.label))
	case k.hits < 1 || k.hits > cfg.hits() || k.age < 0 || k.age > cfg.age() ||
		(k.state == Tentative) != (k.hits < cfg.hits() || k.age < cfg.age()):
		return fmt.Errorf("%s after %d detections in %d ns", k.state, k.hits, k.age)
	case k.unseen < 0 || k.unseen > int64(cfg.Patience) || (k.unseen > 0) && k.state != Lost:
		return fmt.Errorf("%s and unseen for %d ns", k.state, k.unseen)
	case !(k.score >= cfg.Low):
		return fmt.Errorf("score %v", k.score)
	case !k.filter.sound():
		return fmt.Errorf("impossible filter")
	}
	return nil
}
