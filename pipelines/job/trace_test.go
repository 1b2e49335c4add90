package job_test

import (
	"fmt"
	"testing"

	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/tracing"
	"github.com/framebeam/framebeam/tracing/tracingtest"
	"github.com/framebeam/framebeam/transforms/eventsink"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

// The same log with and without headers of traces, and followed or not, gives the same bytes.
func TestFollowedFramesGiveTheSameBytesAndASpanForEachStage(t *testing.T) {
	logs := trial.Split(film.Records(film.Config{Cameras: 2, Frames: 40, Seed: 3, Odd: true}), 1)
	plain := t.TempDir()
	run(t, jobOn(t, trial.Start(t, logs...), plain, "now"))

	r := tracingtest.Start(t)
	config := tracing.Config{Sample: 0.5, Endpoint: r.Endpoint()}
	parser, err := frame.NewParser(frame.ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	followed := map[string]tracing.ID{} // by trace
	for i := range logs[0] {
		rec := &logs[0][i]
		f, err := parser.Parse(rec)
		if err != nil || f.Epoch == "" { // of the format that has no headers
			continue
		}
		if text, ok := config.Header(tracing.Of(&f)); ok {
			rec.Headers = append(rec.Headers, frame.Header{Key: frame.TraceHeader, Value: []byte(text)})
			at, _ := tracing.ParseHeader(text)
			followed[fmt.Sprintf("%x", at.Trace)] = tracing.Of(&f)
		}
	}
	b := trial.Start(t, logs...)
	traced := jobOn(t, b, t.TempDir(), "now")
	traced.Trace = config
	traced.Events = eventsink.Config{Brokers: traced.Log.Brokers, Topic: "events"}
	traced.EventsPartitions = 1
	run(t, traced)
	trial.SameTree(t, "with headers, and followed", trial.Tree(t, plain), trial.Tree(t, traced.Output))

	events, committed := map[tracing.ID]bool{}, map[tracing.ID]bool{}
	for _, row := range trial.Rows(t, traced.Output) {
		id := tracing.ID{Camera: row.Camera, Epoch: row.Epoch, Sequence: row.Sequence}
		if row.Status == result.OK && row.Offset < int64(len(logs[0]))/traced.N*traced.N {
			committed[id] = true
		}
		events[id] = events[id] || len(row.Events) > 0
	}
	spans := r.Spans()
	seen := 0
	for trace, id := range followed {
		if !committed[id] {
			continue
		}
		want := []string{tracing.Read, tracing.Analyze, tracing.Sequence, tracing.Commit}
		if events[id] {
			want = append(want, tracing.PublishEvents)
		}
		text, _ := config.Header(id)
		at, _ := tracing.ParseHeader(text)
		for _, name := range want {
			s, ok := spans[trace][name]
			if !ok || s.Parent != fmt.Sprintf("%x", at.Span) || s.End.Before(s.Begin) {
				t.Errorf("%v: %s: %+v", id, name, s)
			}
			seen++
		}
	}
	if seen < 50 {
		t.Errorf("only %d spans", seen)
	}
	for trace := range spans {
		if _, is := followed[trace]; !is {
			t.Errorf("a trace of no frame of the sample: %v", spans[trace])
		}
	}
}
