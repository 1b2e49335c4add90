package report

import (
	"cmp"
	"slices"

	"github.com/framebeam/framebeam/history/backtest"
)

// groupKey is what the differences of a group have in common.
type groupKey struct{ camera, analysis, eventType string }

func keyOf(k backtest.Key) groupKey { return groupKey{k.Camera, k.Analysis, k.Type} }

// group are the differences of one camera, rule and type.
type group struct {
	groupKey
	backtest.Count
	quota int      // how many are shown
	shown []*shown // in the order of capture
}

// shown is a difference that is shown.
type shown struct {
	*backtest.Difference
	number        int // from 1, in the order of capture
	before, after sight
}

// sight is the picture of one side.
type sight struct {
	jpeg          []byte
	width, height int
	why           string // there is none
}

// rank sorts totals, groups and cameras, the worst first, and says how much of each is shown.
func (r *Report) rank() {
	r.totals = slices.Clone(r.Totals)
	slices.SortStableFunc(r.totals, func(a, b backtest.Total) int { return worse(a.Count, b.Count) })
	r.detected = slices.Clone(r.Detections)
	slices.SortStableFunc(r.detected, func(a, b backtest.Detected) int { return cmp.Compare(b.Differ, a.Differ) })

	byKey, byCamera := map[groupKey]*group{}, map[string]*timeline{}
	var groups []*group
	for _, t := range r.Totals {
		if t.Differs() == 0 {
			continue
		}
		k := keyOf(t.Key)
		g := byKey[k]
		if g == nil {
			g = &group{groupKey: k}
			byKey[k] = g
			groups = append(groups, g)
		}
		g.Add(t.Count)
		l := byCamera[t.Camera]
		if l == nil {
			l = r.newTimeline(t.Camera)
			byCamera[t.Camera] = l
			r.lines = append(r.lines, l)
		}
		l.Add(t.Count)
	}
	slices.SortStableFunc(groups, func(a, b *group) int { return worse(a.Count, b.Count) })
	slices.SortStableFunc(r.lines, func(a, b *timeline) int { return worse(a.Count, b.Count) })
	if n := len(r.lines); n > maxCameras {
		r.lines, r.moreCameras = r.lines[:maxCameras], n-maxCameras
	}
	r.groups = groups[:min(len(groups), maxGroups)]
	for _, g := range groups[len(r.groups):] {
		r.ungrouped++
		r.ungroupedDifferences += g.Differs()
	}
	sizes := make([]int, len(r.groups))
	for i, g := range r.groups {
		sizes[i] = int(min(g.Differs(), int64(r.options.PerGroup)))
	}
	// A quarter of the page is text at most.
	for i, quota := range fair(sizes, r.options.MaxBytes/4/textBytes) {
		r.groups[i].quota = quota
	}
}

// worse is negative if a comes before b: it has more differences or, with as many, more
// events.
func worse(a, b backtest.Count) int {
	return cmp.Or(cmp.Compare(b.Differs(), a.Differs()), cmp.Compare(b.Before+b.After, a.Before+a.After))
}

// fair deals out at most room: one to each that has not got its size yet, in their order,
// again and again.
func fair(sizes []int, room int) []int {
	quotas := make([]int, len(sizes))
	for dealt := true; dealt && room > 0; {
		dealt = false
		for i, size := range sizes {
			if quotas[i] < size && room > 0 {
				quotas[i]++
				room--
				dealt = true
			}
		}
	}
	return quotas
}
