package job_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/metrics"
	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/result"
)

// scrape returns a metric's series that are not 0, by what is in the braces.
func scrape(t *testing.T, e *metrics.Endpoint, name string) map[string]float64 {
	t.Helper()
	w := httptest.NewRecorder()
	e.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	got := map[string]float64{}
	for line := range strings.Lines(w.Body.String()) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		base, labels, _ := strings.Cut(series, "{")
		if base != name {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatal(err)
		}
		if v != 0 {
			got[strings.TrimSuffix(labels, "}")] = v
		}
	}
	return got
}

func TestWhatAJobSaysOfItselfIsWhatItDid(t *testing.T) {
	logs := trial.Split(film.Records(film.Config{Cameras: 4, Frames: 60, Seed: 7, Odd: true}), 2)
	b := trial.Start(t, logs...)
	j := jobOn(t, b, t.TempDir(), "now")
	j.Metrics = metrics.New("analyze")
	run(t, j)
	n := 0
	for _, l := range logs {
		n += len(l)
	}
	rows, chunks := 0, map[string]bool{}
	dead, events := map[string]float64{}, map[string]float64{}
	for _, r := range trial.Rows(t, j.Output) {
		if r.Offset >= int64(len(logs[r.Partition]))/j.N*j.N {
			continue // in a partial file
		}
		rows++
		chunks[fmt.Sprint(r.Partition, r.Offset/j.N)] = true
		if r.Status == result.Dead {
			dead[fmt.Sprintf("reason=%q", r.Reason)]++
		}
		for _, e := range r.Events {
			events[fmt.Sprintf("type=%q", e.Type)]++
		}
	}
	one := func(n int) map[string]float64 { return map[string]float64{"": float64(n)} }
	for name, want := range map[string]map[string]float64{
		"framebeam_job_frames_read_total": one(n), "framebeam_job_results_total": one(rows), "framebeam_job_chunks_total": one(len(chunks)),
		"framebeam_job_partial_files_total": one(2), "framebeam_job_dead_letters_total": dead, "framebeam_job_events_total": events,
		"framebeam_job_generation": one(1), "framebeam_job_pipelines_total": one(1),
	} {
		if diff := cmp.Diff(want, scrape(t, j.Metrics, name)); diff != "" || len(want) == 0 {
			t.Errorf("%s: %s", name, diff)
		}
	}
	took := scrape(t, j.Metrics, "framebeam_job_analysis_seconds_total")
	for _, a := range []string{"decode", "quality", "motion", "tracking"} {
		if took[fmt.Sprintf("analysis=%q", a)] <= 0 {
			t.Errorf("%s took no time: %v", a, took)
		}
	}
	if h := j.Metrics.Readyz(context.Background()); h.OK || h.Checks[0].Reason != "the job has ended" {
		t.Error(h)
	}
	before := scrape(t, j.Metrics, "framebeam_job_frames_read_total")[""]
	j.Output = t.TempDir() // all again
	run(t, j)
	if now := scrape(t, j.Metrics, "framebeam_job_frames_read_total")[""]; now != 2*before {
		t.Errorf("of two jobs %v records were read, of one %v", now, before)
	}
}

func TestALiveJobSaysHowFarItsPartitionsAre(t *testing.T) {
	logs := trial.Split(film.Records(film.Config{Cameras: 4, Frames: 20, Seed: 7}), 2)
	b := trial.Start(t, logs...)
	j := jobOn(t, b, t.TempDir(), "never")
	j.Metrics, j.Partitions, j.Interim = metrics.New("analyze"), []int32{1}, 100*time.Millisecond
	j.Progress = time.Minute // which it shows, too
	r := start(t, j)
	want := map[string]float64{`partition="1",topic="frames"`: float64(len(logs[1]))}
	r.until(t, "it says that all is processed", func() bool {
		return cmp.Equal(want, scrape(t, j.Metrics, "framebeam_partition_processed_offset"))
	})
	if diff := cmp.Diff(want, scrape(t, j.Metrics, "framebeam_partition_log_end_offset")); diff != "" {
		t.Error(diff)
	}
	r.end(t)
}
