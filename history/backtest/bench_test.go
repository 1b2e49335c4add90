package backtest

import (
	"fmt"
	"testing"

	"github.com/framebeam/framebeam/history/historytest"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/config/profiles"
)

// withLine is a configuration that tracks, with a line at x.
func withLine(x float64) profiles.Config {
	c := profiles.Default()
	c.Set("background", "{}")
	c.Set("tracking", "{}")
	c.Set("lines", fmt.Sprintf(`{"middle": {"points": [[%v, 0], [%v, 1]]}}`, x, x))
	return c
}

// BenchmarkAMovedLine compares a moved line over stored tracks.
func BenchmarkAMovedLine(b *testing.B) {
	before, after := stagesOf(b, withLine(0.5)), stagesOf(b, withLine(0.45))
	root := b.TempDir()
	if err := (historytest.Tracks{Stages: before, Topic: trial.Topic, N: 2048, Chunks: 40, Cameras: 4, Objects: 3}).Write(b.Context(), root); err != nil {
		b.Fatal(err)
	}
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
