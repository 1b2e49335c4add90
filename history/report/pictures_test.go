package report_test

import (
	"strings"
	"testing"

	"github.com/framebeam/framebeam/history/backtest"
	"github.com/framebeam/framebeam/history/report"
	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/result"
)

// shot is the result of a record of a log, with an object.
func shot(t *testing.T, recs []frame.Record, offset int64, events ...result.Event) result.Frame {
	t.Helper()
	parser, err := frame.NewParser(frame.ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := parser.Parse(&recs[offset])
	if err != nil {
		t.Fatal(err)
	}
	rec := recs[offset]
	rec.Offset = offset
	r := result.Of(trial.Topic, 0, &rec)
	r.Describe(&f)
	r.Events = events
	r.Detections = []result.Detection{{Analysis: "tracking", Label: "person", X: 20, Y: 20, Width: 20, Height: 30, Score: 1, Track: 9001}}
	return r
}

func TestBothSidesOfADifferenceAreShown(t *testing.T) {
	recs := film.Records(film.Config{Cameras: 1, Frames: 20})
	b := trial.Start(t, recs)
	where := log.Spec{Kind: "kafka", Brokers: b.Addrs()}
	e := crossing("door", result.Forward, 9001)
	here := differ(backtest.Added, shot(t, recs, 3), shot(t, recs, 3, e))
	moved := differ(backtest.Moved, shot(t, recs, 5, e), shot(t, recs, 8, e))
	lost := here
	lost.Before.Frame.Offset, lost.After.Frame.Offset = 99, 99
	other := differ(backtest.Removed, shot(t, recs, 10, e), shot(t, recs, 10))
	other.Before.Frame.Bytes++
	other.After.Frame.Bytes++
	r := resultOf(t, here, moved, lost, other)

	page := html(t, made(t, r, report.Options{Log: where}))
	if n := strings.Count(page, `src="data:image/jpeg;base64,`); n != 4 {
		t.Errorf("%d pictures, want both of two differences", n)
	}
	for _, want := range []string{
		`alt="Before: camera cam-00 at 08:00:00.300 with 1 tracked object; lines/door does not happen"`,
		`alt="After: camera cam-00 at 08:00:00.300 with 1 tracked object; lines/door forward, person 9001"`,
		`alt="Before: camera cam-00 at 08:00:00.500 with 1 tracked object; lines/door forward, person 9001 at 08:00:00.500"`,
		"the log ends before it", "another frame has its offset now",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}

	small := html(t, made(t, r, report.Options{Log: where, MaxBytes: 150 << 10}))
	if n := strings.Count(small, "data:image"); len(small) > 150<<10 || n != 2 || !strings.Contains(small, "the page would be too large") {
		t.Errorf("a page of %d bytes with %d pictures", len(small), n)
	}
	if none := html(t, made(t, r, report.Options{})); strings.Contains(none, "data:image") || !strings.Contains(none, "does not happen") {
		t.Error("without a log there are pictures, or it is not said what happens")
	}
}
