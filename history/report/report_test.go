package report_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/history/backtest"
	"github.com/framebeam/framebeam/history/report"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/result"
)

var rewrite = flag.Bool("rewrite", false, "write testdata anew")

var begin = time.Date(2024, 5, 1, 8, 0, 0, 0, time.UTC)

// row is a frame's, so many seconds after begin.
func row(camera string, partition int32, offset int64, second float64, events ...result.Event) result.Frame {
	return result.Frame{
		Topic: "frames", Partition: partition, Offset: offset, Camera: camera, Epoch: "e", Sequence: offset, Status: result.OK,
		Captured: begin.Add(time.Duration(second * float64(time.Second))).UnixMicro(), Width: 96, Height: 72, Events: events, Config: "0123456789abcdef",
	}
}

func crossing(rule, transition string, track int64) result.Event {
	return result.Event{
		ID: fmt.Sprintf("%s-%s-%d", rule, transition, track), Analysis: "lines/" + rule, Rule: rule, Type: result.EventLineCrossed,
		Transition: transition, Track: track, Label: "person", Value: 3, Snapshot: 7,
	}
}

// differ makes a difference of two rows with an event at their end, or none.
func differ(kind backtest.Kind, before, after result.Frame) backtest.Difference {
	d := backtest.Difference{Kind: kind, Before: backtest.Moment{Frame: before}, After: backtest.Moment{Frame: after}}
	for _, m := range []*backtest.Moment{&d.Before, &d.After} {
		if n := len(m.Frame.Events); n > 0 {
			m.Event = &m.Frame.Events[n-1]
			d.Key = backtest.Key{Camera: m.Frame.Camera, Analysis: m.Event.Analysis, Rule: m.Event.Rule, Type: m.Event.Type, Transition: m.Event.Transition}
		}
	}
	return d
}

// some are differences of each kind.
func some() []backtest.Difference {
	changed := differ(backtest.Changed, row("gate", 0, 40, 4, crossing("door", result.Forward, 1)), row("gate", 0, 40, 4, crossing("door", result.Forward, 2)))
	changed.Fields = []string{"track"}
	return []backtest.Difference{
		differ(backtest.Added, row("gate", 0, 10, 1), row("gate", 0, 10, 1, crossing("door", result.Forward, 9001))),
		differ(backtest.Removed, row("gate", 0, 20, 2, crossing("door", result.Backward, 9001)), row("gate", 0, 20, 2)),
		differ(backtest.Moved, row("yard", 1, 30, 3, crossing("fence", result.Forward, 8001)), row("yard", 1, 36, 3.6, crossing("fence", result.Forward, 8001))),
		changed,
	}
}

// resultOf is a result with these differences and the totals that they have.
func resultOf(t testing.TB, differences ...backtest.Difference) *backtest.Result {
	t.Helper()
	r := backtest.Result{
		Before: backtest.Side{Name: "found"}, After: backtest.Side{Name: "moved.yaml"},
		First: begin, Last: begin.Add(10 * time.Second), Cameras: []string{"gate", "yard"}, Frames: 2000, Exact: true,
		BucketWidth: time.Second, Timeline: []backtest.Bucket{{From: begin.Add(time.Second), Count: backtest.Count{Before: 3, After: 4}}},
		Computed: []backtest.Work{{Analysis: "lines/door", Cameras: []string{"gate"}, Frames: 1000, Why: "its points are others"}},
		Taken:    []backtest.Work{{Analysis: "tracking", Cameras: []string{"gate", "yard"}, Frames: 2000}},
	}
	r.Timelines = map[string][]backtest.Bucket{"gate": {{From: begin.Add(3 * time.Second), Count: backtest.Count{Before: 2}}}}
	config := backtest.Config{Analyses: []params.Spec{{Kind: "lines", Name: "lines/door"}}}
	r.Before.Configs = map[string]backtest.Config{"0123456789abcdef": config}
	r.After.Configs = r.Before.Configs
	r.Totals = []backtest.Total{{Key: backtest.Key{Camera: "gate", Analysis: "motion", Type: result.EventMotion}, Count: backtest.Count{Before: 5, After: 5}}}
	at := map[backtest.Key]int{}
	for _, d := range differences {
		if _, ok := at[d.Key]; !ok {
			at[d.Key] = len(r.Totals)
			r.Totals = append(r.Totals, backtest.Total{Key: d.Key})
		}
		c := &r.Totals[at[d.Key]].Count
		switch d.Kind {
		case backtest.Added:
			c.After, c.Added = c.After+1, c.Added+1
		case backtest.Removed:
			c.Before, c.Removed = c.Before+1, c.Removed+1
		case backtest.Changed:
			c.Before, c.After, c.Changed = c.Before+1, c.After+1, c.Changed+1
		case backtest.Moved:
			c.Before, c.After, c.Moved = c.Before+1, c.After+1, c.Moved+1
		}
	}
	for _, total := range r.Totals {
		c, s := total.Count, &r.Sum
		s.Before, s.After, s.Added, s.Removed = s.Before+c.Before, s.After+c.After, s.Added+c.Added, s.Removed+c.Removed
		s.Changed, s.Moved = s.Changed+c.Changed, s.Moved+c.Moved
	}
	of, err := backtest.Of(r, differences...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := of.Close(); err != nil {
			t.Error(err)
		}
	})
	return of
}

func made(t testing.TB, r *backtest.Result, o report.Options) *report.Report {
	t.Helper()
	rep, err := report.New(context.Background(), r, o)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func written(t testing.TB, write func(*bytes.Buffer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func html(t testing.TB, r *report.Report) string {
	return written(t, func(b *bytes.Buffer) error { return r.HTML(b) })
}

func text(t testing.TB, r *report.Report) string {
	return written(t, func(b *bytes.Buffer) error { return r.Text(b) })
}

func markdown(t testing.TB, r *report.Report, most int) string {
	return written(t, func(b *bytes.Buffer) error { return r.Markdown(b, most) })
}

func TestTheTextsAreTheGoldenOnes(t *testing.T) {
	vague := resultOf(t)
	vague.Sum.Renumbered = 2
	vague.Detections = []backtest.Detected{
		{Camera: "gate", Analysis: "motion", Frames: 90, Before: 100, After: 100}, {Camera: "yard", Analysis: "motion", Frames: 80, Differ: 7, Before: 90, After: 84},
	}
	vague.Exact, vague.Bounds, vague.Notes = false, []string{"tracking of gate began 1m0s before the period"}, []string{"3 frames are dead letters"}
	for name, r := range map[string]*backtest.Result{"some": resultOf(t, some()...), "none": vague} {
		rep := made(t, r, report.Options{})
		if page := html(t, rep); strings.Contains(page, "With another number") != (name == "none") {
			t.Errorf("the detections of %s", name)
		}
		for suffix, got := range map[string]string{".txt": text(t, rep), ".md": markdown(t, rep, report.CommentBytes)} {
			file := filepath.Join("testdata", name+suffix)
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("%s (go test ./history/report -rewrite, and look at the difference):\n%s", file, d)
			}
		}
	}
}

func TestCamerasHaveTimelinesOfBothSides(t *testing.T) {
	page := html(t, made(t, resultOf(t, some()...), report.Options{}))
	for _, want := range []string{"<title>08:00:03.000: 2 events</title>", "<title>08:00:01.000: 4 events</title>", `<h3 id="t1">All cameras</h3>`, `<h3 id="t2">gate</h3>`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

func TestTheSameResultGivesTheSameBytes(t *testing.T) {
	one, two := made(t, resultOf(t, some()...), report.Options{}), made(t, resultOf(t, some()...), report.Options{})
	first := html(t, one)
	if first != html(t, two) || first != html(t, one) {
		t.Error("the pages differ")
	}
}

// hostile is text that would do harm where it is not escaped.
const hostile = "</script><img src=x onerror=alert(1)> @everyone | `code` [a](http://b) **\n# x \x1b[31m"

func TestTextFromOutsideStaysText(t *testing.T) {
	d := differ(backtest.Changed, row(hostile, 0, 1, 1, crossing(hostile, hostile, 1)), row(hostile, 0, 1, 1, crossing(hostile, hostile, 2)))
	d.Before.Event.Label, d.After.Event.Label, d.Fields = hostile, hostile+"2", []string{"label"}
	r := resultOf(t, d)
	r.Before.Name, r.After.Name, r.Notes, r.Bounds, r.Cameras = hostile, hostile, []string{hostile}, []string{hostile}, []string{hostile}
	rep := made(t, r, report.Options{})
	if page := html(t, rep); strings.Contains(page, "<img src=x") || strings.Contains(page, "</script><img") {
		t.Error("text became markup in the page")
	}
	for form, got := range map[string]string{"text": text(t, rep), "Markdown": markdown(t, rep, report.CommentBytes)} {
		if strings.Contains(got, "\x1b") || strings.Contains(got, "\n# x") {
			t.Errorf("%s: control characters or lines from outside:\n%q", form, got)
		}
	}
	for line := range strings.Lines(markdown(t, rep, report.CommentBytes)) {
		outside := withoutCode(line)
		for _, bad := range []string{"<img", "@everyone", "**\n", "[a]("} {
			if strings.Contains(outside, bad) {
				t.Errorf("Markdown has %q outside of code: %q", bad, line)
			}
		}
		if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| |") && !strings.HasPrefix(line, "| camera") {
			cells := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") - 1
			if cells != 10 && cells != 6 {
				t.Errorf("a row of %d cells: %q", cells, line)
			}
		}
	}
}

// withoutCode leaves out code spans, as CommonMark delimits them.
func withoutCode(s string) string {
	var out strings.Builder
	for {
		i := strings.IndexByte(s, '`')
		if i < 0 {
			return out.String() + s
		}
		out.WriteString(s[:i])
		n := len(s[i:]) - len(strings.TrimLeft(s[i:], "`"))
		rest := s[i+n:]
		end := closing(rest, n)
		if end < 0 {
			out.WriteString(s[i : i+n])
			s = rest
			continue
		}
		s = rest[end+n:]
	}
}

func closing(s string, n int) int {
	for i := 0; i < len(s); {
		if s[i] != '`' {
			i++
			continue
		}
		run := len(s[i:]) - len(strings.TrimLeft(s[i:], "`"))
		if run == n {
			return i
		}
		i += run
	}
	return -1
}

// many are n differences of each of so many rules.
func many(rules, n int) (all []backtest.Difference) {
	for i := range n {
		for rule := range rules {
			offset := int64(i*rules + rule)
			all = append(all, differ(backtest.Added, row("gate", 0, offset, float64(i)/float64(n)*10),
				row("gate", 0, offset, float64(i)/float64(n)*10, crossing(fmt.Sprintf("rule-%03d", rule), result.Forward, offset))))
		}
	}
	return all
}

func TestAReportIsBounded(t *testing.T) {
	r := resultOf(t, many(300, 30)...)
	rep := made(t, r, report.Options{MaxBytes: 2 << 20, PerGroup: 20})
	page := html(t, rep)
	if len(page) > 2<<20 {
		t.Errorf("a page of %d bytes", len(page))
	}
	shown := strings.Count(page, "<article")
	if want := (2 << 20) / 4 / (4 << 10); shown != want {
		t.Errorf("%d differences are shown, want as many as fit: %d", shown, want)
	}
	for _, want := range []string{
		"Shown here: " + fmt.Sprint(shown) + " of 9\u202f000 differences.", "Of 100 rules that differ less, with 3\u202f000 differences, none are shown.",
		"The first 1 of 30 differences; the others are left out.",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, most := range []int{500, 2000, 10_000, report.CommentBytes} {
		if got := markdown(t, rep, most); len(got) > most {
			t.Errorf("Markdown of %d bytes, more than %d", len(got), most)
		}
	}
	// What is left out is counted, wherever the room ends.
	for most := 500; most < 10_000; most += 7 {
		got := markdown(t, rep, most)
		if len(got) > most {
			t.Fatalf("Markdown of %d bytes, more than %d", len(got), most)
		}
		if strings.Contains(got, "| camera | analysis |") && !strings.Contains(got, " not shown.") ||
			strings.Contains(got, "\n| `gate`") && !strings.Contains(got, "| camera | analysis |") ||
			strings.Contains(got, "<details>") && !strings.HasSuffix(got, " of 9\u202f000 differences.\n\n</details>\n") {
			t.Fatalf("Markdown of at most %d bytes does not say how much is left out: %q", most, got)
		}
	}
	if lines := strings.Count(text(t, rep), "\n"); lines > 120 {
		t.Errorf("%d lines of text", lines)
	}
}
