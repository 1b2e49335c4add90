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
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"

	"github.com/framebeam/framebeam/commandline"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

func main() {
	write := flag.String("write", "", "also write what is printed to this `file`")
	video := flag.String("video", "", "follow the people in vtest.avi, and leave tracks and pictures in this `folder`")
	seeds := flag.Int("seeds", 5, "scenes of each condition")
	commandline.ParseOrExit()
	if flag.NArg() > 0 || *seeds < 1 {
		fmt.Fprintln(os.Stderr, "score takes no arguments, and at least one seed")
		os.Exit(2)
	}
	launch.Quiet(slog.LevelWarn)
	pixels.SingleThreaded()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var page bytes.Buffer
	err := tables(ctx, io.MultiWriter(os.Stdout, &page), *seeds, *video)
	if err == nil && *write != "" {
		err = os.WriteFile(*write, page.Bytes(), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
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
