package draw_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/framebeam/framebeam/history/backtest"
	"github.com/framebeam/framebeam/monitor/monitortest"
	"github.com/framebeam/framebeam/monitor/server"
	"github.com/framebeam/framebeam/testdata/browser"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/result"
)

func read(t *testing.T, s *monitortest.Site) string {
	t.Helper()
	b, err := os.ReadFile(s.AnalysesFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// do runs a script on the page.
func do(p *browser.Page, script string) { browser.Eval[bool](p, `(`+script+`, true)`) }

// save presses Save, and confirms.
func save(p *browser.Page) {
	p.Until(`!document.querySelector(".drawing .strong:not([hidden])").disabled`)
	do(p, `[...document.querySelectorAll(".drawing button")].find(b => b.textContent.startsWith("Save")).click()`)
	p.Until(`document.querySelector("dialog.saving").open`)
}

func confirm(p *browser.Page) {
	do(p, `[...document.querySelectorAll(".saving button")].find(b => b.textContent.startsWith("Save into")).click()`)
	p.Until(`!document.querySelector("dialog.saving").open && document.querySelector(".saved")`)
}

// points are those of the shape that is chosen, as the form has them.
const points = `[...document.querySelectorAll(".points input")].map(i => +i.value)`

func near(a []float64, b ...float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if d := a[i] - b[i]; d > .006 || d < -.006 {
			return false
		}
	}
	return true
}

func TestDrawingInABrowser(t *testing.T) {
	browser.Skip(t)
	s := monitortest.New(t, monitortest.Options{Frames: 150})
	p := browser.Visit(t, s.URL+"/#/draw/street", browser.Desktop)
	ready := `document.querySelector(".canvas img:not([hidden])")?.naturalWidth === 384 && document.querySelectorAll(".shapes button").length >= 2`
	p.Until(ready)
	p.Accessible()
	p.Fits()
	p.Picture("draw")
	at := func(x, y float64) browser.Spot { return p.In(".board", x, y) }

	// With the mouse: a point of the line that is chosen, then a line of its own.
	if got := browser.Eval[[]float64](p, points); !near(got, .5, .2, .5, 1) {
		t.Fatalf("the line's points are %v", got)
	}
	p.Drag(at(.5, .2), at(.55, .25), at(.6, .3))
	if got := browser.Eval[[]float64](p, points); !near(got, .6, .3, .5, 1) {
		t.Errorf("a point was dragged to %v", got)
	}
	do(p, `[...document.querySelectorAll("button")].find(b => b.textContent === "Undo").click()`)
	if got := browser.Eval[[]float64](p, points); !near(got, .5, .2, .5, 1) {
		t.Errorf("undone, it is %v", got)
	}
	p.Press("l")
	p.Drag(at(.2, .3))
	p.Drag(at(.8, .3), at(.8, .35))
	do(p, `[...document.querySelectorAll("button")].find(b => b.textContent === "Done").click()`)
	p.Until(`document.querySelector("#form-title").textContent === "Line line1"`)
	if got := browser.Eval[[]float64](p, points); !near(got, .2, .3, .8, .35) {
		t.Errorf("a line was drawn at %v", got)
	}
	// Forward is downwards over a line from left to right: its arrow's tip is below the line.
	if !browser.Eval[bool](p, `(() => { const a = document.querySelector(".drawn.on .arrow.forward .tip").getBBox(), l = document.querySelector(".drawn.on .over").getBBox(); return a.y > l.y; })()`) {
		t.Error("forward points upwards")
	}
	p.Picture("draw-line")
	p.Document("monitor-draw.webp")
	p.Accessible()
	do(p, `(() => { const n = document.querySelector("[name=name]"); n.value = "far"; n.dispatchEvent(new Event("change")); const d = document.querySelector("[name=direction]"); d.value = "forward"; d.dispatchEvent(new Event("change")); })()`)
	save(p)
	p.Accessible()
	p.Picture("draw-save")
	if diff := p.Text(".diff"); !strings.Contains(diff, "+cameras:") || !strings.Contains(diff, "+  - match: street") || strings.Contains(diff, "\n-") {
		t.Errorf("what changes is\n%s", diff)
	}
	confirm(p)
	x := browser.Eval[[]float64](p, points)
	want := monitortest.Analyses + fmt.Sprintf("cameras:\n  - match: street\n    lines:\n      far: {points: [[%v, %v], [%v, %v]], direction: forward}\n", x[0], x[1], x[2], x[3])
	if got := read(t, s); got != want {
		t.Errorf("the file is\n%s\nwant\n%s", got, want)
	}

	// With the keyboard: a zone, and a point of it.
	do(p, `document.querySelector(".board-scroll").focus()`)
	p.Press("o")
	for range 3 {
		p.Press(browser.Right)
	}
	p.Press("\r")
	for range 4 {
		p.Press(browser.Down)
	}
	p.Press("\r")
	for range 5 {
		p.Press(browser.Right)
	}
	p.Press("\rd")
	p.Until(`document.querySelector("#form-title").textContent === "Zone zone1"`)
	if got := browser.Eval[[]float64](p, points); !near(got, .53, .5, .53, .54, .58, .54) {
		t.Errorf("a zone was drawn with the keyboard at %v", got)
	}
	do(p, `document.querySelector("[data-point='2']").focus()`)
	p.Press(browser.Down)
	p.Press("\r")
	p.Until(points + `.length === 8`)
	if got := browser.Eval[string](p, `document.activeElement.getAttribute("aria-label")`); !strings.HasPrefix(got, "Point 4 of 4 of zone1") {
		t.Errorf("the focus is on %q", got)
	}
	p.Press("\x7f")
	p.Until(points + `.length === 6`)
	// With numbers, as who sees nothing does.
	for i, v := range []float64{.1, .1, .4, .1, .4, .5} {
		do(p, fmt.Sprintf(`(() => { const n = document.querySelectorAll(".points input")[%d]; n.value = %v; n.dispatchEvent(new Event("change")); })()`, i, v))
	}
	do(p, `(() => { const n = document.querySelector("[name=loiter]"); n.value = "20s"; n.dispatchEvent(new Event("change")); })()`)
	if got := browser.Eval[string](p, `document.querySelector("[aria-label='YAML of what is drawn']").textContent`); got != "zones:\n  zone1:\n    polygon: [[0.1, 0.1], [0.4, 0.1], [0.4, 0.5]]\n    loiter: 20s\n" {
		t.Errorf("the YAML is %q", got)
	}

	// Somebody else was faster: what is drawn stays, and is saved over that.
	if err := os.WriteFile(s.AnalysesFile, []byte("# Changed meanwhile.\n"+want), 0o600); err != nil {
		t.Fatal(err)
	}
	do(p, `[...document.querySelectorAll(".drawing button")].find(b => b.textContent.startsWith("Save")).click()`)
	p.Until(`document.querySelector("main .trouble")?.textContent.includes("changed by somebody else")`)
	p.Accessible()
	do(p, `[...document.querySelectorAll(".trouble button")].find(b => b.textContent.startsWith("Read it again")).click()`)
	p.Until(`!document.querySelector("main .trouble .controls") && document.getElementById("heard").textContent.includes("read again")`)
	p.Bad() // the answer 409
	save(p)
	confirm(p)
	want = "# Changed meanwhile.\n" + want + "    zones:\n      zone1: {polygon: [[0.1, 0.1], [0.4, 0.1], [0.4, 0.5]], loiter: 20s}\n"
	if got := read(t, s); got != want {
		t.Errorf("the file is\n%s\nwant\n%s", got, want)
	}
	// What would be wrong cannot be saved, and is said with its line.
	for i := range 6 {
		do(p, `(() => { const n = document.querySelectorAll(".points input")[`+strconv.Itoa(i)+`]; n.value = .5; n.dispatchEvent(new Event("change")); })()`)
	}
	save(p)
	p.Until(`document.querySelector(".saving .trouble li")?.textContent.startsWith("line ")`)
	if !browser.Eval[bool](p, `[...document.querySelectorAll(".saving button")].find(b => b.textContent.startsWith("Save into")).disabled`) {
		t.Error("what is wrong can be saved")
	}
	p.Press("\x1b")
	do(p, `[...document.querySelectorAll("button")].find(b => b.textContent === "Discard").click()`)
	p.Until(`document.querySelector(".tag.warn").hidden`)

	// With a finger, on a phone: a mask.
	night := browser.Phone
	night.Dark = true
	p.Look(night)
	p.Until(`document.querySelector(".canvas img:not([hidden])")`)
	do(p, `(document.querySelector("[data-tool=mask]").click(), document.querySelector(".board").scrollIntoView({block: "center"}))`)
	for _, c := range [][2]float64{{.7, .1}, {.95, .1}, {.95, .4}} {
		p.Touch(at(c[0], c[1]), at(c[0], c[1]))
	}
	p.Until(`document.querySelectorAll(".board > .dot").length === 3`)
	p.Touch(at(.7, .1))
	p.Until(`document.querySelector("#form-title").textContent === "Mask"`)
	if got := browser.Eval[[]float64](p, points); !near(got, .7, .1, .95, .1, .95, .4) {
		t.Errorf("a mask was drawn with a finger at %v", got)
	}
	do(p, `document.querySelector(".board").scrollIntoView({block: "center"})`)
	p.Touch(at(.7, .1), at(.65, .12), at(.6, .15))
	if got := browser.Eval[[]float64](p, points); !near(got, .6, .15, .95, .1, .95, .4) {
		t.Errorf("its point was dragged with a finger to %v", got)
	}
	p.Accessible()
	p.Fits()
	p.Picture("draw-phone")
	save(p)
	p.Fits()
	p.Picture("draw-save-phone")
	confirm(p)
	if got := read(t, s); !strings.Contains(got, "background: {ignore: [[[0.6") && !strings.Contains(got, "background: {ignore: [[[0.59") {
		t.Errorf("the file is\n%s", got)
	}
	if c, err := profiles.Load(s.AnalysesFile); err != nil {
		t.Error(err)
	} else if _, err := c.Stages(); err != nil {
		t.Error(err)
	}
}

func TestABacktestInABrowserIsThatOfTheCommand(t *testing.T) {
	browser.Skip(t)
	s := monitortest.New(t, monitortest.Options{Frames: 220})
	p := browser.Visit(t, s.URL+"/#/draw/street", browser.Desktop)
	p.Until(`document.querySelectorAll(".shapes button").length >= 2 && document.querySelector(".canvas img:not([hidden])")`)
	// The line that people cross is moved.
	do(p, `(() => { const n = document.querySelectorAll(".points input"); n[0].value = .62; n[0].dispatchEvent(new Event("change")); })()`)
	do(p, `[...document.querySelectorAll(".backtest button")].find(b => b.textContent === "Backtest").click()`)
	p.Until(`document.querySelector(".verdict")`)
	p.Pictures()
	p.Accessible()
	p.Fits()

	// The same by hand.
	given := func(text string) backtest.Given {
		c, err := profiles.Parse("f", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		stages, err := c.Stages()
		if err != nil {
			t.Fatal(err)
		}
		return backtest.Given{Name: "f", Stages: &stages}
	}
	crossed := map[string][2]int{}
	job := backtest.Job{
		Before: given(monitortest.Analyses), After: given(strings.Replace(monitortest.Analyses, "[0.5, 0.2]", "[0.62, 0.2]", 1)),
		Store: s.Output, Log: s.Spec(), Topic: trial.Topic, Cameras: []string{monitortest.Street},
		Watch: func() func(a, b *result.Frame) {
			clear(crossed)
			return func(a, b *result.Frame) {
				for side, row := range []*result.Frame{a, b} {
					for _, e := range row.Events {
						if e.Analysis == "lines/path" {
							n := crossed[e.Transition]
							n[side]++
							crossed[e.Transition] = n
						}
					}
				}
			}
		},
	}
	found, err := job.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	var want []string
	differ := int64(0)
	for _, total := range found.Totals {
		if total.Analysis == "lines/path" {
			n := crossed[total.Transition]
			want = append(want, fmt.Sprintf("Line crossed, %s %d %d", total.Transition, n[0], n[1]))
			differ += total.Differs()
			if total.Before != int64(n[0]) || total.After != int64(n[1]) {
				t.Errorf("%+v, counted %v", total, n)
			}
		}
	}
	got := browser.Eval[[]string](p, `[...document.querySelectorAll(".test > .scroll tbody tr")].map(r => [...r.cells].slice(0, 3).map(c => c.textContent).join(" "))`)
	if !slices.Equal(got, want) || differ == 0 {
		t.Errorf("the page says %q, it is %q", got, want)
	}
	if said := p.Text(".verdict strong"); !strings.HasPrefix(said, strconv.FormatInt(differ, 10)+" difference") {
		t.Errorf("the page says %q, there are %d", said, differ)
	}
	if n := browser.Eval[int](p, `document.querySelectorAll(".pair img").length`); n != 2*int(differ) {
		t.Errorf("%d pictures of %d differences", n, differ)
	}
	if said := p.Text(".verdict .quiet"); !strings.Contains(said, "nothing had to be looked at again") {
		t.Errorf("stored tracks are enough, and it says %q", said)
	}
	do(p, `document.querySelector(".backtest").scrollIntoView()`)
	p.Picture("backtest")
	p.Document("monitor-backtest.webp")
	night := browser.Phone
	night.Dark = true
	p.Look(night)
	p.Accessible()
	p.Fits()
	do(p, `document.querySelector(".backtest").scrollIntoView()`)
	p.Picture("backtest-phone")
}

func TestAReadOnlyPageSavesNothing(t *testing.T) {
	browser.Skip(t)
	s := monitortest.New(t, monitortest.Options{Frames: 70, Server: func(o *server.Options) { o.Edit = false }})
	p := browser.Visit(t, s.URL+"/#/draw/street", browser.Desktop)
	p.Until(`document.querySelectorAll(".shapes button").length >= 2`)
	if browser.Eval[bool](p, `[...document.querySelectorAll(".drawing button")].some(b => b.textContent.startsWith("Save") && b.checkVisibility())`) {
		t.Error("a page that is read-only offers to save")
	}
	if status := browser.Eval[int](p, `fetch("/api/v1/draw/cameras/street/save", {method: "POST", headers: {"Content-Type": "application/json"}, body: "{}"}).then(r => r.status)`); status != 404 && status != 405 {
		t.Errorf("saving answers %d", status)
	}
	p.Bad()
	p.Accessible()

	// The file is away: it says so, and comes back.
	if err := os.Rename(s.AnalysesFile, s.AnalysesFile+".away"); err != nil {
		t.Fatal(err)
	}
	p.Go("#/draw/yard")
	p.Until(`document.querySelector("main .trouble")?.textContent.includes("away")`)
	if err := os.Rename(s.AnalysesFile+".away", s.AnalysesFile); err != nil {
		t.Fatal(err)
	}
	p.Until(`!document.querySelector("main .trouble") && document.querySelectorAll(".shapes button").length >= 2`)
	p.Bad()
}
