package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/framebeam/framebeam/pipelines/launch"
)

// engine looks at what runs jobs, if that is not this process.
func engine(ctx context.Context, w *What) []Finding {
	if w.Engine.Name == "" || w.Engine.Name == launch.Direct.Name {
		return nil
	}
	r := &report{check: "engine " + w.Engine.Name}
	if err := w.Engine.Reach(ctx); err != nil {
		r.fail("start Beam's job server, or correct --endpoint; framebeam stack up starts one to try", "%s", reason(ctx, err))
	} else {
		r.ok("its job server accepts connections")
	}
	if err := launch.CheckConnection(w.Engine, w.Connection); err != nil {
		r.fail("", "%v", err)
	}
	if w.Worker != "" {
		switch info, err := os.Stat(w.Worker); {
		case err != nil:
			r.warn("copy the program there on every machine of the engine, or say --worker-path", "the workers' program is not on this machine: %v", err)
		case info.IsDir() || info.Mode()&0o111 == 0:
			r.fail("name the program that workers are, and make it executable", "%s cannot be started", w.Worker)
		default:
			r.ok("the workers' program is at %s on this machine", w.Worker)
		}
	}
	if w.Engine.Name == launch.Flink.Name && w.FlinkREST != "" {
		flink(ctx, r, strings.TrimRight(w.FlinkREST, "/"))
	}
	return r.all
}

// maxAnswer bounds an answer of Flink.
const maxAnswer = 1 << 20

// flink looks at a Flink cluster, and at its clock.
func flink(ctx context.Context, r *report, url string) {
	var overview struct {
		TaskManagers   int    `json:"taskmanagers"`
		Slots          int    `json:"slots-total"`
		SlotsAvailable int    `json:"slots-available"`
		Version        string `json:"flink-version"`
	}
	date, err := get(ctx, url+"/overview", &overview)
	switch {
	case err != nil:
		r.fail("start Flink, or correct --flink-rest", "its REST interface does not answer: %s", reason(ctx, err))
		return
	case !tested(overview.Version):
		r.warn("Beam's runner is for one line of Flink each: the job server must be of the same", "Flink %s; tested with 1.19", overview.Version)
	default:
		r.ok("Flink %s, %d TaskManagers", overview.Version, overview.TaskManagers)
	}
	if overview.SlotsAvailable == 0 {
		r.warn("end a job, or start TaskManagers", "none of %d slots is free: another job would wait", overview.Slots)
	}
	if skew := time.Since(date).Abs(); !date.IsZero() && skew > 2*driftMost+time.Second { // the header has whole seconds
		r.warn("set both clocks by NTP", "its clock and this machine's differ by %v", skew.Round(time.Second))
	}
}

func tested(version string) bool { return strings.HasPrefix(version, "1.19.") }

// get asks for JSON, and the answer's date.
func get(ctx context.Context, url string, into any) (date time.Time, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return date, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return date, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return date, fmt.Errorf("%s: %s", url, resp.Status)
	}
	date, _ = http.ParseTime(resp.Header.Get("Date")) // Flink says none
	return date, json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(into)
}
