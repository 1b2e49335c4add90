package draw

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/framebeam/framebeam/history/backtest"
	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/history/report"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/monitor/inputs"
	"github.com/framebeam/framebeam/monitor/web"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

// Bounds of backtests.
const (
	mostJobs     = 4 // that are kept: one of them runs
	jobTime      = 15 * time.Minute
	jobBytes     = 6 << 20 // about, of a report and its pictures
	mostPictures = 24      // differences with pictures, of each rule and type
	mostHours    = 24 * 31
)

// States of a job.
const (
	running   = "running"
	done      = "done"
	failed    = "failed"
	cancelled = "cancelled"
)

// job is a backtest of what was drawn.
type job struct {
	id               string
	camera, analysis string
	length           time.Duration
	before, after    backtest.Given
	parse            frame.ParseOptions
	cancel           context.CancelFunc

	// of the mutex of jobs
	state    string
	part     float64
	err      string
	found    *Found
	pictures []report.Pictured
	html     []byte
}

// Series is how often something happens, before the change and after.
type Series struct {
	Analysis   string `json:"analysis"`
	Type       string `json:"type"`
	Transition string `json:"transition"`
	Before     int64  `json:"before"`
	After      int64  `json:"after"`
}

// Hour is a Series of each hour.
type Hour struct {
	From   time.Time `json:"from"`
	Before []int64   `json:"before"` // by the index of the series
	After  []int64   `json:"after"`
}

// Found is what a backtest found.
type Found struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Frames  int64     `json:"frames"`
	Decoded int64     `json:"decoded"`
	Seconds float64   `json:"seconds"`
	Exact   bool      `json:"exact"`
	Bounds  []string  `json:"bounds"`
	Notes   []string  `json:"notes"`
	Differ  int64     `json:"differences"`
	Series  []Series  `json:"series"`
	Hours   []Hour    `json:"hours"`
	Shown   []Shown   `json:"shown"`
	Report  bool      `json:"report"`
}

// Shown is a difference that is shown with its pictures.
type Shown struct {
	Number     int       `json:"number"`
	Kind       string    `json:"kind"`
	At         time.Time `json:"at"`
	Analysis   string    `json:"analysis"`
	Type       string    `json:"type"`
	Transition string    `json:"transition"`
	Label      string    `json:"label"`
	Width      int       `json:"width"` // of its pictures; 0: there are none
	Height     int       `json:"height"`
	Why        string    `json:"why,omitempty"` // there are none
}

// newJob makes a job that compares two texts of the analyses' file for a camera.
func newJob(camera, analysis string, length time.Duration, file string, before, after []byte) (*job, error) {
	j := &job{id: rand.Text(), camera: camera, analysis: analysis, length: length, state: running}
	var cfg [2]profiles.Config
	for i, text := range [][]byte{before, after} {
		var err error
		if cfg[i], err = profiles.Parse(file, text); err != nil {
			return nil, &web.Error{Status: http.StatusUnprocessableEntity, Code: "invalid", Message: err.Error()}
		}
	}
	for i, to := range []*backtest.Given{&j.before, &j.after} {
		stages, err := cfg[i].Stages()
		if err != nil {
			return nil, &web.Error{Status: http.StatusUnprocessableEntity, Code: "invalid", Message: err.Error()}
		}
		j.parse = stages.PerFrame.Parse
		// Of a line or zone nothing else has to be looked at: with what it reads, stored results do.
		if strings.HasPrefix(analysis, "lines/") || strings.HasPrefix(analysis, "zones/") {
			if only, err := stages.Only([]string{analysis}); err == nil {
				stages = only
			} else if only, err := stages.Only([]string{"tracking"}); err == nil {
				stages = only // there it is none
			}
		}
		*to = backtest.Given{Name: []string{file, file + " (drawn)"}[i], Stages: &stages}
	}
	return j, nil
}

// jobs are the backtests, of which one runs at a time.
type jobs struct {
	in  *inputs.Inputs
	log *slog.Logger
	ctx context.Context // ends with the server; of run

	mu   sync.Mutex
	list []*job // oldest first
	all  sync.WaitGroup
}

func newJobs(in *inputs.Inputs, log *slog.Logger) *jobs {
	return &jobs{in: in, log: log}
}

// run lets jobs run until the context ends.
func (s *jobs) run(ctx context.Context) {
	s.mu.Lock()
	s.ctx = ctx
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	for _, j := range s.list {
		j.cancel()
	}
	s.mu.Unlock()
	s.all.Wait()
}

// start begins a job, unless one runs: a person looks at one at a time.
func (s *jobs) start(w http.ResponseWriter, r *http.Request, j *job) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil || s.ctx.Err() != nil {
		return &web.Error{Status: http.StatusServiceUnavailable, Code: "away", Message: "the server is not ready"}
	}
	if slices.ContainsFunc(s.list, func(j *job) bool { return j.state == running }) {
		return &web.Error{Status: http.StatusConflict, Code: "busy", Message: "another backtest runs: wait for it, or cancel it"}
	}
	if len(s.list) == mostJobs {
		s.list = slices.Delete(s.list, 0, 1)
	}
	ctx, cancel := context.WithTimeout(s.ctx, jobTime)
	j.cancel = cancel
	s.list = append(s.list, j)
	s.all.Go(func() {
		defer cancel()
		err := s.work(ctx, j)
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case err == nil:
			j.state, j.part = done, 1
		case errors.Is(ctx.Err(), context.Canceled):
			j.state = cancelled
		case ctx.Err() != nil:
			j.state, j.err = failed, fmt.Sprintf("it took longer than %v: choose fewer hours", jobTime)
		default:
			j.state, j.err = failed, why(err)
			s.log.Warn("a backtest failed", "camera", j.camera, "analysis", j.analysis, "error", err)
		}
	})
	return web.JSON(w, r, j.told())
}

// why is an error for people.
func why(err error) string {
	if needs := (*backtest.NeedsFrames)(nil); errors.As(err, &needs) {
		return "stored results are not enough for this change, and there are no frames: serve the page with --archive or --brokers"
	}
	return err.Error()
}

// work does a job.
func (s *jobs) work(ctx context.Context, j *job) (err error) {
	var until time.Time
	if err := s.in.Scan(ctx, func(sc *scan.Scan) (err error) {
		until, err = newest(ctx, sc, j.camera)
		return err
	}); err != nil {
		return err
	}
	if until.IsZero() {
		return fmt.Errorf("there are no results of camera %s", j.camera)
	}
	p := period.Period{From: until.Add(-j.length), To: until.Add(time.Microsecond), Zone: s.in.Zone}
	tally := &tally{zone: s.in.Zone}
	work := backtest.Job{
		Before: j.before, After: j.after, Store: s.in.Output, Topic: s.in.Topic, Cameras: []string{j.camera}, Period: p,
		WarmUp: backtest.DefaultWarmUp, Options: backtest.Options{Window: backtest.DefaultWindow},
		Told: func(part float64) {
			s.mu.Lock()
			defer s.mu.Unlock()
			j.part = part * .95
		},
		Watch: tally.begin,
	}
	spec, ok := s.in.FramesSpec()
	if ok {
		work.Log = spec
	}
	found, err := work.Run(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	opts := report.Options{Zone: s.in.Zone, Parse: j.parse, MaxBytes: jobBytes, PerGroup: mostPictures, Log: work.Log}
	rep, err := report.New(ctx, found, opts)
	if err != nil && ctx.Err() == nil {
		// Frames are away: what differs is known all the same.
		opts.Log.Kind = ""
		rep, err = report.New(ctx, found, opts)
	}
	if err != nil {
		return err
	}
	var html bytes.Buffer
	if err := rep.HTML(&html); err != nil {
		return err
	}
	f := &Found{
		From: found.First, To: found.Last, Frames: found.Frames, Decoded: found.Decoded, Seconds: found.Elapsed.Seconds(), Exact: found.Exact,
		Bounds: list0(found.Bounds), Notes: list0(found.Notes), Differ: found.Differences(), Report: true, Shown: []Shown{},
	}
	f.Series, f.Hours = tally.sum(f.From, f.To)
	pictures := rep.Pictured()
	for _, x := range pictures {
		sh := Shown{
			Number: x.Number, Kind: string(x.Kind), At: x.Captured(), Analysis: x.Analysis, Type: x.Type, Transition: x.Transition,
			Width: x.Width, Height: x.Height, Why: x.Why,
		}
		if e := x.Happens().Event; e != nil {
			sh.Label = e.Label
		}
		f.Shown = append(f.Shown, sh)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	j.found, j.pictures, j.html = f, pictures, html.Bytes()
	return nil
}

func list0(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// newest is when the camera's newest row was captured; zero if it has none.
func newest(ctx context.Context, s *scan.Scan, camera string) (t time.Time, err error) {
	// Of the files' rows, the last first: most often the camera is in the newest ones.
	type of struct {
		name string
		last int64
	}
	var files []of
	for e, err := range s.Files(ctx, scan.Query{Cameras: []string{camera}}) {
		if err != nil {
			return t, err
		}
		files = append(files, of{e.Name, e.Statistics.Last})
	}
	slices.SortFunc(files, func(a, b of) int { return cmp.Compare(b.last, a.last) })
	for _, f := range files {
		if !t.IsZero() && time.UnixMicro(f.last).Before(t) {
			break
		}
		err := s.Output().Read(ctx, f.name, result.Selection{Row: func(r *result.Frame) bool {
			if at := r.At(); r.Camera == camera && at.After(t) {
				t = at
			}
			return false
		}}, func([]result.Frame) error { return nil })
		if err != nil {
			return t, err
		}
	}
	return t, nil
}

// tally counts what happens in each hour, on both sides.
type tally struct {
	zone *time.Location
	mu   sync.Mutex
	of   map[seriesKey]map[int64]*[2]int64 // by the hour's beginning in seconds
}

type seriesKey struct{ analysis, kind, transition string }

// begin begins anew.
func (t *tally) begin() func(before, after *result.Frame) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.of = map[seriesKey]map[int64]*[2]int64{}
	return t.add
}

func (t *tally) add(before, after *result.Frame) {
	if len(before.Events)+len(after.Events) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for side, row := range []*result.Frame{before, after} {
		hour := hourOf(row.At(), t.zone).Unix()
		for i := range row.Events {
			e := &row.Events[i]
			if !result.OfAnalysis(*e) {
				continue
			}
			key := seriesKey{e.Analysis, e.Type, e.Transition}
			if t.of[key] == nil {
				t.of[key] = map[int64]*[2]int64{}
			}
			if t.of[key][hour] == nil {
				t.of[key][hour] = &[2]int64{}
			}
			t.of[key][hour][side]++
		}
	}
}

// hourOf is when the hour of a moment began, by the clocks of a zone.
func hourOf(at time.Time, zone *time.Location) time.Time {
	at = at.In(zone)
	return at.Add(-time.Duration(at.Minute())*time.Minute - time.Duration(at.Second())*time.Second - time.Duration(at.Nanosecond()))
}

// sum are the series, and every hour of the period.
func (t *tally) sum(from, to time.Time) (series []Series, hours []Hour) {
	t.mu.Lock()
	defer t.mu.Unlock()
	order := slices.SortedFunc(maps.Keys(t.of), func(a, b seriesKey) int {
		return cmp.Or(strings.Compare(a.analysis, b.analysis), strings.Compare(a.kind, b.kind), strings.Compare(a.transition, b.transition))
	})
	series, hours = []Series{}, []Hour{}
	for _, k := range order {
		s := Series{Analysis: k.analysis, Type: k.kind, Transition: k.transition}
		for _, n := range t.of[k] {
			s.Before += n[0]
			s.After += n[1]
		}
		series = append(series, s)
	}
	for at := hourOf(from, t.zone); !at.After(to) && len(hours) <= mostHours+1; at = hourOf(at.Add(time.Hour+time.Minute), t.zone) {
		h := Hour{From: at, Before: make([]int64, len(order)), After: make([]int64, len(order))}
		for i, k := range order {
			if n := t.of[k][at.Unix()]; n != nil {
				h.Before[i], h.After[i] = n[0], n[1]
			}
		}
		hours = append(hours, h)
	}
	return series, hours
}

// told is a job as the page is told of it; the mutex is held.
func (j *job) told() map[string]any {
	return map[string]any{"id": j.id, "camera": j.camera, "analysis": j.analysis, "state": j.state, "part": j.part, "error": j.err, "found": j.found}
}

// find is the job that a request names; the mutex is held.
func (s *jobs) find(r *http.Request) (*job, error) {
	i := slices.IndexFunc(s.list, func(j *job) bool { return j.id == r.PathValue("id") })
	if i < 0 {
		return nil, web.NotFound("there is no such backtest (any more)")
	}
	return s.list[i], nil
}

func (s *jobs) get(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	j, err := s.find(r)
	var told map[string]any
	if err == nil {
		told = j.told()
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return web.JSON(w, r, told)
}

func (s *jobs) cancel(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	j, err := s.find(r)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	j.cancel()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// report is the whole report, one file to be kept.
func (s *jobs) report(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	j, err := s.find(r)
	var html []byte
	if err == nil {
		html = j.html
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if html == nil {
		return web.NotFound("the backtest has no report")
	}
	w.Header().Set("Content-Disposition", `attachment; filename="backtest.html"`)
	web.Bytes(w, r, "text/html; charset=utf-8", html)
	return nil
}

func (s *jobs) picture(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	j, err := s.find(r)
	var pictures []report.Pictured
	if err == nil {
		pictures = j.pictures
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	n, _ := strconv.Atoi(r.PathValue("number"))
	for _, p := range pictures {
		data := map[string][]byte{"before": p.PictureBefore, "after": p.PictureAfter}[r.PathValue("side")]
		if p.Number == n && data != nil {
			web.Bytes(w, r, "image/jpeg", data)
			return nil
		}
	}
	return web.NotFound("there is no such picture")
}
