// Package jobmetrics is what a job says of itself as metrics: what its workers count, wherever
// they run, and how far it is.
//
// Workers serve nothing and push nothing. They count with Beam's counters, which come through the
// engine's own ways to the process that submitted the job, and it has the one endpoint.
package jobmetrics

import (
	"cmp"
	"errors"
	"sync"

	"github.com/framebeam/framebeam/metrics"
	"github.com/framebeam/framebeam/transforms/counters"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/frame"
)

var deadLetters = by("framebeam_job_dead_letters_total", "Records that could not be read or analysed, in chunks that were published, by reason.", "reason", 1)

// What workers count. What was done again, after a failure, is counted again.
var counted = map[string]*counter{
	"kafkasource/records":               count("framebeam_job_frames_read_total", "Records read from the log."),
	"kafkasource/bytes":                 count("framebeam_job_read_bytes_total", "Bytes of those."),
	"kafkasource/gaps":                  count("framebeam_job_offset_gaps_total", "Offsets that hold no record."),
	"framebeam/frames_analyzed":         count("framebeam_job_frames_analyzed_total", "Frames that all analyses have seen."),
	"framebeam/analysis_micros":         by("framebeam_job_analysis_seconds_total", "Time that analyses took, of all workers, by analysis; decode is decoding before them.", "analysis", 1e-6),
	"framebeam/boxes_dropped":           count("framebeam_job_boxes_dropped_total", "Boxes left out, since nothing of them lay in the picture."),
	"framebeam/events_published":        count("framebeam_job_events_published_total", "Events sent to the events topic."),
	"framebeam/events_committed":        by("framebeam_job_events_total", "Events in chunks that were published, by type.", "type", 1),
	"framebeam/dead_letters_committed":  deadLetters,
	"framebeam/results_committed":       count("framebeam_job_results_total", "Rows in chunks that were published."),
	"framebeam/chunks_committed":        count("framebeam_job_chunks_total", "Chunks published."),
	"framebeam/bytes_committed":         count("framebeam_job_written_bytes_total", "Bytes of their results and states."),
	"framebeam/partials_committed":      count("framebeam_job_partial_files_total", "Partial files published."),
	"framebeam/partial_bytes_committed": count("framebeam_job_partial_written_bytes_total", "Bytes of those."),
	"framebeam/late_parts_dropped":      count("framebeam_job_late_parts_total", "Parts that came again for chunks that were complete."),
	"framebeam/worker_cpu_micros":       {family: metrics.Counter("framebeam_job_worker_cpu_seconds_total", "CPU of all workers; on the direct runner of this process."), scale: 1e-6},
	"archive/records":                   optional(count("framebeam_archive_records_total", "Records archived.")),
	"archive/files":                     optional(count("framebeam_archive_files_total", "Files of the archive published.")),
	"flink/restarts":                    optional(count("framebeam_flink_job_restarts_total", "Times that Flink restarted the job.")),
	"flink/checkpoints":                 optional(count("framebeam_flink_checkpoints_total", "Checkpoints that Flink completed of the job.")),
	"flink/failed_checkpoints":          optional(count("framebeam_flink_failed_checkpoints_total", "Checkpoints of the job that failed.")),
}

var (
	pipelines   = metrics.Counter("framebeam_job_pipelines_total", "Pipelines begun; a job that is cut into slices runs several, one after another.")
	generation  = metrics.Gauge("framebeam_job_generation", "The output's generation that the job writes.").Joined(metrics.Highest)
	creditInUse = metrics.Gauge("framebeam_job_credit_bytes", "Bytes of frames under way between source and analyses, on engines that are paced by a credit.")
)

// counter is a metric that is made of a Beam counter.
type counter struct {
	family *metrics.Family
	label  string  // of the Beam counter; "": none
	scale  float64 // from the one's unit to the other's
	// optional counters are not those of every job: they are there when they are counted.
	optional bool
}

func optional(c *counter) *counter {
	c.optional = true
	return c
}

func count(name, help string) *counter {
	return &counter{family: metrics.Counter(name, help), scale: 1}
}

func by(name, help, label string, scale float64) *counter {
	return &counter{family: metrics.Counter(name, help, label), label: label, scale: scale}
}

// Job is what one job says.
type Job struct {
	say   func(error)
	place place

	mu           sync.Mutex
	before, last map[string]int64 // of the pipelines before, and of the one that runs
	pipelines    int
	generation   int
	paced        bool
}

// New begins to say how a job is; it is not ready until it runs. A nil endpoint is nowhere. Of
// several jobs of a process, one after another, counters are added up.
func New(e *metrics.Endpoint) *Job {
	j := &Job{say: e.Phase("job"), before: map[string]int64{}}
	e.Collect(j.collect)
	return j
}

// Runs says that the job runs.
func (j *Job) Runs() { j.say(nil) }

// errEnded is why a job is not ready that has ended.
var errEnded = errors.New("the job has ended")

// Ended says that the job has ended, with that error or nil.
func (j *Job) Ended(err error) {
	j.say(cmp.Or(err, errEnded))
	j.mu.Lock()
	defer j.mu.Unlock()
	j.paced = false
	j.place.forget() // another job on the same output says it better
}

// Generation says which generation of its output the job writes, and whether it is paced
// by this process's credit.
func (j *Job) Generation(n int, paced bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.generation, j.paced = n, paced
}

// Pipeline says that another pipeline begins, whose counters begin at nothing.
func (j *Job) Pipeline() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for name, n := range j.last {
		j.before[name] += n
	}
	j.last = nil
	j.pipelines++
}

// Counted takes the counters of the pipeline that runs; see launch.Meter.
func (j *Job) Counted(now map[string]int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last = now
}

func (j *Job) collect(v *metrics.Values) {
	j.place.collect(v)
	j.mu.Lock()
	defer j.mu.Unlock()
	v.Set(pipelines, float64(j.pipelines))
	if j.generation > 0 {
		v.Set(generation, float64(j.generation))
	}
	if j.paced {
		v.Set(creditInUse, float64(element.Pace.UnderWay()))
	}
	// What was never counted is nothing, and not unknown: a first dead letter is an increase.
	for _, c := range counted {
		if c.label == "" && !c.optional {
			v.Set(c.family, 0)
		}
	}
	for _, r := range frame.Reasons {
		v.Set(deadLetters.family, 0, string(r))
	}
	for _, of := range []map[string]int64{j.before, j.last} {
		for name, n := range of {
			base, label, value := counters.Split(name)
			c := counted[base]
			switch {
			case c == nil || c.label != label:
			case label == "":
				v.Set(c.family, float64(n)*c.scale)
			default:
				v.Set(c.family, float64(n)*c.scale, value)
			}
		}
	}
}
