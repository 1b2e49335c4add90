package pipeline_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/framebeam/framebeam/monitor/monitortest"
	"github.com/framebeam/framebeam/monitor/server"
	"github.com/framebeam/framebeam/testdata/browser"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

// flink answers as Flink's REST interface does, of one job.
func flink(t *testing.T) *httptest.Server {
	t.Helper()
	const job = "/jobs/0123456789abcdef0123456789abcdef"
	answers := map[string]string{
		"/jobs/overview":     `{"jobs":[{"jid":"0123456789abcdef0123456789abcdef","name":"framebeam-analyze","start-time":1760000000000,"end-time":-1,"duration":5,"state":"RUNNING"}]}`,
		job + "/checkpoints": `{"counts":{"restored":1,"total":12,"in_progress":1,"completed":10,"failed":1},"latest":{"completed":{"id":11,"trigger_timestamp":1760000100000,"end_to_end_duration":1500,"state_size":2000000},"failed":{"failure_message":"Checkpoint expired before completing."}}}`,
		job + "/metrics":     `[{"id":"numRestarts","value":"3"}]`,
		job + "/exceptions":  `{"exceptionHistory":{"entries":[{"exceptionName":"java.lang.Exception","stacktrace":"java.lang.Exception: a worker died\n\tat x","timestamp":1760000050000}]}}`,
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a, ok := answers[r.URL.Path]; ok {
			fmt.Fprint(w, a)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestThePipelineInABrowser(t *testing.T) {
	browser.Skip(t)
	rest := flink(t)
	s := monitortest.New(t, monitortest.Options{Frames: 130, Server: func(o *server.Options) { o.Inputs.FlinkREST = rest.URL }})
	p := browser.Visit(t, s.URL+"/#/pipeline", browser.Desktop)
	figure := func(what string) string {
		return `[...document.querySelectorAll(".figures li")].find(e => e.innerText.includes("` + what + `")).querySelector("strong").innerText`
	}
	p.Until(figure("frames to go") + ` === "0"`)
	p.Until(figure("dead letters") + ` === "0"`)
	p.Until(`document.querySelector("#pipeline-generations").innerText.includes("analyses.yaml is what the newest generation is made with")`)
	p.Until(`document.querySelector("#pipeline-storage").innerText.includes("260 rows in")`)
	for _, said := range []string{"running", "10 completed, 1 failed, 1 under way", "a worker died", "Checkpoint expired", "took 1.5 s, 2.0 MB"} {
		p.Until(`document.querySelector("#pipeline-flink").innerText.includes("` + said + `")`)
	}

	// Frames that are not analysed yet, and what cannot be read.
	bad := []byte(`{"this": "is no frame"}`)
	s.Append(t, 0, frame.Record{Key: []byte(monitortest.Street), Value: bad})
	s.Append(t, 1, frame.Record{Key: []byte("../yard"), Value: []byte{0, 1, 2, 3}})
	s.Capture(t, 10)
	p.Until(figure("frames to go") + ` === "22"`)
	cell := func(row, column int) string {
		return fmt.Sprintf(`document.querySelector("#pipeline-positions tbody").rows[%d].cells[%d].innerText`, row, column)
	}
	p.Until(cell(0, 2) + ` === "141" && ` + cell(0, 4) + ` === "130" && ` + cell(0, 3) + ` === "128" && ` + cell(0, 5) + ` === "11"`)
	if err := os.WriteFile(s.AnalysesFile, []byte(strings.Replace(monitortest.Analyses, "loiter: 3s", "loiter: 9s", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Until(`document.querySelector("#pipeline-generations").innerText.includes("says something else")`)
	s.Analyse(t)
	p.Until(figure("frames to go") + ` === "0"`)
	p.Until(`document.querySelector("#pipeline-generations").innerText.includes("Generation 2")`)
	p.Until(`document.querySelector("#pipeline-generations table").innerText.includes("loiter")`)
	reasons := map[string]int{}
	for _, r := range trial.Rows(t, s.Output) {
		if r.Status == result.Dead {
			reasons[r.Reason]++
		}
	}
	if len(reasons) != 2 {
		t.Fatalf("dead letters: %v", reasons)
	}
	p.Until(figure("dead letters") + ` === "2"`)
	for why, n := range reasons {
		p.Until(fmt.Sprintf(`document.querySelector("#pipeline-dead").innerText.includes("%s %d")`, why, n))
	}
	p.Picture("pipeline")
	p.Document("monitor-pipeline.webp")
	p.Accessible()
	p.Click(`#pipeline-dead button[aria-label*="frames/0@130"]`)
	p.Until(`document.querySelector("dialog[open] pre").innerText === ` + "`" + string(bad) + "`")
	p.Accessible()
	if got := browser.Eval[string](p, `fetch(document.querySelector("dialog[open] a").href).then(r => r.text())`); got != string(bad) {
		t.Errorf("downloaded %q", got)
	}
	p.Click("dialog[open] button")
	dark := browser.Phone
	dark.Dark = true
	p.Look(dark)
	p.Fits()
	p.Picture("pipeline-phone")

	// While Kafka is away the last numbers stay, with their age.
	p.Bad()
	s.StopKafka()
	p.Until(`document.querySelector("#pipeline-positions").innerText.includes("This is as it was")`)
	s.StartKafka(t)
	p.Until(`!document.querySelector("#pipeline-positions .trouble") && document.getElementById("troubles").hidden`)
	rest.Close()
	p.Until(`document.querySelector("#pipeline-flink .trouble") && document.querySelector("[data-input=flink]")`)
	p.Bad()
}
