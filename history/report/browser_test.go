package report_test

import (
	"image"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/history/backtest"
	"github.com/framebeam/framebeam/history/report"
	"github.com/framebeam/framebeam/testdata/browser"
	"github.com/framebeam/framebeam/testdata/samples"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
)

// street is a log with the first frames of vtest.avi, ten a second.
func street(t *testing.T, frames int, size image.Point) (recs []frame.Record) {
	t.Helper()
	path, err := samples.Path("vtest.avi")
	if err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	video, err := gocv.OpenVideoCapture(path)
	if err != nil {
		t.Fatal(err)
	}
	defer video.Close()
	m := gocv.NewMat()
	defer m.Close()
	for i := range frames {
		if !video.Read(&m) {
			t.Fatalf("vtest.avi has only %d frames", i)
		}
		gocv.Resize(m, &m, size, 0, 0, gocv.InterpolationArea)
		b, err := gocv.IMEncode(gocv.JPEGFileExt, m)
		if err != nil {
			t.Fatal(err)
		}
		f := frame.Frame{
			Camera: "street", Epoch: "e", Sequence: int64(i), Captured: begin.Add(time.Duration(i) * 100 * time.Millisecond),
			Width: size.X, Height: size.Y, Encoding: frame.JPEG, Data: append([]byte(nil), b.GetBytes()...),
		}
		b.Close()
		recs = append(recs, f.CloudEvent())
	}
	return recs
}

const (
	usual = `
motion: false
background: true
tracking: true
lines: {path: {points: [[0.5, 0.2], [0.5, 1]]}}
zones: {grass: {polygon: [[0, 0.4], [0.35, 0.4], [0.35, 1], [0, 1]]}}
`
	moved = `
motion: false
background: true
tracking: true
lines: {path: {points: [[0.62, 0.2], [0.55, 1]]}}
zones: {grass: {polygon: [[0, 0.4], [0.42, 0.4], [0.42, 1], [0, 1]], loiter: 8s}}
`
)

func TestAReportOfRealVideoInABrowser(t *testing.T) {
	browser.Skip(t)
	b := trial.Start(t, street(t, 240, image.Pt(384, 288)))
	stages := func(name, text string) backtest.Given {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := profiles.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.Stages()
		if err != nil {
			t.Fatal(err)
		}
		return backtest.Given{Name: name, Stages: &s}
	}
	where := log.Spec{Kind: "kafka", Brokers: b.Addrs()}
	job := backtest.Job{Before: stages("analyses.yaml", usual), After: stages("moved-line.yaml", moved), Log: where, Topic: trial.Topic}
	result, err := job.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer result.Close()
	if result.Differences() < 10 || !result.Exact {
		t.Fatalf("%d differences, exact: %v %q", result.Differences(), result.Exact, result.Bounds)
	}

	file := filepath.Join(t.TempDir(), "report.html")
	rep := made(t, result, report.Options{Log: where})
	if err := os.WriteFile(file, []byte(html(t, rep)), 0o600); err != nil {
		t.Fatal(err)
	}
	p := browser.Open(t, file, browser.Desktop)
	n := int(result.Differences())
	if got := p.Pictures(); got != 2*n {
		t.Errorf("%d pictures of %d differences", got, n)
	}
	if got := browser.Eval[int](p, `document.querySelectorAll("tbody tr").length`); got != len(result.Totals) {
		t.Errorf("%d rows of counts, want %d", got, len(result.Totals))
	}
	p.Accessible()
	p.Fits()
	filter(t, p, result)
	zoom(t, p)

	night := browser.Phone
	night.Dark = true
	p.Look(night)
	p.Accessible()
	p.Fits()

	// Without its script the page has everything.
	still := browser.Desktop
	still.NoScript = true
	p.Load(still)
	if got := browser.Eval[int](p, `[...document.querySelectorAll("article")].filter(a => a.checkVisibility()).length`); got != n {
		t.Errorf("%d of %d differences are seen without JavaScript", got, n)
	}
	if browser.Eval[bool](p, `document.querySelector(".filter").checkVisibility()`) {
		t.Error("a filter that does nothing is shown")
	}
}

// filter chooses each kind of difference, as a person does, with the keyboard.
func filter(t *testing.T, p *browser.Page, r *backtest.Result) {
	t.Helper()
	visible := `[...document.querySelectorAll("article")].filter(a => a.checkVisibility())`
	for kind, want := range map[string]int64{"added": r.Sum.Added, "removed": r.Sum.Removed, "changed": r.Sum.Changed, "moved": r.Sum.Moved} {
		if want == 0 {
			continue
		}
		at := browser.Eval[int](p, `(() => {
			const s = document.querySelector("[data-filter=kind]");
			s.focus();
			return [...s.options].findIndex(o => o.value === "`+kind+`") })()`)
		p.Press(browser.Home)
		for range at {
			p.Press(browser.Down)
		}
		if got := browser.Eval[[]string](p, visible+`.map(a => a.dataset.kind)`); len(got) != int(want) || strings.Join(got, "") != strings.Repeat(kind, len(got)) {
			t.Errorf("filtered by %s: %d differences, want %d: %v", kind, len(got), want, got)
		}
		if said := browser.Eval[string](p, `document.querySelector("output").value`); !strings.HasPrefix(said, strconv.FormatInt(want, 10)+" of ") {
			t.Errorf("it says %q, want %d", said, want)
		}
	}
	// A bar of the timeline leads to a difference also where the filter hides it.
	target := browser.Eval[string](p, `(() => {
		const hidden = [...document.querySelectorAll(".lane a")].find(a => document.querySelector(a.getAttribute("href")).hidden);
		if (!hidden) return "";
		location.hash = hidden.getAttribute("href");
		return location.hash })()`)
	if target != "" {
		if !browser.Eval[bool](p, `new Promise(r => setTimeout(r)).then(() => document.querySelector("`+target+`").checkVisibility())`) {
			t.Errorf("%s stays hidden", target)
		}
	}
}

// zoom stretches a timeline with the arrow keys.
func zoom(t *testing.T, p *browser.Page) {
	t.Helper()
	width := `document.querySelector(".axis").getBoundingClientRect().width`
	before := browser.Eval[float64](p, `(document.querySelector(".zoom input").focus(), `+width+`)`)
	p.Press(browser.Right)
	if after := browser.Eval[float64](p, width); after < 3.9*before || after > 4.1*before {
		t.Errorf("zoomed four times the timeline is %v wide, before %v", after, before)
	}
	p.Fits()
}
