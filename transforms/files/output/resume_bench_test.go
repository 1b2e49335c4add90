package output

import (
	"fmt"
	"path"
	"testing"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
)

// BenchmarkResume is a restart: 10 partitions with 10,000 chunks each, on a
// filesystem in memory. On two busy cores of an AMD EPYC, per restart:
//
//	               listings    names     files read   seconds
//	without marks        70   200,010       100,040      39.6
//	with marks           50    36,240            30       0.3
//
// With all files of a kind in one folder it would list that folder once per
// partition and kind: 2,000,000 names here, with marks as without, and 100 times
// as many for 10 times the partitions. With blocks it is twice at most 4096 names
// per partition, however many chunks there are.
func BenchmarkResume(b *testing.B) {
	const partitions, chunks = 10, 10_000
	f := fakeFolder(b)
	o := testOpen(b, f, "A")
	rows, err := encodeResults(governing(o.gens, "frames+0", 0).lineage, "", testRows(testEnd(testID(0), 0), "x"))
	if err != nil {
		b.Fatal(err)
	}
	for p := range int32(partitions) {
		if _, err := o.Begin(b.Context(), chunk.Partition{Topic: "frames", ID: p}, 0); err != nil {
			b.Fatal(err)
		}
		for k := range int64(chunks) {
			end := testEnd(chunk.ID{Partition: chunk.Partition{Topic: "frames", ID: p}, Index: k}, 0)
			n, err := chunkfolder.NameOf(end.ID, testN)
			if err != nil {
				b.Fatal(err)
			}
			fake.put(f.Path(o.layout.results(n)), rows)
			states := []byte("x")
			if k == chunks-1 {
				if states, err = encodeStates(n, governing(o.gens, "frames+0", 0).lineage, &end, testStates(end)); err != nil {
					b.Fatal(err)
				}
			}
			fake.put(f.Path(o.layout.states(n)), states)
		}
	}
	restart := func(b *testing.B) {
		for p := range int32(partitions) {
			pos, err := o.Resume(b.Context(), chunk.Partition{Topic: "frames", ID: p})
			if err != nil || pos.Chunk != chunks {
				b.Fatalf("chunk %d, %v", pos.Chunk, err)
			}
		}
	}
	measure := func(b *testing.B, before func()) {
		fake.listings, fake.names, fake.reads = 0, 0, 0
		for b.Loop() {
			before()
			restart(b)
		}
		b.ReportMetric(float64(fake.listings)/float64(b.N), "listings/op")
		b.ReportMetric(float64(fake.names)/float64(b.N), "names/op")
		b.ReportMetric(float64(fake.reads)/float64(b.N), "reads/op")
	}
	for _, test := range []struct {
		name   string
		before func()
	}{
		{"without mark", func() {
			for p := range partitions {
				name := f.Path(markFile(fmt.Sprintf("frames+%d", p)))
				delete(fake.folders[path.Dir(name)], path.Base(name))
			}
		}},
		{"with the mark", func() {}},
	} {
		b.Run(test.name, func(b *testing.B) { measure(b, test.before) })
	}
}
