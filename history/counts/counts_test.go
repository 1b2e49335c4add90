package counts

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/history/events"
	"github.com/framebeam/framebeam/history/historytest"
	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/testdata/goldenfile"
	"github.com/framebeam/framebeam/transforms/config/timezone"
	"github.com/framebeam/framebeam/transforms/result"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := timezone.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func per(t testing.TB, text string) Per {
	t.Helper()
	p, err := ParsePer(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestBucketsAreByTheClocks(t *testing.T) {
	for _, c := range []struct{ name, zone, per, at, from, to string }{
		{"an hour", "Europe/Berlin", "hour", "2024-05-01T12:34:56Z", "2024-05-01T14:00:00+02:00", "2024-05-01T15:00:00+02:00"},
		{"a quarter where clocks are 45 minutes ahead", "Asia/Kathmandu", "15m", "2024-05-01T12:34:56Z", "2024-05-01T18:15:00+05:45", "2024-05-01T18:30:00+05:45"},
		{"an hour that comes twice, first", "Europe/Berlin", "1h", "2024-10-27T00:30:00Z", "2024-10-27T02:00:00+02:00", "2024-10-27T02:00:00+01:00"},
		{"and again", "Europe/Berlin", "1h", "2024-10-27T01:30:00Z", "2024-10-27T02:00:00+01:00", "2024-10-27T03:00:00+01:00"},
		{"an hour before clocks are set forward", "Europe/Berlin", "1h", "2024-03-31T00:30:00Z", "2024-03-31T01:00:00+01:00", "2024-03-31T03:00:00+02:00"},
		{"six hours of which one comes twice", "Europe/Berlin", "6h", "2024-10-27T03:00:00Z", "2024-10-27T00:00:00+02:00", "2024-10-27T06:00:00+01:00"},
		{"a day of 25 hours", "Europe/Berlin", "day", "2024-10-27T22:59:00Z", "2024-10-27T00:00:00+02:00", "2024-10-28T00:00:00+01:00"},
		{"a day of 23 hours", "Europe/Berlin", "day", "2024-03-31T00:00:00Z", "2024-03-31T00:00:00+01:00", "2024-04-01T00:00:00+02:00"},
		{"a day that begins at one", "America/Sao_Paulo", "day", "2018-11-04T12:00:00Z", "2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"},
		{"a week", "Europe/Berlin", "week", "2024-05-01T12:00:00Z", "2024-04-29T00:00:00+02:00", "2024-05-06T00:00:00+02:00"},
		{"a month", "Europe/Berlin", "month", "2024-03-31T21:59:00Z", "2024-03-01T00:00:00+01:00", "2024-04-01T00:00:00+02:00"},
		{"an hour that is cut where clocks are set by a half", "Australia/Lord_Howe", "1h", "2024-04-06T15:15:00Z", "2024-04-07T01:30:00+10:30", "2024-04-07T02:00:00+10:30"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		b := per(t, c.per).of(at, zone(t, c.zone))
		if from, to := b.from.Format(time.RFC3339), b.to.Format(time.RFC3339); from != c.from || to != c.to {
			t.Errorf("%s: %s to %s", c.name, from, to)
		}
	}
}

var zones = []string{"", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"}

func TestBucketsFollowOnEachOther(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		z := zone(t, rapid.SampledFrom(zones).Draw(rt, "zone"))
		p := per(t, rapid.SampledFrom([]string{"1m", "15m", "hour", "2h", "6h", "12h", "day", "week", "month"}).Draw(rt, "per"))
		at := time.Unix(rapid.Int64Range(1.2e9, 1.7e9).Draw(rt, "at"), 0)
		b := p.of(at, z)
		if at.Before(b.from) || !at.Before(b.to) {
			rt.Fatalf("%v is not in %v", at.In(z), b)
		}
		for range 3 {
			next := p.of(b.to, z)
			if !next.from.Equal(b.to) || !next.from.Before(next.to) {
				rt.Fatalf("after %v comes %v", b, next)
			}
			if last := p.of(next.to.Add(-1), z); last != next {
				rt.Fatalf("the last moment of %v is in %v", next, last)
			}
			b = next
		}
	})
}

func TestWhatBucketsCanBe(t *testing.T) {
	for text, ok := range map[string]bool{"hour": true, "90m": true, "1m": true, "12h": true, "24h": true, "30s": false, "7m": false, "18h": false,
		"48h": false, "-1h": false, "year": false, "": false, "1m30s": false} {
		if _, err := ParsePer(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// drawRows are rows of two days around a change of clocks.
func drawRows(t *rapid.T) []result.Frame {
	begin := time.Date(2024, 10, 26, 12, 0, 0, 0, time.UTC)
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) result.Frame {
		at := begin.Add(time.Duration(rapid.IntRange(0, 48*3600).Draw(t, "at")) * time.Second)
		f := result.Frame{
			Camera: rapid.SampledFrom([]string{"a", "b", ""}).Draw(t, "camera"), Captured: at.UnixMicro(), Timestamp: at.UnixMilli(),
			Status: rapid.SampledFrom([]result.Status{result.OK, result.OK, result.OK, result.Dead, result.Repeat}).Draw(t, "status"),
		}
		if f.Status == result.Dead {
			f.Captured = 0
		}
		for range rapid.IntRange(0, 2).Draw(t, "events") {
			f.Events = append(f.Events, rapid.SampledFrom([]result.Event{
				{Analysis: "lines", Type: "Crossed", Rule: "door", Transition: "forward", Label: "person"},
				{Analysis: "lines", Type: "Crossed", Rule: "gate", Transition: "backward"},
				{Analysis: "zones", Type: "Inside", Rule: "door"},
				{Analysis: result.OfStage, Type: result.EventEpochStarted},
				{Analysis: result.OfStage, Type: result.EventFramesMissing, Detail: fmt.Sprintf(result.MissingDetail, 7, 9)},
				{Analysis: result.OfStage, Type: result.EventSilence, Detail: fmt.Sprintf(result.SilenceDetail, 100*time.Minute)},
			}).Draw(t, "event"))
		}
		return f
	}), 0, 30).Draw(t, "rows")
}

// TestCountsAreThoseOfALookAtEachBucket compares with an oracle that looks at all rows for
// each line.
func TestCountsAreThoseOfALookAtEachBucket(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		z := zone(t, rapid.SampledFrom(zones).Draw(rt, "zone"))
		p := per(t, rapid.SampledFrom([]string{"15m", "hour", "6h", "day"}).Draw(rt, "per"))
		by := rapid.SliceOfDistinct(rapid.SampledFrom(By), rapid.ID[string]).Draw(rt, "by")
		f := events.Filter{Period: period.Period{Zone: z}}
		if rapid.Bool().Draw(rt, "bounded") {
			f.Period.From = time.Date(2024, 10, 26, 20, 10, 0, 0, time.UTC)
			f.Period.To = f.Period.From.Add(time.Duration(rapid.IntRange(1, 30*60).Draw(rt, "minutes")) * time.Minute)
		}
		if rapid.Bool().Draw(rt, "at times") {
			f.Period.During, _ = period.Times("22:00-02:30")
		}
		if rapid.Bool().Draw(rt, "by type") {
			f.Types = []string{"Crossed", result.EventSilence}
		}
		var rows []result.Frame
		for _, r := range drawRows(rt) {
			if f.Period.Contains(r.At()) {
				rows = append(rows, r)
			}
		}
		c, err := New(p, by, f)
		if err != nil {
			rt.Fatal(err)
		}
		for i := range rows {
			c.Add(&rows[i])
		}
		var got []Line
		if err := c.Lines(func(l Line) error {
			got = append(got, l)
			return nil
		}); err != nil {
			rt.Fatal(err)
		}
		for _, l := range got {
			if want := look(rows, f, by, l); want != l.with() {
				rt.Fatalf("%v %q: %+v, want %+v", l.From, l.Group, l.with(), want)
			}
		}
		// Every event that is wanted is in one line, and buckets that have frames are there.
		var inLines, wanted int64
		for _, l := range got {
			inLines += max(0, l.Events)
		}
		for i := range rows {
			for j := range rows[i].Events {
				if counted(&rows[i], &rows[i].Events[j], f) {
					wanted++
				}
			}
		}
		if inLines != wanted {
			rt.Fatalf("%d events in lines, %d in rows", inLines, wanted)
		}
	})
}

// numbers are those of a line, comparable.
type numbers struct {
	events int64
	Seen
}

func (l Line) with() numbers { return numbers{l.Events, l.Seen} }

func counted(r *result.Frame, e *result.Event, f events.Filter) bool {
	return r.Status == result.OK && f.Wants(e) && (e.Analysis != result.OfStage || len(f.Types) > 0)
}

// look is what a line ought to say.
func look(rows []result.Frame, f events.Filter, by []string, l Line) (n numbers) {
	in := func(t time.Time) bool { return !t.Before(l.From) && t.Before(l.To) }
	byCamera := slices.Index(by, "camera")
	var first, last time.Time
	cameras, minutes := map[string]bool{}, map[string]bool{}
	for _, r := range rows {
		if first.IsZero() || r.At().Before(first) {
			first = r.At()
		}
		if r.At().After(last) {
			last = r.At()
		}
		if r.Status == result.OK {
			cameras[r.Camera] = true
		}
	}
	begin, end := f.Period.From, f.Period.To
	if begin.IsZero() {
		begin = first
	}
	if end.IsZero() {
		end = last.Add(1)
	}
	for _, r := range rows {
		if byCamera >= 0 && r.Camera != l.Group[byCamera] {
			continue
		}
		for _, e := range r.Events {
			if e.Silence() == 0 || r.Status != result.OK {
				continue
			}
			for s := r.At().Add(-e.Silence()); s.Before(r.At()); s = s.Add(time.Second) {
				if in(s) && !s.Before(begin) {
					n.Silence += time.Second
				}
			}
		}
		if !in(r.At()) {
			continue
		}
		switch r.Status {
		case result.Dead:
			n.Dead++
		case result.OK:
			n.Frames++
			minutes[fmt.Sprint(r.Camera, r.At().Truncate(time.Minute))] = true
			for _, e := range r.Events {
				n.Missing += e.Missing()
				if e.Type == result.EventEpochStarted {
					n.Epochs++
				}
				values := map[string]string{"camera": r.Camera, "analysis": e.Analysis, "rule": e.Rule, "type": e.Type, "transition": e.Transition, "label": e.Label}
				same := true
				for i, name := range by {
					same = same && values[name] == l.Group[i]
				}
				if same && counted(&r, &e, f) {
					n.events++
				}
			}
		}
	}
	if n.Frames == 0 {
		n.events = -1
	}
	of := 0
	for m := l.From; m.Before(l.To); m = m.Add(time.Minute) {
		if m.Add(time.Minute).After(begin) && m.Before(end) && f.Period.Contains(later(m, begin)) {
			of++
		}
	}
	if many := len(cameras); byCamera >= 0 {
		n.Covered = float64(len(minutes)) / float64(of)
	} else if many > 0 {
		n.Covered = float64(len(minutes)) / float64(of*many)
	}
	return n
}

var small = historytest.Output{Rows: 3000, N: 256, Partitions: 2, Cameras: 3, Partial: true, Span: 6 * time.Hour}

func TestCountsInEachFormat(t *testing.T) {
	root := filepath.Join(t.TempDir(), "out")
	if err := small.Write(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2024, 5, 1, 4, 30, 0, 0, time.UTC)
	for _, format := range Formats {
		q := Query{Output: root, Per: "hour", By: []string{"rule", "transition"}, Format: format}
		q.Period = period.Period{From: begin, To: begin.Add(3 * time.Hour), Zone: zone(t, "Europe/Berlin")}
		q.Types = []string{result.EventLineCrossed}
		var b bytes.Buffer
		if err := q.Write(t.Context(), &b, io.Discard); err != nil {
			t.Fatal(err)
		}
		goldenfile.Equal(t, "counts."+format, b.String())
	}
}

func TestNoFramesAreSaid(t *testing.T) {
	root := filepath.Join(t.TempDir(), "out")
	if err := small.Write(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	var notes bytes.Buffer
	q := Query{Output: root, Per: "day", Format: "text"}
	q.Period.To = time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := q.Write(t.Context(), io.Discard, &notes); err != nil || !strings.Contains(notes.String(), "there are no frames") {
		t.Errorf("%q, %v", notes.String(), err)
	}
}

func TestTooManyBucketsAreAnError(t *testing.T) {
	c, err := New(per(t, "1m"), nil, events.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{1, 4e15} {
		c.Add(&result.Frame{Captured: at, Status: result.OK})
	}
	if err := c.Lines(func(Line) error { return nil }); err == nil {
		t.Error("it printed more lines than anybody reads")
	}
}

func TestEverythingWrongIsListed(t *testing.T) {
	err := (&Query{Per: "fortnight", By: []string{"camera", "wind", "camera"}, Format: "xml"}).Check()
	for _, want := range []string{"--output is missing", "--per", "--by=wind", "--by=camera", "--format=xml"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}

func TestWhatHappensToASourceIsCountedAndIsNoFrame(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2024, 5, 1, hour, 30, 0, 0, time.UTC) }
	f := events.Filter{Period: period.Period{Zone: time.UTC, From: at(10).Truncate(time.Hour), To: at(13).Truncate(time.Hour)}}
	c, err := New(per(t, "hour"), nil, f)
	if err != nil {
		t.Fatal(err)
	}
	lost := []result.Event{{Analysis: result.OfSource, Type: result.EventSourceLost, Transition: result.Begin}}
	for _, r := range []result.Frame{
		{Camera: "a", Captured: at(10).UnixMicro(), Status: result.OK},
		{Camera: "a", Captured: at(11).UnixMicro(), Status: result.Source, Events: lost},
		{Camera: "a", Captured: at(11).UnixMicro(), Status: result.SourceRepeat},
	} {
		c.Add(&r)
	}
	var got []string
	if err := c.Lines(func(l Line) error {
		got = append(got, fmt.Sprint(l.Events, " of ", l.Frames))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"0 of 1", "1 of 0", "-1 of 0"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	var sum result.Summary
	sum.Add([]result.Frame{{Camera: "a", Status: result.OK}, {Camera: "a", Status: result.Source, Events: lost}, {Camera: "b", Status: result.SourceRepeat}})
	var text strings.Builder
	if err := sum.Write(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]string{{"a", "1", "0", "0", "1"}, {"b", "0", "0", "0", "0"}} {
		if !strings.Contains(strings.Join(strings.Fields(text.String()), " "), strings.Join(want, " ")) {
			t.Errorf("no line %v in\n%s", want, &text)
		}
	}
}
