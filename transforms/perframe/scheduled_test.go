package perframe

import (
	"testing"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/config/schedule"
)

func TestAScheduledAnalysisFollowsTheTimeOfCapture(t *testing.T) {
	day := schedule.Schedule{Name: "day", From: "06:00", To: "20:00"}
	cfg := Config{Profiles: []Profile{{Digest: "d", Analyses: []params.Spec{
		{Kind: "quality", Name: "quality", Off: true, During: []params.Variant{{Schedule: day}}},
	}}}}
	a, err := NewAnalyzer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for hour, want := range map[int]bool{5: false, 6: true, 12: true, 20: false} {
		rec := record(1, "gate", picture8x6(t))
		for i := range rec.Headers {
			if rec.Headers[i].Key == "ce_time" {
				rec.Headers[i].Value = []byte(time.Date(2024, 5, 1, hour, 0, 0, 0, time.UTC).Format(time.RFC3339Nano))
			}
		}
		it, err := a.Analyze(chunk.Partition{Topic: "frames"}, &rec)
		if err != nil {
			t.Fatal(err)
		}
		if it.Result.Status != "ok" || (it.Result.Quality != nil) != want || it.Result.Config != "d" {
			t.Errorf("%d o'clock: %+v", hour, it.Result)
		}
	}
}
