package perframe

import (
	"bytes"
	"encoding/json"
	"image"
	"image/jpeg"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

func picture8x6(t testing.TB) []byte {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, 8, 6))
	for i := range m.Pix {
		m.Pix[i] = byte(i * 5)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func record(offset int64, camera string, value []byte) frame.Record {
	f := frame.Frame{
		Camera: camera, Epoch: "e1", Sequence: offset, Captured: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC),
		Width: 8, Height: 6, Encoding: frame.JPEG, Data: value,
	}
	rec := f.CloudEvent()
	rec.Offset = offset
	return rec
}

// undecodable is complete by its markers, but has no quantisation tables.
func undecodable(t testing.TB) []byte {
	b := bytes.Clone(picture8x6(t))
	for {
		i := bytes.Index(b, []byte{0xff, 0xdb})
		if i < 0 {
			return b
		}
		b[i+1] = 0xe5
	}
}

func TestRecordsBecomeResults(t *testing.T) {
	good := picture8x6(t)
	for _, c := range []struct {
		name   string
		rec    frame.Record
		reason frame.Reason
	}{
		{"a good frame", record(7, "gate", good), ""},
		{"a frame whose image ends early", record(8, "gate", good[:len(good)-2]), frame.ReasonTruncated},
		{"a frame that cannot be decoded though its header is right", record(9, "gate", undecodable(t)), frame.ReasonNotImage},
		{"a frame of no camera", record(10, "", good), frame.ReasonNoKey},
		{"an empty value", frame.Record{Offset: 11, Key: []byte("gate")}, frame.ReasonEmpty},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, analyses := range [][]string{nil, {"quality"}} {
				a, err := NewAnalyzer(looking(analyses...))
				if err != nil {
					t.Fatal(err)
				}
				it, err := a.Analyze(chunk.Partition{Topic: "frames", ID: 3}, &c.rec)
				if err != nil {
					t.Fatal(err)
				}
				res := it.Result
				if res.Topic != "frames" || res.Partition != 3 || res.Offset != c.rec.Offset || res.Bytes != int64(len(c.rec.Value)) {
					t.Errorf("the result is of another record: %+v", res)
				}
				if frame.Reason(res.Reason) != c.reason {
					t.Errorf("with %v: reason %q (%s), want %q", analyses, res.Reason, res.Detail, c.reason)
				}
				if (res.Status == result.OK) != (c.reason == "") {
					t.Errorf("status %s", res.Status)
				}
				if (res.Quality != nil) != (c.reason == "" && analyses != nil) {
					t.Errorf("with %v: quality %v", analyses, res.Quality)
				}
				if c.reason == "" && (it.Frame.Camera != "gate" || res.Width != 8 || res.Sequence != 7) {
					t.Errorf("frame %+v, result %+v", it.Frame, res)
				}
			}
		})
	}
}

// looking is a configuration with these analyses for every camera.
func looking(names ...string) Config {
	var p Profile
	for _, n := range names {
		p.Analyses = append(p.Analyses, params.Spec{Kind: n, Name: n})
	}
	return Config{Profiles: []Profile{p}}
}

func TestAWrongConfigurationIsRefused(t *testing.T) {
	for name, cfg := range map[string]Config{
		"unknown analysis":       looking("smell"),
		"an analysis twice":      looking("quality", "quality"),
		"impossible parse limit": {Parse: frame.ParseOptions{MaxSide: -1}},
	} {
		if _, err := NewAnalyzer(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestDecodedFramesAreHandedOverWhenAskedFor(t *testing.T) {
	defer pixels.Handover.DropAll()
	rec := record(1, "gate", picture8x6(t))
	for _, handOver := range []bool{false, true} {
		a, err := NewAnalyzer(Config{HandOver: handOver})
		if err != nil {
			t.Fatal(err)
		}
		it, err := a.Analyze(chunk.Partition{Topic: "frames"}, &rec)
		if err != nil {
			t.Fatal(err)
		}
		m, ok := pixels.Handover.Take(pixels.KeyOf("frames", 0, 1, &it.Frame))
		if ok {
			m.Close()
		}
		if ok != handOver {
			t.Errorf("handed over: %v, want %v", ok, handOver)
		}
	}
}

type emitted struct {
	runs  map[string]element.Run
	parts map[string]element.Part
}

func process(t *testing.T, cfg Config, run chunk.Run) emitted {
	t.Helper()
	// The configuration reaches the worker as JSON.
	b, err := json.Marshal(&analyzeFn{Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	var fn analyzeFn
	if err := json.Unmarshal(b, &fn); err != nil {
		t.Fatal(err)
	}
	if err := fn.Setup(); err != nil {
		t.Fatal(err)
	}
	out := emitted{map[string]element.Run{}, map[string]element.Part{}}
	err = fn.ProcessElement(run,
		func(k string, r element.Run) { out.runs[k] = r },
		func(k string, p element.Part) { out.parts[k] = p })
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRunsPassTheStage(t *testing.T) {
	link := chunk.Link{Partition: chunk.Partition{Topic: "frames", ID: 2}, Chunk: 4, N: 10, Camera: "gate", Prev: 81, Restore: chunk.None}
	cfg := looking("quality")

	t.Run("a run of frames goes to the sequence stage, poison in its place", func(t *testing.T) {
		run := chunk.Run{Link: link, Records: []frame.Record{
			record(41, "gate", picture8x6(t)), record(42, "gate", []byte("{")), record(44, "gate", picture8x6(t)),
		}}
		out := process(t, cfg, run)
		got, ok := out.runs["frames+2+gate"]
		if !ok || len(out.runs) != 1 || len(out.parts) != 0 {
			t.Fatalf("emitted %+v", out)
		}
		if diff := cmp.Diff(link, got.Link); diff != "" {
			t.Error(diff)
		}
		var status []result.Status
		for _, it := range got.Items {
			status = append(status, it.Result.Status)
		}
		if diff := cmp.Diff([]result.Status{result.OK, result.Dead, result.OK}, status); diff != "" {
			t.Error(diff)
		}
		back, err := element.UnmarshalRun(got.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, back, cmpopts.IgnoreUnexported(element.Run{})); diff != "" {
			t.Errorf("the run changes on its way: %s", diff)
		}
	})

	for _, kind := range []chunk.Kind{chunk.Save, chunk.Clear} {
		mark := link
		mark.Kind = kind
		out := process(t, cfg, chunk.Run{Link: mark})
		if diff := cmp.Diff(map[string]element.Run{"frames+2+gate": {Link: mark}}, out.runs, cmpopts.IgnoreUnexported(element.Run{})); diff != "" {
			t.Errorf("kind %d does not pass through: %s", kind, diff)
		}
	}

	t.Run("records of no camera are dead letters of their chunk", func(t *testing.T) {
		stray := link
		stray.Kind, stray.Camera, stray.Prev = chunk.Stray, "", chunk.Fresh
		out := process(t, cfg, chunk.Run{Link: stray, Records: []frame.Record{
			record(45, "", picture8x6(t)), record(46, "../etc", picture8x6(t)),
		}})
		part, ok := out.parts["frames+2+4"]
		if !ok || len(out.runs) != 0 || len(out.parts) != 1 {
			t.Fatalf("emitted %+v", out)
		}
		var reasons []string
		for _, r := range part.Results {
			reasons = append(reasons, r.Reason)
		}
		if diff := cmp.Diff([]string{"no_key", "bad_key"}, reasons); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnalyzeFitsIntoAPipeline(t *testing.T) {
	p, s := beam.NewPipelineWithRoot()
	runs := beam.Create(s, chunk.Run{})
	sequenced, stray := Analyze(s, looking("quality"), runs)
	beam.GroupByKey(s, sequenced)
	beam.GroupByKey(s, stray)
	if _, _, err := p.Build(); err != nil {
		t.Fatal(err)
	}
}

func TestAnalysesSeeTheTimeThatResultsHold(t *testing.T) {
	rec := record(0, "gate", picture8x6(t))
	for i := range rec.Headers {
		if rec.Headers[i].Key == "ce_time" {
			rec.Headers[i].Value = []byte("2024-05-01T08:00:00.123456789Z")
		}
	}
	a, err := NewAnalyzer(looking("quality"))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	it, err := a.Analyze(chunk.Partition{Topic: "frames"}, &rec)
	if err != nil || it.Result.Status != result.OK {
		t.Fatal(it.Result.Detail, err)
	}
	if got := it.Frame.Captured; !got.Equal(time.UnixMicro(it.Result.Captured)) || got.Nanosecond() != 123456000 {
		t.Errorf("%v", got)
	}
}

func TestWhatHappensToASourceHasARowOfItsOwn(t *testing.T) {
	cfg := looking("quality")
	cfg.Cameras = []string{"gate*"}
	a, err := NewAnalyzer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	say := func(camera string, edit func(*frame.Record)) result.Frame {
		s := frame.SourceChange{Camera: camera, State: frame.SourceLost, At: at, Reason: "no answer", Epoch: "e1", Sequence: 4}
		rec := s.CloudEvent()
		rec.Offset = 7
		edit(&rec)
		it, err := a.Analyze(chunk.Partition{Topic: "frames", ID: 3}, &rec)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(frame.Frame{}, it.Frame); d != "" {
			t.Error("it has a frame:", d)
		}
		return it.Result
	}
	got := say("gate-1", func(*frame.Record) {})
	want := result.Frame{
		Topic: "frames", Partition: 3, Offset: 7, Timestamp: at.UnixMilli(), Camera: "gate-1", Epoch: "e1", Sequence: 4,
		Captured: at.UnixMicro(), Bytes: got.Bytes, Status: result.Source, Reason: "lost", Detail: "no answer", Config: cfg.Profiles[0].Digest,
	}
	if d := cmp.Diff(want, got); d != "" || got.Bytes == 0 {
		t.Error(d)
	}
	if got := say("gate-1", func(r *frame.Record) { r.Value = []byte("{") }); got.Status != result.Dead || got.Reason != string(frame.ReasonBadJSON) {
		t.Errorf("%+v", got)
	}
	if got := say("yard", func(*frame.Record) {}); got.Status != result.Skipped || got.Reason != "" {
		t.Errorf("%+v", got)
	}
}
