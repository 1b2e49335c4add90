package timeline_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/framebeam/framebeam/history/events"
	"github.com/framebeam/framebeam/monitor/inputs"
	"github.com/framebeam/framebeam/monitor/monitortest"
	"github.com/framebeam/framebeam/monitor/server"
	"github.com/framebeam/framebeam/testdata/browser"
)

// ids are those of the events that the command lists, newest first, without the sequence stage's.
func ids(t *testing.T, s *monitortest.Site, f events.Filter) (all []string) {
	t.Helper()
	var b bytes.Buffer
	if err := (&events.Query{Filter: f, Output: s.Output, Format: "jsonl"}).Write(t.Context(), &b, io.Discard); err != nil {
		t.Fatal(err)
	}
	type event struct {
		ID, Captured, Analysis string
		IDs                    string `json:"event_id"`
		Partition              int    `json:"log_partition"`
		Offset                 int64  `json:"log_offset"`
		n                      int
	}
	var list []event
	for line := range strings.Lines(b.String()) {
		e := event{n: len(list)}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Analysis != "sequence" {
			list = append(list, e)
		}
	}
	slices.SortStableFunc(list, func(a, b event) int {
		if a.Captured != b.Captured {
			return strings.Compare(b.Captured, a.Captured)
		}
		if a.Partition != b.Partition {
			return b.Partition - a.Partition
		}
		return b.n - a.n
	})
	for _, e := range list {
		all = append(all, e.IDs)
	}
	return all
}

const shown = `[...document.querySelectorAll(".events > li")].map(li => li.dataset.event)`

func TestEventsInABrowser(t *testing.T) {
	browser.Skip(t)
	s := monitortest.New(t, monitortest.Options{Frames: 220, Archive: true, Server: func(o *server.Options) {
		o.Inputs.EventsTopic = "events"
	}})
	p := browser.Visit(t, s.URL+"/#/events", browser.Desktop)
	p.Until(`document.querySelectorAll(".events > li").length > 0`)
	all := ids(t, s, events.Filter{})
	if got := browser.Eval[[]string](p, shown); !slices.Equal(got, all[:min(50, len(all))]) {
		t.Errorf("%d events are listed, %d there are", len(got), len(all))
	}
	if got := p.Text(".day .small"); !strings.HasPrefix(got, strconv.Itoa(len(all))+" events of 2 cameras") {
		t.Errorf("the day says %q, there are %d", got, len(all))
	}
	p.Until(`[...document.querySelectorAll(".thumb img")].slice(0, 8).every(i => i.complete && i.naturalWidth === 320)`)
	p.Accessible()
	p.Fits()
	p.Picture("events")
	p.Document("monitor-events.webp")

	// The filter is in the address, and the address is the filter.
	f := events.Filter{Cameras: []string{monitortest.Street}, Types: []string{"LineDetector/Crossed"}}
	p.Go("#/events?camera=street&type=LineDetector/Crossed")
	want := ids(t, s, f)
	p.Until(`document.querySelectorAll(".events > li").length === ` + strconv.Itoa(len(want)))
	if got := browser.Eval[[]string](p, shown); !slices.Equal(got, want) || len(want) == 0 {
		t.Errorf("filtered: %v, want %v", got, want)
	}
	if got := browser.Eval[string](p, `document.querySelector("[aria-label=Camera]").value`); got != monitortest.Street {
		t.Errorf("the filter says %q", got)
	}
	// With the keyboard: the filter, then ten minutes of the day.
	p.Press("/")
	p.Until(`document.activeElement.matches("[aria-label=Camera]")`)
	browser.Eval[bool](p, `(document.querySelector(".track").focus(), true)`)
	p.Until(`document.querySelector(".track").getAttribute("aria-valuetext").endsWith("events") || document.querySelector(".track").getAttribute("aria-valuetext").endsWith("event")`)
	p.Press("\r")
	p.Until(`/[?&]from=/.test(location.hash) && document.querySelectorAll(".events > li").length > 0`)
	browser.Eval[bool](p, `(document.querySelector(".lanes details").open = true)`)
	p.Accessible()

	// An event: its picture, its clip, its neighbours, its row.
	p.Go("#/events?camera=street&type=LineDetector/Crossed")
	p.Until(`document.querySelectorAll(".events > li").length === ` + strconv.Itoa(len(want)))
	at := len(want) / 2
	p.Click(`[data-event="` + want[at] + `"] a`)
	p.Until(`document.querySelector("dialog.event").open && document.querySelector(".stage img")?.naturalWidth > 0`)
	p.Accessible()
	p.Picture("event")
	if got := p.Text(".event pre"); !strings.Contains(got, want[at]) {
		var row map[string]any
		if err := json.Unmarshal([]byte(browser.Eval[string](p, `document.querySelector(".event pre").textContent`)), &row); err != nil || row["event_id"] != want[at] {
			t.Errorf("the row is %q, %v", got, err)
		}
	}
	p.Press(browser.Right)
	p.Until(`location.hash.includes("` + want[at-1] + `") && document.querySelector(".event pre")?.textContent.includes("` + want[at-1] + `")`)
	p.Click(".event .strong")
	p.Until(`document.querySelector(".stage video")?.readyState >= 2 && document.querySelector(".stage video").duration > 4`)
	p.Until(`document.querySelector(".event .note").textContent.includes("frames in")`)
	// The film can be jumped in, which needs ranges.
	browser.Eval[bool](p, `new Promise(done => { const v = document.querySelector("video"); v.pause(); v.addEventListener("seeked", () => done(true), {once: true}); v.currentTime = 3; })`)
	p.Picture("clip")
	p.Press("\x1b")
	p.Until(`!document.querySelector("dialog.event").open && !location.hash.includes("event=")`)

	// New ones come by themselves, from the events topic, and are said.
	p.Go("#/events")
	p.Until(`document.querySelectorAll(".events > li").length === ` + strconv.Itoa(min(50, len(all))))
	before := browser.Eval[int](p, `document.querySelectorAll(".events > li").length`)
	s.Capture(t, 60)
	s.Analyse(t)
	p.Until(`document.querySelectorAll(".events > li.new").length > 0 && document.querySelectorAll(".events > li").length > ` + strconv.Itoa(before))
	p.Until(`document.getElementById("heard").textContent.includes("ew event")`)
	all = ids(t, s, events.Filter{})
	p.Until(shown + `[0] === "` + all[0] + `"`)
	p.Until(`document.querySelector(".day .small").textContent.startsWith("` + strconv.Itoa(len(all)) + ` events")`)

	night := browser.Phone
	night.Dark = true
	p.Look(night)
	p.Accessible()
	p.Fits()
	p.Picture("events-phone")
	p.Click(".events > li a")
	p.Until(`document.querySelector(".stage img")?.naturalWidth > 0`)
	p.Accessible()
	p.Fits()
	p.Picture("event-phone")
}

func TestWhatIsAwayIsSaidAndComesBack(t *testing.T) {
	browser.Skip(t)
	s := monitortest.New(t, monitortest.Options{Frames: 120, Archive: true, Server: func(o *server.Options) {
		o.Inputs = inputs.Options{Output: o.Inputs.Output, Archive: o.Inputs.Archive, Topic: o.Inputs.Topic, Zone: o.Inputs.Zone}
	}})
	p := browser.Visit(t, s.URL+"/#/events", browser.Desktop)
	p.Until(`document.querySelectorAll(".events > li").length > 0`)
	away := s.Output + ".away"
	if err := os.Rename(s.Output, away); err != nil {
		t.Fatal(err)
	}
	p.Go("#/events?camera=yard")
	p.Until(`document.querySelector(".trouble")?.textContent.includes("output is away")`)
	p.Accessible()
	if err := os.Rename(away, s.Output); err != nil {
		t.Fatal(err)
	}
	p.Until(`document.querySelectorAll(".events > li").length > 0 && !document.querySelector("main .trouble")`)

	// Without a place of the page's own there is nowhere to make a clip in.
	id := browser.Eval[string](p, shown+`[0]`)
	temporary := filepath.Join(t.TempDir(), "away")
	t.Setenv("TMPDIR", temporary)
	p.Click(`[data-event="` + id + `"] a`)
	p.Until(`document.querySelector(".stage img")?.naturalWidth > 0 || document.querySelector(".stage .none")?.textContent`)
	p.Click(".event .strong")
	p.Until(`document.querySelector(".event .note").textContent.includes("disk is away")`)
	p.Accessible()
	if err := os.Mkdir(temporary, 0o700); err != nil {
		t.Fatal(err)
	}

	// Without the archive there is none either, which is said; the picture is the output's own.
	if err := os.Rename(s.Archive, s.Archive+".away"); err != nil {
		t.Fatal(err)
	}
	p.Click(".event .strong")
	p.Until(`document.querySelector(".event .note").textContent.length > 30 && !document.querySelector(".event .note").textContent.includes("being made")`)
	if err := os.Rename(s.Archive+".away", s.Archive); err != nil {
		t.Fatal(err)
	}
	p.Click(".event .strong")
	p.Until(`document.querySelector(".stage video")?.readyState >= 2`)
	bad := slices.DeleteFunc(p.Bad(), func(s string) bool { return strings.Contains(s, "Failed to load resource") })
	if len(bad) > 0 {
		t.Errorf("%q", bad)
	}
}
