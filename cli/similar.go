package cli

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/console"
	"github.com/framebeam/framebeam/pipelines/similar/search"
)

func newSimilar() *cobra.Command {
	c := &cobra.Command{
		Use:   "similar",
		Short: "List the frames that look most like a picture",
		Long: `List the frames of an output folder that look most like a picture, the most alike first. It
compares the features that the analyses histogram, perceptual_hash and keypoints stored
with the results, and reads no frames.`,
		Example: "  " + program.This + " --output out --to picture.jpg\n" +
			"  " + program.This + " --output out --to frames/0@1234 --by keypoints --limit 5",
	}
	f := c.Flags()
	output := flags.Output(f)
	cameras := flags.Cameras(f)
	var q search.Query
	f.StringVar(&q.To, "to", "", "what is looked for: a JPEG or PNG `file`, or a frame of the output as topic/partition@offset")
	f.StringVar(&q.By, "by", "", "the `analysis` whose features are compared: histogram, perceptual_hash or keypoints (default: the "+
		"first of them that is in the results)")
	f.IntVar(&q.Limit, "limit", 20, "most `frames`, events or clips")
	f.DurationVar(&q.Apart, "apart", 10*time.Second,
		"time is cut into stretches of this length, and the best frame of each camera in each is listed; 0: "+
			"every frame")
	format := flags.Format(c, search.Formats...)
	flags.Choices(c, "by", "histogram", "perceptual_hash", "keypoints")
	c.RunE = func(c *cobra.Command, args []string) error {
		q.Output, q.Cameras, q.Format = *output, flags.List(*cameras), *format
		if err := errors.Join(program.NoArguments(args), q.Check()); err != nil {
			return program.Wrong(err)
		}
		ctx, stop := program.Interruptible(c.Context())
		defer stop()
		return q.Write(ctx, c.OutOrStdout(), console.Default())
	}
	return c
}
