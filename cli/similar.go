package cli

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/console"
	"github.com/framebeam/framebeam/history/similar"
)

func newSimilar() *cobra.Command {
	c := &cobra.Command{
		Use:   "similar",
		Short: "List the frames that look most like a picture",
		Long: `List the frames of an output folder that look most like a picture, the most alike first, as
search --like does. It compares the features that the analyses histogram, perceptual_hash and
keypoints stored with the results, and reads no frames.`,
		Example: "  " + program.This + " --output out --like picture.jpg --from yesterday\n" +
			"  " + program.This + " --output out --like frames/0@1234 --by keypoints --limit 5",
	}
	f := c.Flags()
	output := flags.Output(f)
	cameras := flags.Cameras(f)
	when := flags.Period(f)
	q := likeFlags(f)
	apart := flags.Apart(f)
	format := flags.Format(c, similar.Formats...)
	flags.Choices(c, "by", "histogram", "perceptual_hash", "keypoints")
	c.RunE = func(c *cobra.Command, args []string) error {
		now := time.Now()
		if file := when.ToFile(now); file != "" && q.To == "" { // as --like was called
			q.To = file
		}
		p, err := when.Period(now)
		q.Output, q.Cameras, q.Period, q.Apart, q.Format = *output, flags.List(*cameras), p, *apart, *format
		if err := errors.Join(program.NoArguments(args), err, q.Check()); err != nil {
			return program.Wrong(err)
		}
		ctx, stop := program.Interruptible(c.Context())
		defer stop()
		return q.Write(ctx, c.OutOrStdout(), console.Default())
	}
	return c
}
