package cli

import (
	"errors"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/console"
	"github.com/framebeam/framebeam/history/area"
	"github.com/framebeam/framebeam/history/similar"
)

func newSearch() *cobra.Command {
	c := &cobra.Command{
		Use:   "search",
		Short: "Find what was in a part of the picture, or frames like a picture",
		Long: `Find, in an output, when something was in an area of the picture, or the frames that look most
like a picture. No frame is read: the boxes of tracks and detections, the cells in which activity saw
something move, and the features of the analyses histogram, perceptual_hash and keypoints are stored
with the results.

With --area stretches of time are listed in the order in which they begin, each with what was there:
how many tracks of a label or, of what is not tracked and of cells (activity), how many at once. With --like frames are
listed, the most alike first.`,
		Example: "  " + program.This + " --output out --area \"0.1,0.6 0.5,0.6 0.5,1\" --camera gate --from 2024-05-03 --to 2024-05-06\n" +
			"  " + program.This + " --output out --area \"0,0.5 1,1\" --label person --time-of-day 22:00-06:00 --format csv\n" +
			"  " + program.This + " --output out --like picture.jpg --from -7d",
	}
	f := c.Flags()
	output := flags.Output(f)
	cameras := flags.Cameras(f)
	when := flags.Period(f)
	var in area.Query
	f.StringVar(&in.Area, "area", "", "the `corners` of a polygon, x,y of each from 0 to 1 of the picture's width and height: \"0.1,0.6 0.5,0.6 0.5,1\"; "+
		"two are those of a rectangle")
	f.BoolVar(&in.Feet, "feet", false, "only what stands in the area: the middle of the box's lower edge is in it, as zones have it (else any part of the box)")
	labels := f.String("label", "", "only what concerns objects of these `classes`, label,…")
	like := likeFlags(f)
	apart := flags.Apart(f)
	format := flags.Format(c, area.Formats...)
	flags.Choices(c, "by", "histogram", "perceptual_hash", "keypoints")
	c.RunE = func(c *cobra.Command, args []string) error {
		errs := []error{program.NoArguments(args)}
		p, err := when.Period(time.Now())
		errs = append(errs, err)
		in.Output, in.Cameras, in.Labels, in.Period, in.Apart, in.Format = *output, flags.List(*cameras), flags.List(*labels), p, *apart, *format
		like.Output, like.Cameras, like.Period, like.Apart, like.Format = in.Output, in.Cameras, p, *apart, *format
		switch {
		case in.Area == "" && like.To == "":
			errs = append(errs, errors.New("neither --area nor --like is given: what is looked for"))
		case in.Area != "" && like.To != "":
			errs = append(errs, errors.New("--area and --like are both given: look for one of them"))
		case in.Area != "":
			errs = append(errs, in.Check())
		default:
			errs = append(errs, like.Check())
		}
		if like.To != "" && (in.Feet || len(in.Labels) > 0) {
			errs = append(errs, errors.New("--feet and --label are about an area"))
		}
		if err := errors.Join(errs...); err != nil {
			return program.Wrong(err)
		}
		ctx, stop := program.Interruptible(c.Context())
		defer stop()
		if in.Area != "" {
			return in.Write(ctx, c.OutOrStdout(), console.Default())
		}
		return like.Write(ctx, c.OutOrStdout(), console.Default())
	}
	return c
}

// likeFlags are those of looking for a picture.
func likeFlags(f *pflag.FlagSet) *similar.Query {
	var q similar.Query
	f.StringVar(&q.To, "like", "", "what is looked for: a JPEG or PNG `file`, or a frame of the output as topic/partition@offset")
	f.StringVar(&q.By, "by", "", "the `analysis` whose features are compared: histogram, perceptual_hash or keypoints (default: the "+
		"first of them that is in the results)")
	f.IntVar(&q.Limit, "limit", 20, "most `frames`, events or clips")
	return &q
}
