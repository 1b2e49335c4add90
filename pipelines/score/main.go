// Command score measures what the analyses find against what is really there: in
// generated scenes, of which everything is known, and in real video to look at. It
// prints tables in Markdown; docs/scores.md is what it printed last.
//
//	go run ./pipelines/score                   # or make score
//	go run ./pipelines/score --video out/score # also tracks and pictures of vtest.avi
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

func main() {
	c := &cobra.Command{Use: "score", Short: "Measure what the analyses find against what is there"}
	write := c.Flags().String("write", "", "also write what is printed to this `file`")
	video := c.Flags().String("video", "", "follow the people in vtest.avi, and leave tracks and pictures in this `folder`")
	seeds := c.Flags().Int("seeds", 5, "scenes of each condition")
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 || *seeds < 1 {
			return program.Wrong(errors.New("score takes no arguments, and at least one seed"))
		}
		launch.Quiet(slog.LevelWarn)
		pixels.SingleThreaded()
		ctx, stop := program.Interruptible(c.Context())
		defer stop()
		var page bytes.Buffer
		if err := tables(ctx, io.MultiWriter(os.Stdout, &page), *seeds, *video); err != nil {
			return err
		}
		if *write == "" {
			return nil
		}
		return os.WriteFile(*write, page.Bytes(), 0o644)
	}
	program.Main(c)
}

// tables prints all of them.
func tables(ctx context.Context, w io.Writer, seeds int, video string) error {
	fmt.Fprint(w, `# Scores

What `+"`make score`"+` printed last. Scenes are those of `+"`testdata/scene`"+`: 320x240 pixels, 10 frames/s where
nothing else is said, with the truth about every object and fault. Parameters are the defaults. Precision is the
part of what was found that is there, recall the part of what is there that was found, F1
their harmonic mean.
`)
	for _, part := range []func(context.Context, io.Writer, int) error{scoreObjects, scoreHealth, scoreTracker} {
		if err := part(ctx, w, seeds); err != nil {
			return err
		}
	}
	return scoreVideo(ctx, w, video)
}
