package similar

import (
	"io"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/framebeam/framebeam/history/historytest"
)

// The hashes of a month of 100 cameras, all of them compared. ROWS is how many there are.
func BenchmarkAMonthOf100Cameras(b *testing.B) {
	rows := int64(1_000_000)
	if s := os.Getenv("ROWS"); s != "" {
		var err error
		if rows, err = strconv.ParseInt(s, 10, 64); err != nil {
			b.Fatal(err)
		}
	}
	root := b.TempDir()
	if err := (historytest.Output{Rows: rows, Partitions: 4, Cameras: 100, Features: true}).Write(b.Context(), root); err != nil {
		b.Fatal(err)
	}
	q := Query{Output: root, To: "frames/0@77", Limit: 20, Apart: 10 * time.Second, Format: "text"}
	for b.Loop() {
		if err := q.Write(b.Context(), io.Discard, io.Discard); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
