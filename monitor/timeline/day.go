package timeline

import (
	"container/list"
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/framebeam/framebeam/history/events"
	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/transforms/result"
)

const (
	// binWidth is the stretch of time of one mark of a day.
	binWidth = 10 * time.Minute
	// mostLanes and mostSpans bound what a day tells of.
	mostLanes = 256
	mostSpans = 400
	// mostRemembered are files whose minutes with frames are remembered: a day of 64 cameras
	// is some 300 of them.
	mostRemembered = 4096
)

// Day is a day of all cameras that were asked for.
type Day struct {
	Day    string    `json:"day"` // 2024-05-01
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Bin    float64   `json:"bin"` // seconds
	Lanes  []*Lane   `json:"lanes"`
	More   int       `json:"more"` // cameras that are left out
	Facets Facets    `json:"facets"`
	Events int64     `json:"events"` // that are wanted
	// First and Last are when the output's rows were captured, about.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
}

// Lane is a camera's day.
type Lane struct {
	Camera string `json:"camera"`
	Frames int64  `json:"frames"`
	Events int64  `json:"events"`
	// Seen are the stretches of minutes in which there were frames, as pairs of minutes from
	// the day's beginning, the second excluded.
	Seen [][2]int `json:"seen"`
	// Bins are how many events began in each stretch of the day, by type.
	Bins map[string]map[int]int64 `json:"bins"`
	// Spans have a beginning and an end.
	Spans     []Span `json:"spans"`
	MoreSpans int    `json:"more_spans"`
}

// Span is something that went on for a while.
type Span struct {
	Type string    `json:"type"`
	Rule string    `json:"rule"`
	From time.Time `json:"from"`
	To   time.Time `json:"to"` // zero: it has not ended within the day
	ID   string    `json:"id"` // of the event that began it; "" if it began before
	End  string    `json:"end,omitempty"`
}

// Facets are the values that a day's events have, with how many events have each.
type Facets struct {
	Cameras     map[string]int64 `json:"cameras"`
	Analyses    map[string]int64 `json:"analyses"`
	Types       map[string]int64 `json:"types"`
	Rules       map[string]int64 `json:"rules"`
	Transitions map[string]int64 `json:"transitions"`
	Labels      map[string]int64 `json:"labels"`
}

// keepDay is how long a day that has been read is shown to others.
const keepDay = time.Second

// mostValues bounds how many values of each are told.
const mostValues = 500

func (f *Facets) add(camera string, e *result.Event) {
	for _, x := range []struct {
		to    map[string]int64
		value string
	}{{f.Cameras, camera}, {f.Analyses, e.Analysis}, {f.Types, e.Type}, {f.Rules, e.Rule}, {f.Transitions, e.Transition}, {f.Labels, e.Label}} {
		if _, known := x.to[x.value]; x.value != "" && (known || len(x.to) < mostValues) {
			x.to[x.value]++
		}
	}
}

// readDay reads a day. What the filter says beyond cameras counts for events alone.
func (s *service) readDay(ctx context.Context, sc *scan.Scan, of period.Period, q *wanted) (*Day, error) {
	d := &Day{
		Day: of.From.Format(time.DateOnly), From: of.From, To: of.To, Bin: binWidth.Seconds(), Lanes: []*Lane{},
		Facets: Facets{map[string]int64{}, map[string]int64{}, map[string]int64{}, map[string]int64{}, map[string]int64{}, map[string]int64{}},
	}
	lanes := map[string]*Lane{}
	lane := func(camera string) *Lane {
		l := lanes[camera]
		if l == nil && len(lanes) < mostLanes {
			l = &Lane{Camera: camera, Seen: [][2]int{}, Bins: map[string]map[int]int64{}, Spans: []Span{}}
			lanes[camera] = l
		}
		return l
	}
	left := map[string]bool{}
	seen, err := s.minutes.of(ctx, sc, of, q.Cameras)
	if err != nil {
		return nil, err
	}
	for _, camera := range slices.Sorted(maps.Keys(seen)) {
		l := lane(camera)
		if l == nil {
			left[camera] = true
			continue
		}
		all := seen[camera]
		for _, m := range slices.Sorted(maps.Keys(all)) {
			l.Frames += all[m]
			i := int((m - d.From.Unix()) / 60)
			if n := len(l.Seen); n > 0 && l.Seen[n-1][1] == i {
				l.Seen[n-1][1]++
			} else {
				l.Seen = append(l.Seen, [2]int{i, i + 1})
			}
		}
	}
	spans := spanner{day: d, open: map[spanKey]*Span{}}
	all := events.Filter{Period: of, Cameras: q.Cameras}
	for found, err := range all.All(ctx, sc) {
		if err != nil {
			return nil, err
		}
		e := found.Event
		if !q.told(e) {
			continue
		}
		d.Facets.add(found.Frame.Camera, e)
		if !q.Wants(e) {
			continue
		}
		d.Events++
		l := lane(found.Frame.Camera)
		if l == nil {
			left[found.Frame.Camera] = true
			continue
		}
		l.Events++
		bin := int(found.Frame.At().Sub(d.From) / binWidth)
		if l.Bins[e.Type] == nil {
			l.Bins[e.Type] = map[int]int64{}
		}
		l.Bins[e.Type][bin]++
		spans.add(l, found)
	}
	spans.close()
	for _, camera := range slices.Sorted(maps.Keys(lanes)) {
		d.Lanes = append(d.Lanes, lanes[camera])
	}
	d.More = len(left)
	first, last, err := sc.Captured(ctx)
	if err != nil {
		return nil, err
	}
	if !first.IsZero() {
		d.First, d.Last = first.In(of.Location()), last.In(of.Location())
	}
	return d, nil
}

// spanKey is what a beginning has in common with its end.
type spanKey struct {
	camera, analysis, kind, rule string
}

// spanner finds what goes on for a while, from begin to end. Of who enters a zone and leaves it the
// zone's own begin and end say it, once for all who are in it.
type spanner struct {
	day  *Day
	open map[spanKey]*Span
	of   []func() // put what is still open into its lane
}

func (s *spanner) add(l *Lane, found events.Found) {
	e, at := found.Event, found.Frame.At()
	key := spanKey{found.Frame.Camera, e.Analysis, e.Type, e.Rule}
	switch e.Transition {
	case result.Begin:
		if len(s.open) > mostSpans*mostLanes {
			return
		}
		s.open[key] = &Span{Type: e.Type, Rule: e.Rule, From: at, ID: e.ID}
		s.of = append(s.of, func() {
			if x := s.open[key]; x != nil {
				s.put(l, *x)
				delete(s.open, key)
			}
		})
	case result.End:
		x := s.open[key]
		if x == nil {
			x = &Span{Type: e.Type, Rule: e.Rule, From: s.day.From}
		}
		delete(s.open, key)
		x.To, x.End = at, e.ID
		s.put(l, *x)
	}
}

func (s *spanner) put(l *Lane, x Span) {
	if len(l.Spans) == mostSpans {
		l.MoreSpans++
		return
	}
	l.Spans = append(l.Spans, x)
}

func (s *spanner) close() {
	for _, put := range s.of {
		put()
	}
}

// minutes remembers of files in which minutes there were frames of which camera. Complete files
// never change; of partial ones the size and lineage tell.
type minutes struct {
	mu    sync.Mutex
	known map[minutesKey]*list.Element
	order *list.List // the one that was used last first
}

type minutesKey struct {
	name, lineage string
	size          int64
}

// fileMinutes are how many frames were analysed in each minute, by camera and the minute's
// beginning in seconds since 1970.
type fileMinutes struct {
	key minutesKey
	of  map[string]map[int64]int64
}

func newMinutes() *minutes { return &minutes{known: map[minutesKey]*list.Element{}, order: list.New()} }

// of are the frames in each minute of a period.
func (m *minutes) of(ctx context.Context, s *scan.Scan, p period.Period, cameras []string) (map[string]map[int64]int64, error) {
	for try := 1; ; try++ {
		all, err := m.once(ctx, s, p, cameras)
		if !errors.Is(err, fs.ErrNotExist) || try == tries {
			return all, err
		}
	}
}

func (m *minutes) once(ctx context.Context, s *scan.Scan, p period.Period, cameras []string) (map[string]map[int64]int64, error) {
	all := map[string]map[int64]int64{}
	for e, err := range s.Files(ctx, scan.Query{Period: p, Cameras: cameras}) {
		if err != nil {
			return nil, err
		}
		key := minutesKey{e.Name, e.Lineage, e.Size}
		f := m.get(key)
		if f == nil {
			f = &fileMinutes{key, map[string]map[int64]int64{}}
			if err := s.Output().Read(ctx, e.Name, result.Selection{Columns: result.OfStatus}, func(rows []result.Frame) error {
				for i := range rows {
					if r := &rows[i]; r.Status == result.OK && r.Camera != "" {
						if f.of[r.Camera] == nil {
							f.of[r.Camera] = map[int64]int64{}
						}
						f.of[r.Camera][floor(r.At().Unix(), 60)]++
					}
				}
				return ctx.Err()
			}); err != nil {
				return nil, err
			}
			m.put(f)
		}
		for camera, of := range f.of {
			if len(cameras) > 0 && !slices.Contains(cameras, camera) {
				continue
			}
			for minute, n := range of {
				if at := time.Unix(minute, 0); at.Before(p.From) || !at.Before(p.To) {
					continue
				}
				if all[camera] == nil {
					all[camera] = map[int64]int64{}
				}
				all[camera][minute] += n
			}
		}
	}
	return all, nil
}

func floor(n, by int64) int64 {
	r := n % by
	if r < 0 {
		r += by
	}
	return n - r
}

func (m *minutes) get(key minutesKey) *fileMinutes {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.known[key]
	if e == nil {
		return nil
	}
	m.order.MoveToFront(e)
	return e.Value.(*fileMinutes)
}

func (m *minutes) put(f *fileMinutes) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known[f.key] != nil {
		return
	}
	m.known[f.key] = m.order.PushFront(f)
	if m.order.Len() > mostRemembered {
		last := m.order.Back()
		m.order.Remove(last)
		delete(m.known, last.Value.(*fileMinutes).key)
	}
}
