package launch

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCountersAreFoundAmongFlinksMetrics(t *testing.T) {
	for metric, want := range map[string]string{
		"9-framebeam_Analyze_ParDo(DoFn).framebeam_frames_analyzed":                 "framebeam/frames_analyzed",
		"[1]chunksink.Write.framebeam_events_committed__type__LineDetector/Crossed": "framebeam/events_committed__type__LineDetector/Crossed",
		"source.kafkasource_records":                                                "kafkasource/records",
		"source.kafkasource_backlog_frames_0":                                       "",
		"source.numRecordsOut":                                                      "",
		"framebeam_job.numRecordsOut":                                               "",
		"Shuffle-Netty-Output-Buffers-outPoolUsage":                                 "",
	} {
		if got := beamName(metric); got != want {
			t.Errorf("%s: %q", metric, got)
		}
	}
}

func TestCountersOfAJobOnFlinkAreAddedUpOverAllItsParts(t *testing.T) {
	const metrics = "/subtasks/metrics"
	c, _ := cluster(t, map[string]string{
		"GET /jobs/overview":                `{"jobs":[{"jid":"7","name":"a-root-1","state":"RUNNING"}]}`,
		"GET /jobs/7":                       `{"jid":"7","vertices":[{"id":"v1"},{"id":"v2"}]}`,
		"GET /jobs/7/vertices/v1" + metrics: `[{"id":"a b.framebeam_chunks_committed"},{"id":"a b.numRecordsIn"},{"id":"a b.framebeam_events_committed__type__X/Y"}]`,
		"GET /jobs/7/vertices/v2" + metrics: `[{"id":"c.framebeam_chunks_committed"},{"id":"c.framebeam_distribution"}]`,
		"GET /jobs/7/vertices/v1" + metrics + "?agg=sum&get=a+b.framebeam_chunks_committed,a+b.framebeam_events_committed__type__X%2FY": `[
			{"id":"a b.framebeam_chunks_committed","sum":3.0},{"id":"a b.framebeam_events_committed__type__X/Y","sum":12.0}]`,
		"GET /jobs/7/vertices/v2" + metrics + "?agg=sum&get=c.framebeam_chunks_committed,c.framebeam_distribution": `[
			{"id":"c.framebeam_chunks_committed","sum":4.0},{"id":"c.framebeam_distribution"}]`,
		"GET /jobs/7/metrics?get=numRestarts,numberOfCompletedCheckpoints,numberOfFailedCheckpoints": `[
			{"id":"numRestarts","value":"1"},{"id":"numberOfCompletedCheckpoints","value":"20"},{"id":"numberOfFailedCheckpoints","value":"0"}]`,
	})
	f := &flinkCounters{cluster: c, job: "a-root-1_77", before: tally{}, last: tally{}}
	got, err := f.ask(t.Context())
	want := tally{
		"framebeam/chunks_committed": 7, "framebeam/events_committed__type__X/Y": 12,
		"flink/restarts": 1, "flink/checkpoints": 20, "flink/failed_checkpoints": 0,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

// Flink begins with all counters at nothing when it restarts a job.
func TestCountersGoOnWhereTheyWereWhenFlinkRestartsTheJob(t *testing.T) {
	f := &flinkCounters{before: tally{}, last: tally{}}
	for i, c := range []struct{ now, want tally }{
		{tally{"a": 5, "b": 2}, tally{"a": 5, "b": 2}},
		{tally{"a": 9, "b": 2}, tally{"a": 9, "b": 2}},
		{tally{"a": 1}, tally{"a": 10, "b": 2}},
		{tally{"a": 4, "b": 1}, tally{"a": 13, "b": 3}},
		{tally{}, tally{"a": 13, "b": 3}},
		{tally{"a": 2, "b": 4, "c": 1}, tally{"a": 15, "b": 6, "c": 1}},
	} {
		if diff := cmp.Diff(c.want, f.grown(c.now)); diff != "" {
			t.Errorf("%d: %s", i, diff)
		}
	}
}
