package events

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/history/historytest"
	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/testdata/goldenfile"
	"github.com/framebeam/framebeam/transforms/config/timezone"
	"github.com/framebeam/framebeam/transforms/result"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var small = historytest.Output{Rows: 4000, N: 256, Partitions: 2, Cameras: 3, Partial: true, Span: 6 * time.Hour}

func written(t testing.TB) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "out")
	if err := small.Write(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	return root
}

func berlin(t testing.TB) period.Period {
	t.Helper()
	zone, err := timezone.Load("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return period.Period{Zone: zone}
}

func listed(t testing.TB, q Query) (out, notes string) {
	t.Helper()
	var b, n bytes.Buffer
	if err := q.Write(t.Context(), &b, &n); err != nil {
		t.Fatal(err)
	}
	return b.String(), n.String()
}

func TestEventsAreListedInEachFormat(t *testing.T) {
	root := written(t)
	for _, format := range Formats {
		p := berlin(t)
		p.From = time.Date(2024, 5, 1, 3, 0, 0, 0, time.UTC)
		got, _ := listed(t, Query{Filter: Filter{Period: p, Cameras: []string{"camera-02"}}, Output: root, Format: format, Limit: 6})
		goldenfile.Equal(t, "events."+format, got)
	}
}

func TestOnlyEventsThatAreWantedAreListed(t *testing.T) {
	root := written(t)
	var all []Found
	small.All(func(r result.Frame) bool {
		for i := range r.Events {
			all = append(all, Found{&r, &r.Events[i]})
		}
		return true
	})
	begin := time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)
	some := func(t *rapid.T, name string, of ...string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(append(of, "else")), 0, 2, rapid.ID[string]).Draw(t, name)
	}
	rapid.Check(t, func(rt *rapid.T) {
		f := Filter{
			Cameras: some(rt, "cameras", "camera-00", "camera-01"), Analyses: some(rt, "analyses", "lines", "zones"),
			Types: some(rt, "types", result.EventLineCrossed, result.EventFramesMissing), Rules: some(rt, "rules", historytest.Line),
			Transitions: some(rt, "transitions", result.Enter, result.Backward), Labels: some(rt, "labels", "person", "car"),
		}
		if rapid.Bool().Draw(rt, "by track") {
			f.Tracks = []int64{all[rapid.IntRange(0, len(all)-1).Draw(rt, "track")].Event.Track}
		}
		f.Period.From = begin.Add(time.Duration(rapid.IntRange(0, 300).Draw(rt, "from")) * time.Minute)
		var want, got []string
		for _, x := range all {
			e := x.Event
			if among(f.Cameras, x.Frame.Camera) && f.Period.Contains(x.Frame.At()) && f.Wants(e) {
				want = append(want, e.ID)
			}
		}
		s, err := scan.Open(t.Context(), root)
		if err != nil {
			rt.Fatal(err)
		}
		for x, err := range f.All(t.Context(), s) {
			if err != nil {
				rt.Fatal(err)
			}
			got = append(got, x.Event.ID)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			rt.Fatalf("%+v: %s", f, d)
		}
	})
}

func TestWhatIsListedIsComplete(t *testing.T) {
	root := written(t)
	text, _ := listed(t, Query{Output: root, Format: "csv"})
	lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || !slices.Equal(lines[0], Columns) {
		t.Fatalf("%q, %v", lines[0], err)
	}
	objects, _ := listed(t, Query{Output: root, Format: "jsonl"})
	n := 0
	for line := range strings.Lines(objects) {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil || len(r) != len(Columns) {
			t.Fatal(line, err)
		}
		n++
		for i, c := range Columns {
			cell := lines[n][i]
			if v, ok := r[c]; !ok || (v == nil) != (cell == "") {
				t.Fatalf("event %d: %s is %v and %q", n, c, v, cell)
			}
		}
	}
	if n != len(lines)-1 || n < 100 {
		t.Errorf("%d objects, %d lines", n, len(lines)-1)
	}
}

func TestNoEventIsSaidAndNoError(t *testing.T) {
	out, notes := listed(t, Query{Filter: Filter{Types: []string{"LineDetector/Crosed"}}, Output: written(t), Format: "text"})
	if want := "no event matches, from the beginning to the end; LineDetector/Crosed is none of Framebeam's types; " +
		`did you mean "LineDetector/Crossed"?`; out != "" || strings.TrimSpace(notes) != want {
		t.Errorf("%q, %q", out, notes)
	}
}

func TestACameraThatIsNotThereIsAnError(t *testing.T) {
	q := Query{Filter: Filter{Cameras: []string{"camera-0l"}}, Output: written(t), Format: "text"}
	if err := q.Write(t.Context(), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), `did you mean "camera-0`) {
		t.Error(err)
	}
}

func TestEverythingWrongIsListed(t *testing.T) {
	err := (&Query{Filter: Filter{Cameras: []string{"a/b"}}, Format: "xml", Limit: -1}).Check()
	for _, want := range []string{"--output is missing", "--camera=a/b", "--format=xml", "--limit=-1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}

// stopping ends a context when something was written.
type stopping struct {
	bytes.Buffer
	stop context.CancelFunc
}

func (s *stopping) Write(b []byte) (int, error) {
	if n := bytes.Count(b, []byte("\n")); n > 0 {
		defer s.stop()
	}
	return s.Buffer.Write(b)
}

func TestAFollowerEndsWithoutAnErrorWhenInterrupted(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	out := stopping{stop: stop}
	q := Query{Filter: Filter{Types: []string{result.EventEpochStarted}}, Output: written(t), Format: "jsonl", Follow: true}
	if err := q.Write(ctx, &out, io.Discard); err != nil || out.Len() == 0 {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestAFollowerKeepsToItsLimit(t *testing.T) {
	out, _ := listed(t, Query{Output: written(t), Format: "jsonl", Follow: true, Limit: 3})
	if n := strings.Count(out, "\n"); n != 3 {
		t.Errorf("%d lines", n)
	}
}
