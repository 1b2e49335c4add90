package cameras

import (
	"context"
	"net/http"
	"time"

	"github.com/framebeam/framebeam/history/counts"
	"github.com/framebeam/framebeam/history/events"
	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/monitor/web"
	"github.com/framebeam/framebeam/transforms/result"
)

const (
	// bucket is the stretch of time of one point of a day's curves.
	bucket = 5 * time.Minute
	// keepDay is how long a day that has been read is shown to others.
	keepDay = 15 * time.Second
	// mostGaps of a day are told one by one.
	mostGaps = 200
)

// past is a camera's day.
type past struct {
	Camera   string    `json:"camera"`
	Day      string    `json:"day"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Bucket   float64   `json:"bucket"` // seconds
	Points   []*point  `json:"points"` // by bucket; null: there is no frame
	Hours    []hour    `json:"hours"`
	Gaps     []gap     `json:"gaps"`
	MoreGaps int       `json:"more_gaps"`
	Frames   int64     `json:"frames"`
	Dead     int64     `json:"dead"`
}

// point is what a bucket's frames are like: means.
type point struct {
	Frames     int64   `json:"frames"`
	FPS        float64 `json:"fps"` // from its first frame to its last
	Brightness float64 `json:"brightness"`
	Contrast   float64 `json:"contrast"`
	Sharpness  float64 `json:"sharpness"`

	measured    int64
	first, last time.Time
}

// hour is what counts --per hour --by rule,type,transition says of one.
type hour struct {
	From    time.Time `json:"from"`
	Frames  int64     `json:"frames"`
	Covered float64   `json:"covered"`
	Epochs  int64     `json:"epochs"`
	Missing int64     `json:"missing"`
	Silence float64   `json:"silence"`
	Dead    int64     `json:"dead"`
	Events  int64     `json:"events"`
	Counts  []count   `json:"counts"`
}

// gap is a stretch without frames, or one in which some are missing.
type gap struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Missing int64     `json:"missing,omitempty"`
	Seconds float64   `json:"seconds,omitempty"`
}

// historyOf answers with the ?day= of a camera, 2024-05-01; default is the newest.
func (v *view) historyOf(w http.ResponseWriter, r *http.Request) error {
	id, err := v.named(r)
	if err != nil {
		return err
	}
	var day period.Period
	if text := r.URL.Query().Get("day"); text != "" {
		if day, err = web.Day(text, v.Inputs.Zone); err != nil {
			return err
		}
	} else {
		v.mu.Lock()
		newest := v.day
		v.mu.Unlock()
		if newest.IsZero() {
			newest = time.Now()
		}
		day = period.Day(newest, v.Inputs.Zone)
	}
	p, err := v.history.Get(id+" "+day.From.Format(time.RFC3339), func() (*past, error) { return v.readDay(r.Context(), id, day) })
	if err != nil {
		return err
	}
	return web.JSON(w, r, p)
}

// readDay reads a day of a camera from the output.
func (v *view) readDay(ctx context.Context, id string, day period.Period) (*past, error) {
	p := &past{Camera: id, Day: day.From.Format(time.DateOnly), From: day.From, To: day.To, Bucket: bucket.Seconds(), Hours: []hour{}, Gaps: []gap{}}
	p.Points = make([]*point, (p.To.Sub(p.From)+bucket-1)/bucket)
	per, err := counts.ParsePer("hour")
	if err != nil {
		return nil, err
	}
	counted, err := counts.New(per, by[1:], events.Filter{Period: day, Cameras: []string{id}})
	if err != nil {
		return nil, err
	}
	err = v.Inputs.Scan(ctx, func(s *scan.Scan) error {
		q := scan.Query{Period: day, Cameras: []string{id}, Columns: counts.Columns | result.OfQuality | result.OfEpoch}
		for r, err := range s.Rows(ctx, q) {
			if err != nil {
				return err
			}
			counted.Add(r)
			p.add(r)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, x := range p.Points {
		if x != nil {
			x.finish()
		}
	}
	if counted.Frames() == 0 && p.Dead == 0 {
		return p, nil
	}
	return p, counted.Lines(func(l counts.Line) error {
		if n := len(p.Hours); n == 0 || !p.Hours[n-1].From.Equal(l.From) {
			p.Hours = append(p.Hours, hour{
				From: l.From, Frames: l.Frames, Covered: l.Covered, Epochs: l.Epochs, Missing: l.Missing, Silence: l.Silence.Seconds(),
				Dead: l.Dead, Counts: []count{},
			})
		}
		if l.Events > 0 {
			h := &p.Hours[len(p.Hours)-1]
			h.Events += l.Events
			h.Counts = append(h.Counts, count{l.Group[0], l.Group[1], l.Group[2], l.Events})
		}
		return nil
	})
}

// add takes a row of the day.
func (p *past) add(r *result.Frame) {
	at := r.At()
	if r.Status == result.Dead {
		p.Dead++
	}
	i := int(at.Sub(p.From) / bucket)
	if r.Status != result.OK || i < 0 || i >= len(p.Points) {
		return
	}
	p.Frames++
	x := p.Points[i]
	if x == nil {
		x = &point{first: at, last: at}
		p.Points[i] = x
	}
	x.Frames++
	if at.After(x.last) {
		x.last = at
	}
	if at.Before(x.first) {
		x.first = at
	}
	if q := r.Quality; q != nil {
		x.measured++
		x.Brightness += q.Brightness
		x.Contrast += q.Contrast
		x.Sharpness += q.Sharpness
	}
	for i := range r.Events {
		e := &r.Events[i]
		g := gap{To: at, Missing: e.Missing(), Seconds: e.Silence().Seconds()}
		if g.Missing == 0 && g.Seconds == 0 {
			continue
		}
		if len(p.Gaps) == mostGaps {
			p.MoreGaps++
			continue
		}
		g.From = at.Add(-e.Silence())
		p.Gaps = append(p.Gaps, g)
	}
}

// finish makes means of sums.
func (x *point) finish() {
	if n := float64(x.measured); n > 0 {
		x.Brightness /= n
		x.Contrast /= n
		x.Sharpness /= n
	}
	if long := x.last.Sub(x.first); x.Frames > 1 && long > 0 {
		x.FPS = float64(x.Frames-1) / long.Seconds()
	}
}
