package historytest

import (
	"context"
	"fmt"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

// Tracks says what an output of a configuration holds in which objects walk to and fro: what
// the analyses that read pixels would have found, and the tracks of it. It has one
// partition. Nothing reads the tracks, so events are those of the stage only.
type Tracks struct {
	Stages  profiles.Stages // of which background and tracking have results
	Topic   string
	N       int64 // offsets per chunk
	Chunks  int64
	Cameras int // "camera-00" and so on, taking turns, at 10 frames a second each
	Objects int // in every frame
}

// Write makes the output in a folder.
func (t Tracks) Write(ctx context.Context, root string) error {
	folder, err := store.Open(ctx, root)
	if err != nil {
		return err
	}
	o, err := output.Open(ctx, folder, output.OpenConfig{N: t.N, ConfigDigest: t.Stages.Digest, ConfigText: t.Stages.Text})
	if err != nil {
		return err
	}
	p := chunk.Partition{Topic: t.Topic}
	if _, err := o.Begin(ctx, p, 0); err != nil {
		return err
	}
	out, err := output.OpenWriter(ctx, o.Spec())
	if err != nil {
		return err
	}
	a, err := t.Stages.Sequence.Profiles[0].Analyzer(0, nil)
	if err != nil {
		return err
	}
	state, err := a.Start().Save()
	if err != nil {
		return err
	}
	for k := range t.Chunks {
		end := chunk.End{ID: chunk.ID{Partition: p, Index: k}, N: t.N, UpTo: (k + 1) * t.N, Offsets: chunk.Span(k*t.N, (k+1)*t.N)}
		var states []element.State
		for c := range t.Cameras {
			camera := fmt.Sprintf("camera-%02d", c)
			end.Owed = append(end.Owed, camera)
			end.Cameras = append(end.Cameras, chunk.CameraOffset{Camera: camera, Last: (k+1)*t.N - int64(t.Cameras-c)})
			states = append(states, element.State{Camera: camera, Position: chunk.EndPosition(k, t.N), Bytes: state})
		}
		rows := make([]result.Frame, t.N)
		for i := range rows {
			rows[i] = t.row(k*t.N + int64(i))
		}
		if _, err := out.Commit(ctx, end, rows, states, nil); err != nil {
			return err
		}
	}
	return nil
}

func (t Tracks) row(offset int64) result.Frame {
	number := offset / int64(t.Cameras)
	r := result.Frame{
		Topic: t.Topic, Offset: offset, Camera: fmt.Sprintf("camera-%02d", int(offset)%t.Cameras), Epoch: "e1", Sequence: number,
		Captured: time.Date(2024, 5, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(number) * 100 * time.Millisecond).UnixMicro(),
		Width:    640, Height: 480, Encoding: "image/jpeg", Bytes: 50_000, Status: result.OK, Config: t.Stages.PerFrame.Profiles[0].Digest,
		Quality: &result.Quality{Brightness: float64(offset % 97), Contrast: 20, Sharpness: 300},
	}
	if number == 0 {
		r.Events = append(r.Events, result.Event{ID: "epoch", Analysis: result.OfStage, Type: result.EventEpochStarted, Snapshot: offset, Detail: "epoch e1"})
	}
	for _, analysis := range []string{"background", "tracking"} {
		for object := range t.Objects {
			at := (number*4 + int64(object)*150) % 1200
			d := result.Detection{
				Analysis: analysis, Label: "object", X: int32(min(at, 1200-at)), Y: int32(100 + 60*object),
				Width: 30, Height: 80, Area: 1900, Score: 0.8,
			}
			if analysis == "tracking" {
				d.Track, d.State = int64(object+1), "confirmed"
			}
			r.Detections = append(r.Detections, d)
		}
	}
	return r
}
