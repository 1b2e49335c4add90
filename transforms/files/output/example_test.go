package output_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

// An output is opened and read while jobs write to it: only complete chunks count, and of
// one that is not complete what there is so far.
func ExampleOpenExisting() {
	ctx := context.Background()
	root, err := os.MkdirTemp("", "output")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(root)
	folder, err := store.Open(ctx, root) // or hdfs://namenode/results, with package hdfsfs
	if err != nil {
		log.Fatal(err)
	}
	if err := job(ctx, folder); err != nil {
		log.Fatal(err)
	}

	out, err := output.OpenExisting(ctx, folder)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.N(), "offsets per chunk,", len(out.Generations()), "configuration")
	err = out.Each(ctx, func(name string, rows []result.Frame, partial bool) error {
		fmt.Println(name)
		for i := range rows {
			fmt.Println(rows[i].Offset, rows[i].Camera, rows[i].Status)
		}
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// 4 offsets per chunk, 1 configuration
	// results/frames+0/0000000000000000000/frames+0+0000000000000000000+0000000000000000003.parquet
	// 0 north ok
	// 1 south ok
}

// job writes one chunk, as the sink does.
func job(ctx context.Context, folder *store.Folder) error {
	out, err := output.Open(ctx, folder, output.OpenConfig{N: 4, ConfigDigest: "what was looked for"})
	if err != nil {
		return err
	}
	if _, err := out.Begin(ctx, chunk.Partition{Topic: "frames"}, 0); err != nil {
		return err
	}
	w, err := output.OpenWriter(ctx, out.Spec())
	if err != nil {
		return err
	}
	end := chunk.End{ID: chunk.ID{Partition: chunk.Partition{Topic: "frames"}, Index: 0}, N: 4, Offsets: chunk.Span(0, 2)}
	rows := []result.Frame{
		{Topic: "frames", Offset: 0, Camera: "north", Status: result.OK},
		{Topic: "frames", Offset: 1, Camera: "south", Status: result.OK},
	}
	_, err = w.Commit(ctx, end, rows, nil, nil)
	return err
}
