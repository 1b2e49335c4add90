package timeline

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/history/counts"
	"github.com/framebeam/framebeam/history/events"
	"github.com/framebeam/framebeam/history/historytest"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/monitor/inputs"
	"github.com/framebeam/framebeam/monitor/web"
	"github.com/framebeam/framebeam/transforms/config/timezone"
	"github.com/framebeam/framebeam/transforms/result"
)

var small = historytest.Output{Rows: 4000, N: 256, Partitions: 2, Cameras: 3, Partial: true, Span: 60 * time.Hour}

// site is a view's handlers over an output.
type site struct {
	root    string
	zone    *time.Location
	handler http.Handler
	hub     *web.Hub
}

func open(t testing.TB, root string, change func(*inputs.Options)) *site {
	t.Helper()
	before := goleak.IgnoreCurrent()
	zone, err := timezone.Load("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	opts := inputs.Options{Output: root, Zone: zone}
	if change != nil {
		change(&opts)
	}
	in, err := inputs.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	log := slog.New(slog.DiscardHandler)
	s := &site{root: root, zone: opts.Zone, hub: web.NewHub(4, log)}
	mux := http.NewServeMux()
	Register(mux, web.Deps{Inputs: in, Hub: s.hub, Log: log, Background: func(fn func(context.Context)) { all.Go(func() { fn(ctx) }) }})
	s.handler = mux
	t.Cleanup(func() {
		cancel()
		all.Wait()
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t, before)
	})
	return s
}

func written(t testing.TB) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "out")
	if err := small.Write(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	return root
}

// get asks, and reads the JSON of the answer into v if that is not nil.
func (s *site) get(t testing.TB, path string, v any) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/"+path, http.NoBody))
	if v != nil {
		if err := json.Unmarshal(w.Body.Bytes(), v); err != nil {
			t.Fatalf("%s: %v: %.300s", path, err, w.Body)
		}
	}
	return w.Result()
}

// told is an event as the handlers write it.
type told struct {
	Event json.RawMessage
	At    int64
	Place string
}

func (x *told) id(t testing.TB) string {
	t.Helper()
	var e struct {
		ID string `json:"event_id"`
	}
	if err := json.Unmarshal(x.Event, &e); err != nil {
		t.Fatal(err)
	}
	return e.ID
}

type answer struct {
	Events []told
	More   bool
	Cursor string
}

// line is an event as framebeam events prints it.
type line struct {
	place place
	text  string
	said  map[string]any
}

// listed is what framebeam events prints of the whole output, newest first.
func listed(t testing.TB, root string) (all []line) {
	t.Helper()
	var b bytes.Buffer
	if err := (&events.Query{Output: root, Format: "jsonl"}).Write(t.Context(), &b, io.Discard); err != nil {
		t.Fatal(err)
	}
	index := map[string]int{}
	for text := range strings.Lines(b.String()) {
		var e struct {
			Captured  *time.Time
			Logged    time.Time `json:"log_time"`
			Topic     string
			Partition int32 `json:"log_partition"`
			Offset    int64 `json:"log_offset"`
		}
		l := line{text: strings.TrimSpace(text)}
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(text), &l.said); err != nil {
			t.Fatal(err)
		}
		at := e.Logged
		if e.Captured != nil {
			at = *e.Captured
		}
		key := fmt.Sprint(e.Partition, e.Offset)
		l.place = place{at.UnixMicro(), e.Topic, e.Partition, e.Offset, index[key]}
		index[key]++
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b line) int { return b.place.compare(a.place) })
	return all
}

// oracle are those of the lines that a filter wants.
func oracle(all []line, f events.Filter) (lines []string) {
	for _, l := range all {
		wanted := true
		for name, of := range map[string][]string{
			"camera": f.Cameras, "analysis": f.Analyses, "event_type": f.Types, "rule_name": f.Rules, "transition": f.Transitions, "object_label": f.Labels,
		} {
			said, _ := l.said[name].(string)
			wanted = wanted && (len(of) == 0 || slices.Contains(of, said))
		}
		at := time.UnixMicro(l.place.At)
		if wanted && (f.Period.From.IsZero() || !at.Before(f.Period.From)) && (f.Period.To.IsZero() || at.Before(f.Period.To)) {
			lines = append(lines, l.text)
		}
	}
	return lines
}

func TestPagesOfAnyFilterAreWhatTheCommandLists(t *testing.T) {
	s := open(t, written(t), nil)
	lines := listed(t, s.root)
	begin := time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(rt *rapid.T) {
		some := func(name string, of ...string) []string {
			return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 0, 2, rapid.ID[string]).Draw(rt, name)
		}
		f := events.Filter{
			Cameras: some("cameras", "camera-00", "camera-02"), Analyses: some("analyses", "lines/door", "sequence"), Types: some("types", result.EventLineCrossed, result.EventObjectsInside),
			Rules: some("rules", historytest.Line, historytest.Zone), Transitions: some("transitions", result.Enter, result.Backward), Labels: some("labels", "person", "car"),
		}
		limit := rapid.IntRange(20, 200).Draw(rt, "limit")
		path := fmt.Sprintf("events?stage=true&limit=%d", limit)
		for name, values := range map[string][]string{
			"camera": f.Cameras, "analysis": f.Analyses, "type": f.Types, "rule": f.Rules, "transition": f.Transitions, "label": f.Labels,
		} {
			for _, v := range values {
				path += "&" + name + "=" + v
			}
		}
		if rapid.Bool().Draw(rt, "a period") {
			f.Period.From = begin.Add(time.Duration(rapid.IntRange(0, 3000).Draw(rt, "from")) * time.Minute)
			f.Period.To = f.Period.From.Add(time.Duration(rapid.IntRange(1, 3000).Draw(rt, "minutes")) * time.Minute)
			path += "&from=" + f.Period.From.Format(time.RFC3339) + "&to=" + f.Period.To.Format(time.RFC3339)
		}
		want := oracle(lines, f)
		if rapid.Bool().Draw(rt, "oldest first") {
			path += "&order=oldest"
			slices.Reverse(want)
		}
		var got []string
		for next := path; ; {
			var a answer
			if r := s.get(t, next, &a); r.StatusCode != http.StatusOK {
				rt.Fatal(r.Status)
			}
			if len(a.Events) > limit || a.More && len(a.Events) < limit {
				rt.Fatalf("%d events, more: %v", len(a.Events), a.More)
			}
			for _, e := range a.Events {
				got = append(got, string(e.Event))
			}
			if !a.More {
				break
			}
			next = path + "&cursor=" + a.Cursor
		}
		if !slices.Equal(got, want) {
			rt.Fatalf("%s: %d events, want %d", path, len(got), len(want))
		}
	})
}

func TestAnEventHasItsNeighboursInTime(t *testing.T) {
	s := open(t, written(t), nil)
	f := events.Filter{Cameras: []string{"camera-01"}, Types: []string{result.EventLineCrossed}}
	all := oracle(listed(t, s.root), f)
	at := len(all) / 2
	var a answer
	s.get(t, "events?camera=camera-01&type="+result.EventLineCrossed+"&limit=200", &a)
	x := a.Events[at]
	for _, path := range []string{fmt.Sprintf("events/%s?at=%d&", x.id(t), x.At), fmt.Sprintf("events/%s?", x.id(t))} {
		var one struct{ Row, Earlier, Later *told }
		s.get(t, path+"type="+result.EventLineCrossed, &one)
		if string(one.Row.Event) != all[at] || string(one.Earlier.Event) != all[at+1] || string(one.Later.Event) != all[at-1] {
			t.Errorf("%s: %s", path, one.Row.Event)
		}
		var first struct{ Row, Earlier, Later *told }
		last := a.Events[len(a.Events)-1]
		s.get(t, fmt.Sprintf("events/%s?at=%d&type=%s", last.id(t), last.At, result.EventLineCrossed), &first)
		if first.Earlier != nil || first.Later == nil {
			t.Errorf("before the first there is %v", first.Earlier)
		}
	}
}

func TestADayIsWhatTheCountsSay(t *testing.T) {
	s := open(t, written(t), nil)
	for _, text := range []string{"2024-05-01", "2024-05-02", "2024-05-09"} {
		p, err := web.Day(text, s.zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, types := range [][]string{nil, {result.EventLineCrossed}} {
			f := events.Filter{Period: p, Types: types}
			path := "events/day?day=" + text
			for _, x := range types {
				path += "&type=" + x
			}
			var d Day
			s.get(t, path, &d)
			per, err := counts.ParsePer("day")
			if err != nil {
				t.Fatal(err)
			}
			c, err := counts.New(per, []string{"camera", "type"}, f)
			if err != nil {
				t.Fatal(err)
			}
			sc, err := scan.Open(t.Context(), s.root)
			if err != nil {
				t.Fatal(err)
			}
			minutes := map[string]map[int64]bool{}
			for row, err := range sc.Rows(t.Context(), scan.Query{Period: p, Columns: counts.Columns}) {
				if err != nil {
					t.Fatal(err)
				}
				c.Add(row)
				if row.Status == result.OK {
					if minutes[row.Camera] == nil {
						minutes[row.Camera] = map[int64]bool{}
					}
					minutes[row.Camera][row.At().Unix()/60] = true
				}
			}
			lanes := map[string]*Lane{}
			for _, l := range d.Lanes {
				lanes[l.Camera] = l
				seen := 0
				for _, x := range l.Seen {
					seen += x[1] - x[0]
				}
				if seen != len(minutes[l.Camera]) {
					t.Errorf("%s: %s has frames in %d minutes, want %d", text, l.Camera, seen, len(minutes[l.Camera]))
				}
			}
			var sum int64
			if err := c.Lines(func(l counts.Line) error {
				camera, kind := l.Group[0], l.Group[1]
				if lane := lanes[camera]; camera != "" && lane != nil {
					var n int64
					for _, x := range lane.Bins[kind] {
						n += x
					}
					sum += max(l.Events, 0)
					if n != max(l.Events, 0) || lane.Frames != l.Frames {
						t.Errorf("%s: %s has %d of %s in %d frames, want %d in %d", text, camera, n, kind, lane.Frames, l.Events, l.Frames)
					}
				} else if l.Frames > 0 && camera != "" {
					t.Errorf("%s: there is no lane of %s", text, camera)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if sum != d.Events {
				t.Errorf("%s: %d events, want %d", text, d.Events, sum)
			}
		}
	}
}

func TestWhatIsAskedForIsBounded(t *testing.T) {
	s := open(t, written(t), nil)
	id := strings.Repeat("f", 32)
	for path, want := range map[string]int{
		"events?limit=0": 400, "events?limit=201": 400, "events?limit=x": 400, "events?cursor=%00": 400, "events?cursor=" + strings.Repeat("A", 2000): 400,
		"events?camera=../../etc/passwd": 400, "events?from=yesterday": 400, "events?day=2024-13-01": 400, "events?order=random": 400, "events?track=x": 400,
		"events?" + strings.Repeat("type=a&", 33): 400, "events?type=" + strings.Repeat("a", 201): 400,
		"events/..%2f..%2fetc%2fpasswd": 400, "events/" + id: 404, "events/" + id + "?at=x": 400, "events/" + id + "?at=1": 404,
		"events/" + id + "/picture?at=1": 404, "events/" + id + "/clip?at=1": 404, "events/day?day=0000-00-00": 400, "events/day": 200,
	} {
		if r := s.get(t, path, nil); r.StatusCode != want {
			t.Errorf("%.60s: %d, want %d", path, r.StatusCode, want)
		}
	}
	var a answer
	s.get(t, "events?limit=1", &a)
	for q, want := range map[string]int{"before=61s": 400, "after=-1s": 400, "before=x": 400, "": 500} {
		if r := s.get(t, fmt.Sprintf("events/%s/clip?at=%d&%s", a.Events[0].id(t), a.Events[0].At, q), nil); r.StatusCode != want {
			t.Errorf("a clip with %s: %d, want %d", q, r.StatusCode, want)
		}
	}
}

func FuzzPlace(f *testing.F) {
	f.Add(place{1, "frames", 2, 3, 4}.String())
	f.Add("")
	f.Add("e30")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePlace(text)
		if err != nil {
			return
		}
		if q, err := parsePlace(p.String()); err != nil || q != p {
			t.Fatalf("%q is %v, and again %v, %v", text, p, q, err)
		}
	})
}

// What the output is not there for is said, and comes back by itself.
func TestAnOutputThatIsAwaySaysSo(t *testing.T) {
	root := filepath.Join(t.TempDir(), "out")
	s := open(t, root, nil)
	if r := s.get(t, "events", nil); r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" {
		t.Errorf("without an output: %v", r.Status)
	}
	if err := small.Write(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	if r := s.get(t, "events", nil); r.StatusCode != http.StatusOK {
		t.Errorf("with it: %v", r.Status)
	}
}
