//go:build engines

package engines

import (
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// scrape returns what a command serves as metrics, "" if it does not answer.
func scrape(t *testing.T, j *job) string {
	t.Helper()
	at := regexp.MustCompile(`metrics: (http://\S+)`).FindStringSubmatch(j.output())
	if at == nil {
		return ""
	}
	resp, err := http.Get(at[1])
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return ""
	}
	return string(text)
}

// sumOf adds up a metric's series.
func sumOf(t *testing.T, text, name string) (sum float64) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^`+name+`(?:\{.*\})? (\S+)$`).FindAllStringSubmatch(text, -1) {
		v, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += v
	}
	return sum
}

// What workers count inside Flink's TaskManagers is seen, while the job runs, at the endpoint of
// the program that submitted it, and it goes on growing when Flink has restarted the job.
func TestWhatWorkersOnFlinkCountIsServedBySubmitter(t *testing.T) {
	l := goLive(t, 10*time.Minute)
	l.follow("--listen-metrics=127.0.0.1:0")
	l.flows()
	names := []string{
		"framebeam_job_frames_read_total", "framebeam_job_frames_analyzed_total", "framebeam_job_results_total", "framebeam_job_chunks_total",
		"framebeam_job_written_bytes_total", "framebeam_job_events_total", "framebeam_job_dead_letters_total", "framebeam_job_worker_cpu_seconds_total",
		"framebeam_job_analysis_seconds_total", "framebeam_flink_checkpoints_total",
	}
	var text string
	eventually(t, "all counters are served", func() bool {
		l.alive()
		text = scrape(t, l.job)
		for _, n := range names {
			if sumOf(t, text, n) == 0 {
				return false
			}
		}
		return true
	})
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "framebeam_") {
			t.Log(strings.TrimSpace(line))
		}
	}
	results := sumOf(t, text, "framebeam_job_results_total")
	if rows := sumOf(t, text, "framebeam_job_chunks_total") * chunkOffsets; results != rows {
		t.Errorf("%v rows in chunks of %v offsets", results, rows)
	}
	if err := syscall.Kill(workers()[0].pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a restart is counted, and counters go on", func() bool {
		l.alive()
		text = scrape(t, l.job)
		return sumOf(t, text, "framebeam_flink_job_restarts_total") > 0 && sumOf(t, text, "framebeam_job_results_total") > results
	})
}
