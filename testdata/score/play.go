package score

import (
	"fmt"
	"time"

	"github.com/framebeam/framebeam/testdata/scene"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
)

// Begin is the capture time of a scene's first frame.
var Begin = time.Date(2024, 5, 1, 8, 0, 0, 0, time.UTC)

// at is when a frame was taken, since the first.
func at(s *scene.Scene, t scene.Truth) time.Duration {
	return time.Duration(float64(t.Frame) / s.FPS() * float64(time.Second))
}

// Play shows the frames of a scene that are sent to steps, in their order, and
// returns the results with the truths.
func Play(s *scene.Scene, steps ...sequence.Step) ([]result.Frame, []scene.Truth, error) {
	a, err := sequence.NewAnalyzer(steps, 0, 8<<20)
	if err != nil {
		return nil, nil, fmt.Errorf("play: %w", err)
	}
	return PlayTo(s, a)
}

// PlayTo is Play to a whole analyzer.
func PlayTo(s *scene.Scene, a *sequence.Analyzer) ([]result.Frame, []scene.Truth, error) {
	camera := a.Start()
	defer camera.Close()
	var rows []result.Frame
	var truths []scene.Truth
	for i := range s.Frames() {
		bgr, truth := s.Frame(i)
		if truth.Dropped {
			continue
		}
		f := frame.Frame{
			Camera: "scene", Epoch: "e", Sequence: int64(i), Captured: Begin.Add(at(s, truth)),
			Width: s.Size().X, Height: s.Size().Y, Channels: 3, Encoding: frame.Raw, Data: bgr,
		}
		rec := frame.Record{Offset: int64(i), Timestamp: f.Captured.UnixMilli(), Key: []byte(f.Camera), Value: bgr}
		it := element.Item{Result: result.Of("frames", 0, &rec), Frame: f}
		it.Result.Describe(&f)
		if err := camera.Next(&it); err != nil {
			return nil, nil, fmt.Errorf("play frame %d: %w", i, err)
		}
		rows, truths = append(rows, it.Result), append(truths, truth)
	}
	return rows, truths, nil
}
