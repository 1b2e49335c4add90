package backtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

// withLine is a configuration that tracks, with a line at x.
func withLine(x float64) profiles.Config {
	c := profiles.Default()
	c.Set("background", "{}")
	c.Set("tracking", "{}")
	c.Set("lines", fmt.Sprintf(`{"middle": {"points": [[%v, 0], [%v, 1]]}}`, x, x))
	return c
}

// writeTracks makes an output of frames in which objects walk to and fro.
func writeTracks(t testing.TB, root string, n, chunks int64, cameras, objects int, stages profiles.Stages) {
	t.Helper()
	ctx := t.Context()
	folder, err := store.Open(ctx, root)
	if err != nil {
		t.Fatal(err)
	}
	o, err := output.Open(ctx, folder, output.OpenConfig{N: n, ConfigDigest: stages.Digest, ConfigText: stages.Text})
	if err != nil {
		t.Fatal(err)
	}
	p := chunk.Partition{Topic: trial.Topic}
	if _, err := o.Begin(ctx, p, 0); err != nil {
		t.Fatal(err)
	}
	out, err := output.OpenWriter(ctx, o.Spec())
	if err != nil {
		t.Fatal(err)
	}
	a, err := stages.Sequence.Profiles[0].Analyzer(0, nil)
	if err != nil {
		t.Fatal(err)
	}
	state, err := a.Start().Save()
	if err != nil {
		t.Fatal(err)
	}
	for k := range chunks {
		end := chunk.End{ID: chunk.ID{Partition: p, Index: k}, N: n, UpTo: (k + 1) * n, Offsets: chunk.Span(k*n, (k+1)*n)}
		var states []element.State
		for c := range cameras {
			end.Owed = append(end.Owed, film.Camera(c))
			end.Cameras = append(end.Cameras, chunk.CameraOffset{Camera: film.Camera(c), Last: (k+1)*n - int64(cameras-c)})
			states = append(states, element.State{Camera: film.Camera(c), Position: chunk.EndPosition(k, n), Bytes: state})
		}
		rows := make([]result.Frame, n)
		for i := range rows {
			offset := k*n + int64(i)
			number := offset / int64(cameras)
			r := &rows[i]
			*r = result.Frame{
				Topic: p.Topic, Offset: offset, Camera: film.Camera(int(offset) % cameras), Epoch: "e1", Sequence: number,
				Captured: film.Begin.Add(time.Duration(number) * 100 * time.Millisecond).UnixMicro(), Width: 640, Height: 480,
				Encoding: "image/jpeg", Bytes: 50_000, Status: result.OK, Config: stages.PerFrame.Profiles[0].Digest,
				Quality: &result.Quality{Brightness: float64(offset % 97), Contrast: 20, Sharpness: 300},
			}
			if number == 0 {
				r.Events = append(r.Events, result.Event{ID: "x", Analysis: result.OfStage, Type: result.EventEpochStarted, Snapshot: offset, Detail: "epoch e1"})
			}
			for _, analysis := range []string{"background", "tracking"} {
				for obj := range objects {
					at := (number*4 + int64(obj)*150) % 1200
					d := result.Detection{Analysis: analysis, Label: "object", X: int32(min(at, 1200-at)), Y: int32(100 + 60*obj), Width: 30, Height: 80, Area: 1900, Score: 0.8}
					if analysis == "tracking" {
						d.Track, d.State = int64(obj+1), "confirmed"
					}
					r.Detections = append(r.Detections, d)
				}
			}
		}
		if _, err := out.Commit(ctx, end, rows, states, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkAMovedLine compares a moved line over stored tracks.
func BenchmarkAMovedLine(b *testing.B) {
	before, after := stagesOf(b, withLine(0.5)), stagesOf(b, withLine(0.45))
	root := b.TempDir()
	writeTracks(b, root, 4096, 20, 4, 3, before)
	for b.Loop() {
		j := Job{Before: Given{Name: "store", Output: root}, After: Given{Name: "b", Stages: &after}, Topic: trial.Topic}
		res, err := j.Run(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if res.Decoded != 0 || res.Sum.Before+res.Sum.After == 0 {
			b.Fatal(res.Decoded, res.Sum)
		}
		b.ReportMetric(res.FramesPerSecond(), "frames/s")
		if err := res.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
