package timeline

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/framebeam/framebeam/history/clip"
	"github.com/framebeam/framebeam/history/events"
	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/monitor/web"
	"github.com/framebeam/framebeam/transforms/result"
)

// service answers the view's requests.
type service struct {
	web.Deps
	minutes  *minutes
	pictures *pictures
	clips    *clips
	fresh    *fresh
	days     web.Recent[*Day]
}

// Register adds the handlers of the view, and tells browsers of new events as the topic "events".
func Register(mux *http.ServeMux, d web.Deps) {
	s := &service{Deps: d, minutes: newMinutes(), pictures: newPictures(), clips: newClips(d.Inputs), fresh: newFresh(d)}
	s.days.For = keepDay
	d.Inputs.OnRows(s.fresh.rows)
	mux.Handle("GET /api/v1/events", d.Handle(s.list))
	mux.Handle("GET /api/v1/events/day", d.Handle(s.day))
	mux.Handle("GET /api/v1/events/{id}", d.Handle(s.one))
	mux.Handle("GET /api/v1/events/{id}/picture", d.Handle(s.pictureOf))
	mux.Handle("GET /api/v1/events/{id}/clip", d.Handle(s.clipOf))
	d.Background(s.clips.run)
	d.Background(s.fresh.run)
}

const (
	usualLimit = 50
	mostLimit  = 200
	mostOfEach = 32 // values of a filter
)

// parse reads what events are wanted, of an address' parameters.
func (s *service) parse(of url.Values) (*wanted, error) {
	q := &wanted{limit: usualLimit}
	q.Period.Zone = s.Inputs.Zone
	for name, to := range map[string]*[]string{
		"camera": &q.Cameras, "analysis": &q.Analyses, "type": &q.Types, "rule": &q.Rules, "transition": &q.Transitions, "label": &q.Labels,
	} {
		if *to = of[name]; len(*to) > mostOfEach {
			return nil, web.BadRequest("%s: more than %d values", name, mostOfEach)
		}
		for _, v := range *to {
			if len(v) > 200 {
				return nil, web.BadRequest("%s: longer than 200 characters", name)
			}
		}
	}
	if err := scan.CheckCameraIDs(q.Cameras); err != nil {
		return nil, web.BadRequest("camera: not a camera's id")
	}
	for _, v := range of["track"] {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || len(q.Tracks) == mostOfEach {
			return nil, web.BadRequest("track: not a track's number")
		}
		q.Tracks = append(q.Tracks, n)
	}
	for name, to := range map[string]*time.Time{"from": &q.Period.From, "to": &q.Period.To} {
		if text := of.Get(name); text != "" {
			t, err := moment(text, s.Inputs.Zone)
			if err != nil {
				return nil, web.BadRequest("%s: not a moment such as 2024-05-01T14:00", name)
			}
			*to = t
		}
	}
	if text := of.Get("day"); text != "" {
		day, err := web.Day(text, s.Inputs.Zone)
		if err != nil {
			return nil, err
		}
		if q.Period.From.Before(day.From) {
			q.Period.From = day.From
		}
		if q.Period.To.IsZero() || q.Period.To.After(day.To) {
			q.Period.To = day.To
		}
	}
	if text := of.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > mostLimit {
			return nil, web.BadRequest("limit: not 1 to %d", mostLimit)
		}
		q.limit = n
	}
	switch of.Get("order") {
	case "", "newest":
	case "oldest":
		q.oldest = true
	default:
		return nil, web.BadRequest("order: neither newest nor oldest")
	}
	q.stage = of.Get("stage") == "true"
	if text := of.Get("cursor"); text != "" {
		p, err := parsePlace(text)
		if err != nil {
			return nil, web.BadRequest("cursor: %v", err)
		}
		q.beyond = &p
	}
	return q, nil
}

// moment reads a time with its zone, or by the clocks of the page's.
func moment(text string, zone *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return period.Local(t, zone), nil
		}
	}
	return time.Time{}, errors.New("no moment")
}

// row is an event as the page gets it: as framebeam events --format jsonl has it, and what the page
// needs besides.
type row struct {
	Event events.Found `json:"event"`
	At    int64        `json:"at"`    // µs since 1970
	Place string       `json:"place"` // in all lists
	Clip  bool         `json:"clip"`  // there is something to be shown of it
}

func rowOf(it item) row {
	return row{it.Found, it.place.At, it.place.String(), it.Frame.Camera != ""}
}

func rows(list []item) []row {
	all := make([]row, len(list))
	for i, it := range list {
		all[i] = rowOf(it)
	}
	return all
}

func (s *service) list(w http.ResponseWriter, r *http.Request) error {
	q, err := s.parse(r.URL.Query())
	if err != nil {
		return err
	}
	var list []item
	var more bool
	if err := s.Inputs.Scan(r.Context(), func(sc *scan.Scan) (err error) {
		list, more, err = q.list(r.Context(), sc)
		return err
	}); err != nil {
		return err
	}
	answer := map[string]any{"events": rows(list), "more": more}
	if more {
		answer["cursor"] = list[len(list)-1].place.String()
	}
	return web.JSON(w, r, answer)
}

func (s *service) day(w http.ResponseWriter, r *http.Request) error {
	d, err := s.days.Get(r.URL.RawQuery, func() (*Day, error) { return s.readDayOf(r) })
	if err != nil {
		return err
	}
	return web.JSON(w, r, d)
}

// readDayOf reads the day that a request asks for.
func (s *service) readDayOf(r *http.Request) (*Day, error) {
	of := r.URL.Query()
	text := of.Get("day")
	of.Del("day")
	q, err := s.parse(of)
	if err != nil {
		return nil, err
	}
	var d *Day
	err = s.Inputs.Scan(r.Context(), func(sc *scan.Scan) error {
		var day period.Period
		if text != "" {
			day, err = web.Day(text, s.Inputs.Zone)
		} else {
			day, err = s.newestDay(r.Context(), sc)
		}
		if err != nil {
			return err
		}
		d, err = s.readDay(r.Context(), sc, day, q)
		return err
	})
	return d, err
}

// newestDay is that of the output's newest row, today if it has none.
func (s *service) newestDay(ctx context.Context, sc *scan.Scan) (period.Period, error) {
	_, last, err := sc.Captured(ctx)
	if last.IsZero() {
		last = time.Now()
	}
	return period.Day(last, s.Inputs.Zone), err
}

// find is the event that a request names by its id or, to find it at once, by its id and ?at=, its
// time in µs.
func (s *service) find(ctx context.Context, r *http.Request) (*item, error) {
	id := r.PathValue("id")
	if err := clip.CheckID(id); err != nil {
		return nil, web.BadRequest("%v", err)
	}
	q := &wanted{stage: true, limit: mostLimit, oldest: true}
	if text := r.URL.Query().Get("at"); text != "" {
		at, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, web.BadRequest("at: not a number of µs")
		}
		q.Period.From, q.Period.To = time.UnixMicro(at), time.UnixMicro(at+1)
	}
	var found *item
	err := s.Inputs.Scan(ctx, func(sc *scan.Scan) error {
		if q.Period.Open() {
			e, err := clip.Find(ctx, sc, id)
			if errors.Is(err, clip.ErrNoEvent) {
				return web.NotFound("%v", err)
			}
			if err != nil {
				return err
			}
			index := slices.IndexFunc(e.Row.Events, func(x result.Event) bool { return x.ID == e.ID })
			if index < 0 {
				return web.NotFound("event %s: %v", id, clip.ErrNoEvent)
			}
			found = &item{events.Found{Frame: &e.Row, Event: &e.Row.Events[index]}, placeOf(&e.Row, index)}
			return nil
		}
		for {
			list, more, err := q.list(ctx, sc)
			if err != nil {
				return err
			}
			for _, it := range list {
				if it.Event.ID == id {
					found = &it
					return nil
				}
			}
			if !more {
				return web.NotFound("event %s: the output has no such event (yet)", id)
			}
			q.beyond = &list[len(list)-1].place
		}
	})
	return found, err
}

// one answers with an event and its neighbours in time: of its camera, of those that the filter wants.
func (s *service) one(w http.ResponseWriter, r *http.Request) error {
	found, err := s.find(r.Context(), r)
	if err != nil {
		return err
	}
	params := r.URL.Query()
	params.Del("cursor")
	q, err := s.parse(params)
	if err != nil {
		return err
	}
	if len(q.Cameras) == 0 && found.Frame.Camera != "" {
		q.Cameras = []string{found.Frame.Camera}
	}
	q.limit, q.beyond = 1, &found.place
	answer := map[string]any{"row": rowOf(*found), "earlier": nil, "later": nil}
	for name, oldest := range map[string]bool{"earlier": false, "later": true} {
		q.oldest = oldest
		if err := s.Inputs.Scan(r.Context(), func(sc *scan.Scan) error {
			list, _, err := q.list(r.Context(), sc)
			if err == nil && len(list) > 0 {
				answer[name] = rowOf(list[0])
			}
			return err
		}); err != nil {
			return err
		}
	}
	return web.JSON(w, r, answer)
}

func (i *item) event() *clip.Event { return &clip.Event{Event: *i.Event, Row: *i.Frame} }

func (s *service) pictureOf(w http.ResponseWriter, r *http.Request) error {
	found, err := s.find(r.Context(), r)
	if err != nil {
		return err
	}
	if found.Frame.Camera == "" {
		return web.NotFound("the event is of no camera")
	}
	data, err := s.picture(r.Context(), found.event(), r.URL.Query().Get("size") == "small")
	if err != nil {
		return err
	}
	// What has happened does not change, but the browser alone may keep it.
	w.Header().Set("Cache-Control", "private, max-age=3600, immutable")
	w.Header().Set("Content-Type", "image/jpeg")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = w.Write(data)
	return nil
}

// madeClip is what is said of a clip besides.
type madeClip struct {
	Frames  int     `json:"frames"`
	Seconds float64 `json:"seconds"`
	LeftOut int     `json:"left_out"` // frames that could not be had
	Gaps    int     `json:"gaps"`
	Ended   bool    `json:"ended"` // there was more than may be in a clip
}

func (s *service) clipOf(w http.ResponseWriter, r *http.Request) error {
	found, err := s.find(r.Context(), r)
	if err != nil {
		return err
	}
	around := [2]time.Duration{5 * time.Second, 5 * time.Second}
	for i, name := range []string{"before", "after"} {
		if text := r.URL.Query().Get(name); text != "" {
			d, err := time.ParseDuration(text)
			if err != nil || d < 0 || d > mostAround {
				return web.BadRequest("%s: not 0s to %v", name, mostAround)
			}
			around[i] = d.Round(time.Second)
		}
	}
	web.Extend(w, clipTime+time.Minute)
	file, made, err := s.clips.open(r.Context(), found.event(), around[0], around[1], r.URL.Query().Get("boxes") != "false")
	if err != nil {
		return err
	}
	defer file.Close()
	h := w.Header()
	h.Set("Content-Type", "video/mp4")
	h.Set("Cache-Control", "private, no-cache")
	h.Set("ETag", `"`+made.key+`"`)
	about, err := json.Marshal(madeClip{made.made.Frames, made.made.Length.Seconds(), made.made.LeftOut, len(made.made.Gaps), made.made.Ended})
	if err != nil {
		return err
	}
	h.Set("X-Clip", string(about))
	if name := r.URL.Query().Get("save"); name != "" {
		h.Set("Content-Disposition", `attachment; filename="`+found.Event.ID[:8]+`.mp4"`)
	}
	http.ServeContent(w, r, "", time.Time{}, file)
	return nil
}
