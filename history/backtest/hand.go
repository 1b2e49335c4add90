package backtest

import (
	"fmt"
	"slices"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
)

// entry is one frame of a camera and what is known of it.
type entry struct {
	partition chunk.Partition
	offset    int64
	stored    *result.Frame // the output's row
	era       *era          // that made it
	twin      *result.Frame // the row that the other recipe gave; set while it is compared
	record    *frame.Record // of the log; nil: not read
}

// row is the one that a result is taken from; nil: there is none.
func (e *entry) row(from origin) *result.Frame {
	switch from {
	case ofTwin:
		return e.twin
	case ofStore:
		return e.stored
	}
	return nil
}

// hand makes the rows of one camera of a partition by a recipe. It is used by one goroutine.
type hand struct {
	*recipe
	plan     *plan
	on       *footing
	n        int64 // offsets per chunk
	camera   string
	analyzer *sequence.Analyzer
	now      *sequence.Camera // nil: never seen, or forgotten
	last     int64            // offset of the camera's last record; chunk.None
	shown    shown
	merges   map[*profiles.ProfileRecord]*merge

	// What was done: frames by analysis, those of a frame on its own first, as computed
	// and as taken.
	names           []string
	computed, taken []int64
	why             []string
	decoded         int64
	unjudged        int64  // dead letters that this recipe might be able to read
	diverged        string // why stored results are not what they should be
	saved           []byte // the camera's state after last; nil: none, or it was used
}

func (r *recipe) hand(camera string, on *footing, n, last int64, saved []byte) (*hand, error) {
	p, err := r.plan(camera, on)
	if err != nil {
		return nil, err
	}
	h := &hand{recipe: r, plan: p, on: on, n: n, camera: camera, last: last, saved: saved, merges: map[*profiles.ProfileRecord]*merge{}}
	for _, a := range p.profile.PerFrame {
		_, why := r.from(camera, p.profile, a.Name, on)
		h.names, h.why = append(h.names, a.Name), append(h.why, why)
	}
	for _, s := range p.steps {
		h.names, h.why = append(h.names, s.Name), append(h.why, s.why)
	}
	h.computed, h.taken = make([]int64, len(h.names)), make([]int64, len(h.names))
	h.analyzer, err = r.steps(p.profile).Analyzer(r.Settings.StateLimit, func(s sequence.Step) sequence.Step {
		i := slices.IndexFunc(p.steps, func(o planned) bool { return o.Name == s.Name() })
		if p.steps[i].from == computed {
			return nil
		}
		return &standIn{Step: s, shown: &h.shown, from: p.steps[i].from, fits: p.steps[i].fits}
	})
	return h, err
}

// next makes the recipe's row of the camera's next record.
func (h *hand) next(e *entry) (result.Frame, error) {
	before := h.last
	k := chunk.Of(e.offset, h.n)
	h.last = e.offset
	it, err := h.perFrame(e)
	if err != nil {
		return result.Frame{}, err
	}
	res := &it.Result
	if err := h.remember(before, k); err != nil {
		return *res, err
	}
	if res.Status != result.OK && res.Status != result.Source {
		h.check(e, res)
		return *res, nil
	}
	h.shown = shown{entry: e}
	h.sameMemory(e, before, k)
	h.now.InChunk(k, h.Settings.Forget)
	if err := h.now.Next(&it); err != nil {
		return *res, fmt.Errorf("%s: %w", h.name, err)
	}
	h.check(e, res)
	if res.Status == result.OK {
		for i := range h.plan.steps {
			h.count(len(h.plan.profile.PerFrame)+i, h.plan.steps[i].from)
		}
	}
	return *res, nil
}

func (h *hand) count(i int, from origin) {
	if from == computed {
		h.computed[i]++
	} else {
		h.taken[i]++
	}
}

// remember makes sure that the camera is what it was after its last record, at offset
// before, or begins afresh.
func (h *hand) remember(before, k int64) error {
	if h.now != nil && h.forgotten(h.Settings.Forget, before, k) {
		h.close()
	}
	if h.now != nil {
		return nil
	}
	saved := h.saved
	h.saved = nil
	if saved == nil || before == chunk.None || h.forgotten(h.Settings.Forget, before, k) {
		h.now = h.analyzer.Start()
		return nil
	}
	var err error
	if h.now, err = h.analyzer.Restore(saved); err != nil {
		return fmt.Errorf("camera %s of %v: %w", h.camera, h.on.partition, err)
	}
	return nil
}

// forgotten reports whether a camera with no frame since offset before is forgotten in
// chunk k: at the end of a chunk, see source.Tracker.
func (h *hand) forgotten(forget, before, k int64) bool {
	return forget > 0 && before != chunk.None && k-chunk.Of(before, h.n) > forget
}

// sameMemory notices where the camera was forgotten on one side only.
func (h *hand) sameMemory(e *entry, before, k int64) {
	for i := range h.plan.steps {
		var theirs int64
		switch h.plan.steps[i].from {
		case computed:
			continue
		case ofTwin:
			theirs = h.on.twin.Settings.Forget
		case ofStore:
			theirs = e.era.record.Settings.Forget
		}
		if h.forgotten(theirs, before, k) != h.forgotten(h.Settings.Forget, before, k) {
			h.shown.diverge("the camera is forgotten where it was not, or the other way round")
		}
	}
}

// check notices where a frame is analysed on one side only.
func (h *hand) check(e *entry, res *result.Frame) {
	for i := range h.plan.steps {
		row := e.row(h.plan.steps[i].from)
		if row != nil && (row.Status == result.OK) != (res.Status == result.OK) {
			h.shown.diverge("frames are analysed that were not, or the other way round")
		}
	}
	if h.diverged == "" && h.shown.diverged != "" {
		h.diverged = fmt.Sprintf("from offset %d of %v on %s", e.offset, h.on.partition, h.shown.diverged)
	}
}

func (h *hand) close() {
	if h.now != nil {
		h.now.Close()
		h.now = nil
	}
}

// canCompute reports whether all steps can be computed from the first frame on.
func (h *hand) canCompute() bool {
	return h.on.pixels || !slices.ContainsFunc(h.plan.steps, func(s planned) bool { return s.from != computed && s.pixels != frame.NoPixels })
}
