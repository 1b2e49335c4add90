package area

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/framebeam/framebeam/history/historytest"
	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

// A month of 100 cameras with boxes and cells, of which one question is about all, one about
// boxes only, and one about one camera and three days; and what all of the rows cost when
// they are read as they are. ROWS is how many there are.
func BenchmarkAMonthOf100Cameras(b *testing.B) {
	rows := int64(1_000_000)
	if s := os.Getenv("ROWS"); s != "" {
		var err error
		if rows, err = strconv.ParseInt(s, 10, 64); err != nil {
			b.Fatal(err)
		}
	}
	root := b.TempDir()
	if err := (historytest.Output{Rows: rows, Partitions: 4, Cameras: 100, Cells: true}).Write(b.Context(), root); err != nil {
		b.Fatal(err)
	}
	friday := time.Date(2024, 5, 3, 0, 0, 0, 0, time.UTC)
	for name, q := range map[string]Query{
		"everything":             {},
		"all boxes":              {Labels: []string{"motion", "person", "car", "dog"}},
		"three days of a camera": {Cameras: []string{historytest.CameraName(7)}, Period: period.Period{From: friday, To: friday.Add(72 * time.Hour)}},
	} {
		b.Run(name, func(b *testing.B) {
			q.Area, q.Apart = "0.1,0.6 0.5,0.6 0.5,1", 10*time.Second
			found := 0
			for b.Loop() {
				s, err := scan.Open(b.Context(), root)
				if err != nil {
					b.Fatal(err)
				}
				all, err := q.Find(b.Context(), s)
				if err != nil {
					b.Fatal(err)
				}
				found = len(all)
			}
			b.ReportMetric(float64(found), "stretches")
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
	b.Run("a plain read", func(b *testing.B) {
		for b.Loop() {
			folder, err := store.Open(b.Context(), root)
			if err != nil {
				b.Fatal(err)
			}
			out, err := output.OpenExisting(b.Context(), folder)
			if err != nil {
				b.Fatal(err)
			}
			if err := out.Each(b.Context(), func(string, []result.Frame, bool) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	})
}
