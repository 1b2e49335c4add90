package lag_test

import (
	"cmp"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/framebeam/framebeam/history/historytest"
	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/broker/brokertest"
	"github.com/framebeam/framebeam/pipelines/lag"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	_ "github.com/framebeam/framebeam/transforms/log/kafka"
	"github.com/framebeam/framebeam/transforms/result"
)

const topic = "frames"

// world is a log and an output that grow.
type world struct {
	t      *testing.T
	n      int64
	source historytest.Output
	broker *broker.Broker
	folder *store.Folder
	writer *output.Writer
	ends   []int64 // of the log, by partition
}

func newWorld(t *testing.T, n int64, partitions int32) *world {
	t.Helper()
	w := &world{
		t: t, n: n, source: historytest.Output{Rows: 1 << 20, N: n, Partitions: int(partitions), Plain: true},
		broker: brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: topic, Partitions: partitions}}}),
		ends:   make([]int64, partitions),
	}
	var err error
	if w.folder, err = store.Open(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	return w
}

func partition(id int32) chunk.Partition { return chunk.Partition{Topic: topic, ID: id} }

// begin begins a generation of the output.
func (w *world) begin(config string) *output.Output {
	w.t.Helper()
	o, err := output.Open(w.t.Context(), w.folder, output.OpenConfig{N: w.n, ConfigDigest: config})
	if err != nil {
		w.t.Fatal(err)
	}
	for id := range w.ends {
		if _, err := o.Begin(w.t.Context(), partition(int32(id)), 0); err != nil {
			w.t.Fatal(err)
		}
	}
	if w.writer, err = output.OpenWriter(w.t.Context(), o.Spec()); err != nil {
		w.t.Fatal(err)
	}
	return o
}

// log appends frames to the log.
func (w *world) log(id int32, frames int64) {
	w.t.Helper()
	var recs []frame.Record
	for range frames {
		r := w.source.Row(id, w.ends[id])
		recs = append(recs, frame.Record{Timestamp: r.Timestamp, Key: []byte(r.Camera), Value: []byte{1}})
		w.ends[id]++
	}
	if _, err := w.broker.Append(w.t.Context(), topic, id, recs...); err != nil {
		w.t.Fatal(err)
	}
}

// write publishes chunk k up to an offset, exclusive.
func (w *world) write(id int32, k, upTo int64) {
	w.t.Helper()
	end := chunk.End{ID: chunk.ID{Partition: partition(id), Index: k}, N: w.n, Offsets: chunk.Span(k*w.n, upTo), UpTo: upTo, Partial: upTo < (k+1)*w.n}
	var rows []result.Frame
	for o := k * w.n; o < upTo; o++ {
		rows = append(rows, w.source.Row(id, o))
	}
	var err error
	switch {
	case !end.Partial:
		_, err = w.writer.Commit(w.t.Context(), end, rows, nil, nil)
	case upTo%2 == 0: // in several files
		_, err = w.writer.CommitInterim(w.t.Context(), end, rows, func() ([]result.Frame, error) { return rows, nil })
	default:
		_, err = w.writer.CommitPartial(w.t.Context(), end, rows, nil)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// oracle looks at all rows of the output.
func (w *world) oracle() []lag.Position {
	w.t.Helper()
	o, err := output.OpenExisting(w.t.Context(), w.folder)
	if err != nil {
		w.t.Fatal(err)
	}
	all := make([]lag.Position, len(w.ends))
	for id := range all {
		all[id] = lag.Position{Partition: partition(int32(id)), End: w.ends[id], Newest: time.UnixMilli(w.source.Row(int32(id), w.ends[id]-1).Timestamp)}
	}
	if err := o.Each(w.t.Context(), func(_ string, rows []result.Frame, partial bool) error {
		for i := range rows {
			p := &all[rows[i].Partition]
			if rows[i].Offset != p.Processed { // what comes after a chunk that is missing does not count
				continue
			}
			p.Processed, p.At = rows[i].Offset+1, time.UnixMilli(rows[i].Timestamp)
			if !partial {
				p.Complete = p.Processed
			}
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return all
}

func TestALagIsThatOfTheRowsThatThereAre(t *testing.T) {
	const n, partitions = 8, 2
	w := newWorld(t, n, partitions)
	for id := range int32(partitions) {
		w.log(id, 1+int64(id)*15)
	}
	l, err := log.Open(t.Context(), log.Spec{Kind: "kafka", Brokers: w.broker.Addrs()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	watcher := lag.Watch(l, w.begin("one"), topic)
	random := rand.New(rand.NewPCG(7, 7))
	look := func(step int, what string) {
		t.Helper()
		lags, err := watcher.Look(t.Context())
		if err != nil || len(lags) != partitions {
			t.Fatalf("step %d, %s: %d lags: %v", step, what, len(lags), err)
		}
		for id, want := range w.oracle() {
			if got := lags[id].Position; got != want {
				t.Fatalf("step %d, %s, partition %d:\n     %+v\nwant %+v", step, what, id, got, want)
			}
		}
	}
	look(0, "nothing is done")
	configs := 1
	for step := 1; step <= 60; step++ {
		id := random.Int32N(partitions)
		at := w.oracle()[id]
		k := at.Complete / n
		upTo := min(at.End, (k+1)*n)
		what := ""
		switch random.IntN(8) {
		case 0, 1:
			what = "the log grows"
			w.log(id, 1+random.Int64N(2*n))
		case 2, 3, 4:
			if upTo == k*n {
				continue
			}
			what = "a chunk grows"
			w.write(id, k, k*n+1+random.Int64N(upTo-k*n))
		case 5, 6:
			if upTo < (k+1)*n {
				continue
			}
			what = "a chunk is full"
			w.write(id, k, upTo)
			if k2 := k + 2; at.End >= (k2+1)*n && random.IntN(2) == 0 {
				what = "a chunk is full, and one beyond the next"
				w.write(id, k2, (k2+1)*n)
			}
		case 7:
			what = "another configuration"
			configs++
			w.begin(string(rune('a' + configs)))
		}
		look(step, cmp.Or(what, "nothing"))
	}
}
