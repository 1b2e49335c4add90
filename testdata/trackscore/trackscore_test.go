package trackscore

import (
	"strings"
	"testing"

	"github.com/framebeam/framebeam/transforms/vision/tracking"
)

func TestTheTrackerScores(t *testing.T) {
	rows, err := Rows(tracking.Default())
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	if err := Write(&table, rows); err != nil {
		t.Fatal(err)
	}
	t.Logf("the tracker alone:\n%s", table.String())
	if n := strings.Count(table.String(), "\n"); n != len(rows)+2 {
		t.Errorf("the table has %d lines", n)
	}
	// A little below what it was when the defaults were chosen.
	least := map[string]struct{ mota, idf1 float64 }{
		"perfect detections":             {0.95, 0.94},
		"inexact boxes":                  {0.95, 0.92},
		"one in five missed":             {0.73, 0.80},
		"two false ones in every frame":  {0.95, 0.92},
		"occlusion":                      {0.78, 0.79},
		"one frame in five gone":         {0.95, 0.91},
		"thrice a second without frames": {0.94, 0.93},
		"all of it":                      {0.70, 0.75},
		"all of it, 5 frames/s":          {0.69, 0.77},
		"all of it, 25 frames/s":         {0.71, 0.75},
		"all of it, 12 objects":          {0.65, 0.62},
	}
	for _, r := range rows {
		want, ok := least[r.Case.Name]
		if !ok {
			t.Errorf("%s: no scores are expected", r.Case.Name)
		}
		if s := r.Summary; s.MOTA() < want.mota || s.IDF1() < want.idf1 {
			t.Errorf("%s: MOTA %.3f and IDF1 %.3f, expected %.2f and %.2f", r.Case.Name, s.MOTA(), s.IDF1(), want.mota, want.idf1)
		}
	}
}
