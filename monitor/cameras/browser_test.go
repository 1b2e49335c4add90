package cameras_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/history/counts"
	"github.com/framebeam/framebeam/history/events"
	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/monitor/monitortest"
	"github.com/framebeam/framebeam/testdata/browser"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/result"
)

// told is what the page is told of cameras.
type told struct {
	Day     string
	Cameras []struct {
		ID, State                             string
		Frames, Epochs, Missing, Dead, Events int64
		Counts                                []struct {
			Rule, Type, Transition string
			Events                 int64
		}
	}
}

func get[T any](t *testing.T, s *monitortest.Site, path string) (v T) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v1/"+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&v); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", path, res.Status, err)
	}
	return v
}

// same compares what the page says of the day with what the command counts says of the output: in a
// moment, if rows have just come.
func same(t *testing.T, s *monitortest.Site) {
	t.Helper()
	var wrong []string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if wrong = differences(t, s); len(wrong) == 0 {
			return
		}
	}
	t.Error(strings.Join(wrong, "\n"))
}

func differences(t *testing.T, s *monitortest.Site) (wrong []string) {
	t.Helper()
	got := get[told](t, s, "cameras")
	day, err := period.Parse(got.Day, got.Day+" 23:59:59", s.Zone.String(), "", s.Begin)
	if err != nil {
		t.Fatal(err)
	}
	q := counts.Query{Output: s.Output, Per: "day", By: []string{"camera", "rule", "type", "transition"}, Format: "jsonl", Filter: events.Filter{Period: day}}
	var out, notes bytes.Buffer
	if err := q.Write(t.Context(), &out, &notes); err != nil {
		t.Fatal(err)
	}
	type line struct {
		Camera, Transition                    string
		Rule                                  string `json:"rule_name"`
		Type                                  string `json:"event_type"`
		Events, Frames, Epochs, Missing, Dead int64
	}
	want := map[string]int64{}
	for d := json.NewDecoder(&out); d.More(); {
		var l line
		if err := d.Decode(&l); err != nil {
			t.Fatal(err)
		}
		want[l.Camera+" frames"], want[l.Camera+" epochs"], want[l.Camera+" missing"], want[l.Camera+" dead"] = l.Frames, l.Epochs, l.Missing, l.Dead
		if l.Events > 0 {
			want[l.Camera+" "+l.Rule+" "+l.Type+" "+l.Transition] = l.Events
		}
	}
	have := map[string]int64{}
	for _, c := range got.Cameras {
		have[c.ID+" frames"], have[c.ID+" epochs"], have[c.ID+" missing"], have[c.ID+" dead"] = c.Frames, c.Epochs, c.Missing, c.Dead
		for _, k := range c.Counts {
			have[c.ID+" "+k.Rule+" "+k.Type+" "+k.Transition] = k.Events
		}
	}
	for k := range want {
		if want[k] != have[k] {
			wrong = append(wrong, fmt.Sprintf("%s: the page says %d, counts says %d", k, have[k], want[k]))
		}
	}
	for k := range have {
		if _, ok := want[k]; !ok {
			wrong = append(wrong, fmt.Sprintf("%s: the page says %d, counts nothing", k, have[k]))
		}
	}
	return wrong
}

func TestCamerasInABrowser(t *testing.T) {
	browser.Skip(t)
	s := monitortest.New(t, monitortest.Options{Frames: 130})
	p := browser.Visit(t, s.URL+"/#/cameras", browser.Desktop)
	p.Until(`document.querySelectorAll(".card .picture img:not([hidden])").length === 2`)
	same(t, s)
	p.Picture("grid")
	p.Document("monitor-cameras.webp")

	// A picture has the boxes of its own frame.
	rows := map[int64]result.Frame{}
	for _, r := range trial.Rows(t, s.Output) {
		if r.Camera == monitortest.Street {
			rows[r.Offset] = r
		}
	}
	p.Until(`document.querySelector("[data-camera=street] .picture").dataset.offset === "0@129"`)
	boxes := `document.querySelectorAll("[data-camera=street] rect.box").length`
	p.Until(boxes + ` === ` + strconv.Itoa(len(rows[129].Detections)))
	first := rows[129].Detections[0]
	p.Until(`document.querySelector("[data-camera=street] rect.box").getAttribute("x") === "` + strconv.Itoa(int(first.X)) + `"`)
	p.Until(`document.querySelector("[data-camera=street] .zone polygon") && document.querySelector("[data-camera=street] .line polyline")`)
	p.Press("b")
	p.Until(boxes + ` === 0`)
	p.Press("b")
	p.Press("z")
	p.Until(`!document.querySelector(".zone")`)
	p.Press("z")
	p.Accessible()
	p.Look(browser.Phone)
	p.Fits()
	p.Picture("grid-phone")
	p.Look(browser.Desktop)

	// A camera's own view.
	p.Go("#/cameras/street")
	p.Until(`document.querySelector(".picture img:not([hidden])") && document.querySelector(".chart")`)
	p.Until(`[...document.querySelectorAll("dt")].find(e => e.innerText === "Frames today").nextSibling.innerText === "130"`)
	p.Picture("camera")
	p.Accessible()
	dark := browser.Phone
	dark.Dark = true
	p.Look(dark)
	p.Fits()
	p.Picture("camera-phone")
	p.Document("monitor-phone.webp")
	dark = browser.Desktop
	dark.Dark = true
	p.Look(dark)
	p.Document("monitor-camera.webp")
	p.Look(browser.Desktop)
	p.Press("\x1b") // Escape
	p.Until(`document.querySelectorAll(".card").length === 2`)

	// Frames and results come while it is open.
	stop := s.AnalyseLive(t)
	s.Capture(t, 64)
	p.Until(`document.querySelector("[data-camera=street] .picture").dataset.offset.match(/^0@1[5-9]/)`)
	stop()
	p.Until(`fetch("/api/v1/cameras").then(r => r.json()).then(t => window.frames_ = t.cameras[0].frames), window.frames_ >= 192`)
	same(t, s)

	// A camera whose source is lost says so at once, and why.
	s.Lose(t, 1, monitortest.Yard, "401 Unauthorized")
	p.Until(`document.querySelector("[data-camera=yard]").dataset.state === "lost"`)
	p.Until(`document.querySelector("[data-camera=yard] .tag").title === "401 Unauthorized"`)

	// What is away is said, and that it is back.
	p.Bad()
	s.StopKafka()
	p.Until(`document.querySelector("[data-input=kafka]")`)
	p.Picture("kafka-away")
	p.Accessible()
	if err := os.Rename(s.Output, s.Output+"-away"); err != nil {
		t.Fatal(err)
	}
	p.Until(`document.querySelector("[data-input=output]")`)
	s.StartKafka(t)
	if err := os.Rename(s.Output+"-away", s.Output); err != nil {
		t.Fatal(err)
	}
	p.Until(`document.getElementById("troubles").hidden`)
	if err := os.WriteFile(s.AnalysesFile, []byte("lines: [nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Until(`document.querySelector("[data-input=analyses]")?.innerText.includes("cannot be used")`)
	if err := os.WriteFile(s.AnalysesFile, []byte(monitortest.Analyses), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Until(`document.getElementById("troubles").hidden`)
	same(t, s)
	p.Bad() // of requests that failed meanwhile
}
