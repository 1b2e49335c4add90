package sequence_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/testdata/scene"
	"github.com/framebeam/framebeam/testdata/score"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
)

// play runs a scene through a step as the stage does, frame by frame, and returns
// what it found. A lost signal comes back in a new epoch.
func play(t testing.TB, step sequence.Step, s *scene.Scene, keep func(i int) bool) score.HealthRun {
	t.Helper()
	a, err := sequence.NewAnalyzer([]sequence.Step{step}, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := a.Start()
	defer c.Close()
	run := score.HealthRun{FPS: s.FPS()}
	begin := time.Date(2024, 5, 1, 8, 0, 0, 0, time.UTC)
	for i := range s.Frames() {
		bgr, truth := s.Frame(i)
		run.Truth = append(run.Truth, truth)
		run.Events = append(run.Events, nil)
		if truth.Dropped {
			continue
		}
		f := frame.Frame{
			Camera: "cam", Epoch: fmt.Sprint("e", truth.Epoch), Sequence: int64(i),
			Captured: begin.Add(time.Duration(float64(i) / s.FPS() * float64(time.Second))),
			Width:    s.Size().X, Height: s.Size().Y, Channels: 3, Encoding: frame.Raw, Data: bgr,
		}
		it := sequence.Item{Result: result.Frame{Topic: "frames", Offset: int64(i), Camera: "cam", Status: result.OK}, Frame: f}
		if err := c.Next(&it); err != nil {
			t.Fatal(err)
		}
		for _, e := range it.Result.Events {
			if e.Analysis == step.Name() {
				run.Events[i] = append(run.Events[i], e)
			}
		}
	}
	return run
}

func TestSweep(t *testing.T) {
	if os.Getenv("SWEEP") == "" {
		t.Skip()
	}
	sizes := strings.Split(os.Getenv("SWEEP"), ",")
	faults := "&frames=1150&fps=10" +
		"&blurred=150-190&covered=220-260&moved=290-330&infrared=360-400&switch=430-470:40&switch=500-540:10&switch=570-610:400" +
		"&frozen=640-680&lost=710-750&cloud=780-840:35&ramp=870-900:50&blurred=920-960:%d&moved=990-1030:%d&covered=1060-1100&dropped=1110-1113"
	var total []score.Health
	for _, size := range sizes {
		var w int
		fmt.Sscanf(size, "%dx", &w)
		var sum []score.Health
		for seed := 1; seed <= 2; seed++ {
			for _, noise := range []int{1, 3, 8} {
				for _, objects := range []int{0, 5, 12} {
					text := fmt.Sprintf("size=%s&seed=%d&noise=%d&objects=%d", size, seed, noise, objects) + fmt.Sprintf(faults, max(2, w/40), w/5)
					s, err := scene.Parse(text)
					if err != nil {
						t.Fatal(err)
					}
					step, _ := sequence.NewHealth(sequence.DefaultHealth())
					run := play(t, step, s, nil)
					sc := score.ScoreHealth(run)
					for _, h := range sc {
						if h.Late+h.Missed+h.Invented+h.Stuck > 0 {
							fmt.Printf("%s seed %d noise %d objects %d: %+v\n", size, seed, noise, objects, h)
							for i, es := range run.Events {
								for _, e := range es {
									if e.Type == h.Event {
										fmt.Printf("    %d %s %.2f %s\n", i, e.Transition, e.Value, e.Detail)
									}
								}
							}
						}
					}
					sum = score.AddHealth(sum, sc)
				}
			}
		}
		fmt.Println(size)
		fmt.Print(score.HealthTable(sum))
		total = score.AddHealth(total, sum)
		if size == os.Getenv("SWEEP") {
			break
		}
	}
}
