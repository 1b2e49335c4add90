package nodes

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/graph"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/similarity"
)

func TestMain(m *testing.M) {
	flag.Parse()
	beam.Init()
	launch.Quiet(slog.LevelError)
	os.Exit(m.Run())
}

// written is an output folder with rows of two partitions, numbered, in chunks of n.
func written(t *testing.T, n int64, partitions ...[]result.Frame) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), fmt.Sprint("out", n))
	ctx := t.Context()
	folder, err := store.Open(ctx, root)
	if err != nil {
		t.Fatal(err)
	}
	out, err := output.Open(ctx, folder, output.OpenConfig{N: n, ConfigDigest: "digest"})
	if err != nil {
		t.Fatal(err)
	}
	for p, rows := range partitions {
		of := chunk.Partition{Topic: "frames", ID: int32(p)}
		if _, err := out.Begin(ctx, of, 0); err != nil {
			t.Fatal(err)
		}
		w, err := output.OpenWriter(ctx, out.Spec())
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			rows[i].Topic, rows[i].Partition, rows[i].Offset = "frames", int32(p), int64(i)
		}
		for k := int64(0); k*n < int64(len(rows)); k++ {
			from, to := k*n, min((k+1)*n, int64(len(rows)))
			end := chunk.End{ID: chunk.ID{Partition: of, Index: k}, N: n, Offsets: chunk.Span(from, to)}
			if to == (k+1)*n {
				_, err = w.Commit(ctx, end, rows[from:to], nil, nil)
			} else {
				end.Partial, end.UpTo = true, to
				_, err = w.CommitPartial(ctx, end, rows[from:to], nil)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return root
}

// built is the graph of an output, and its nodes.
func built(t *testing.T, root string, cfg Config, parts int) (g graph.Config, all []Node, edges map[[2]int64]graph.Half) {
	t.Helper()
	ctx := context.Background()
	cfg.Output = root
	s, err := scan.Open(ctx, root)
	if err != nil {
		t.Fatal(err)
	}
	files, err := Files(ctx, s, cfg)
	if err != nil {
		t.Fatal(err)
	}
	g = graph.Config{Work: t.TempDir(), Parts: parts}
	p, scope := beam.NewPipelineWithRoot()
	Build(scope, cfg, g, files)
	if err := launch.Direct.Run(ctx, p, nil); err != nil {
		t.Fatal(err)
	}
	folder, err := store.Open(ctx, g.Work)
	if err != nil {
		t.Fatal(err)
	}
	if is, err := Built(ctx, folder, g); !is || err != nil {
		t.Fatal("not everything is there", err)
	}
	edges = map[[2]int64]graph.Half{}
	for part := range parts {
		some, err := Read(ctx, folder, part)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, some...)
		a, err := g.Part(ctx, part)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range a.Nodes {
			for _, e := range n.Edges {
				if e.To > n.ID {
					edges[[2]int64{n.ID, e.To}] = e
				}
			}
		}
	}
	return g, all, edges
}

const second = 1_000_000 // microseconds

var begin = time.Date(2024, 5, 1, 8, 0, 0, 0, time.UTC)

// frameAt is an analysed frame of a camera, so many seconds after begin.
func frameAt(camera string, seconds float64, hash uint64) result.Frame {
	at := moment(seconds)
	return result.Frame{
		Timestamp: at / 1000, Camera: camera, Epoch: "e", Sequence: int64(seconds * 10), Captured: at, Width: 640, Height: 480, Status: result.OK,
		Features: []result.Feature{{Analysis: "perceptual_hash", Kind: similarity.KindHash, Data: similarity.Hash(hash).Marshal()}},
	}
}

// coloured adds the histogram of a picture of one colour.
func coloured(f result.Frame, bin int) result.Frame {
	counts := make([]uint32, 12*4*4)
	counts[100+bin] = 1
	f.Features = append(f.Features, result.Feature{Analysis: "histogram", Kind: similarity.KindHistogram, Data: similarity.NewHistogram(12, 4, 4, counts).Marshal()})
	return f
}

// moment is the time so many seconds after begin.
func moment(seconds float64) int64 { return begin.UnixMicro() + int64(math.Round(seconds*second)) }

// names are those of nodes, by number.
func names(all []Node) map[int64]string {
	of := map[int64]string{}
	for i := range all {
		of[all[i].ID] = all[i].Name()
	}
	return of
}
