package board

import (
	"cmp"
	"math/bits"
	"slices"
	"time"

	"github.com/framebeam/framebeam/pipelines/storyboard/nodes"
)

// scene is a stretch of a camera's time in which its shots are of one component.
type scene struct {
	number    int // from 1 on, by camera and time
	camera    string
	topic     string
	component int64
	from, to  int64 // microseconds
	shots     []ranked
	shown     []ranked // the key frames that the page shows, by time
	counts    []nodes.Count
	events    []nodes.Event
	rank      uint64 // of all shots
	again     []again
	pairs     []suggestion
}

// again is where the same scene is seen.
type again struct {
	scene *scene
	score float64
}

// suggestion is two tracks that are perhaps the same thing.
type suggestion struct {
	before, after *ranked
	score         float64
}

const (
	// pause is the longest time without a shot inside of a scene, if that is more than some
	// stretches of the output's time.
	pause = time.Minute
	// longest is how long a scene gets: what a camera sees all day is shown by the hour.
	longest = time.Hour

	mostScenes = 150 // on a page
	mostShown  = 6   // key frames of a scene
	mostAgain  = 8   // links from a scene to others
	mostOfPair = 4   // pairs of tracks of a scene
	mostListed = 8   // events of a scene
	// nearCopy is in how many bits two key frames differ of which one is enough.
	nearCopy = 3
)

// scenesOf cuts the shots of all nodes, by camera and time, into scenes.
func scenesOf(all []ranked, every time.Duration) []*scene {
	var scenes []*scene
	var s *scene
	patience := max(pause, 3*every).Microseconds()
	for _, n := range all {
		if n.Kind != nodes.Shot {
			continue
		}
		if s == nil || s.camera != n.Camera || s.topic != n.Topic || s.component != n.component ||
			n.From-s.to > patience || n.From-s.from > longest.Microseconds() {
			s = &scene{number: len(scenes) + 1, camera: n.Camera, topic: n.Topic, component: n.component, from: n.From, to: n.To}
			scenes = append(scenes, s)
		}
		s.add(n)
	}
	return scenes
}

func (s *scene) add(n ranked) {
	s.to = max(s.to, n.To)
	s.rank += n.rank
	s.shots = append(s.shots, n)
	s.events = append(s.events, n.Events[:min(len(n.Events), max(0, mostListed-len(s.events)))]...)
	s.counts = nodes.Add(s.counts, n.Happened)
}

// fit leaves so many scenes, those with the highest ranks, and chooses the key frames that
// show each.
func fit(scenes []*scene, pictures int) []*scene {
	if most := min(mostScenes, pictures); len(scenes) > most {
		scenes = slices.Clone(scenes)
		slices.SortFunc(scenes, func(a, b *scene) int { return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(a.number, b.number)) })
		scenes = scenes[:most]
		slices.SortFunc(scenes, func(a, b *scene) int { return cmp.Compare(a.number, b.number) })
	}
	for _, s := range scenes {
		s.choose(min(mostShown, max(1, pictures/len(scenes))))
	}
	return scenes
}

// choose takes the key frames of the highest ranks, but of near copies one, and puts them in
// the order of time.
func (s *scene) choose(most int) {
	byRank := slices.Clone(s.shots)
	slices.SortFunc(byRank, func(a, b ranked) int { return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(a.ID, b.ID)) })
	for _, n := range byRank {
		copyOf := func(o ranked) bool { return bits.OnesCount64(n.Hash^o.Hash) <= nearCopy }
		if len(s.shown) < most && !slices.ContainsFunc(s.shown, copyOf) {
			s.shown = append(s.shown, n)
		}
	}
	slices.SortFunc(s.shown, func(a, b ranked) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.ID, b.ID)) })
}

// best is the key frame of the highest rank.
func (s *scene) best() ranked {
	return slices.MaxFunc(s.shots, func(a, b ranked) int { return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(b.ID, a.ID)) })
}

// relate links scenes of one component to each other, the most alike first.
func relate(scenes []*scene) {
	of := map[int64][]*scene{}
	best := map[*scene]uint64{}
	for _, s := range scenes {
		of[s.component] = append(of[s.component], s)
		best[s] = s.best().Hash
	}
	for _, s := range scenes {
		for _, o := range of[s.component] {
			if o != s {
				s.again = append(s.again, again{o, 1 - float64(bits.OnesCount64(best[s]^best[o]))/64})
			}
		}
		slices.SortFunc(s.again, func(a, b again) int {
			return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.scene.number, b.scene.number))
		})
		s.again = s.again[:min(len(s.again), mostAgain)]
	}
}

// suggest gives the best pairs of tracks to the scenes in which the later one begins.
func suggest(scenes []*scene, all []ranked, pairs []pair) {
	tracks := map[int64]*ranked{}
	for i := range all {
		if all[i].Kind == nodes.Track {
			tracks[all[i].ID] = &all[i]
		}
	}
	for _, p := range pairs {
		a, b := tracks[p.from], tracks[p.to]
		if a == nil || b == nil {
			continue
		}
		if a.From > b.From {
			a, b = b, a
		}
		for _, s := range scenes {
			if s.camera == b.Camera && s.topic == b.Topic && s.from <= b.From && b.From <= s.to && len(s.pairs) < mostOfPair {
				s.pairs = append(s.pairs, suggestion{a, b, float64(p.score) / 1000})
				break
			}
		}
	}
}
