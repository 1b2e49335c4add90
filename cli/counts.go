package cli

import (
	"errors"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/console"
	"github.com/framebeam/framebeam/history/counts"
)

func newCounts() *cobra.Command {
	c := &cobra.Command{
		Use:   "counts",
		Short: "Count what happened, per hour or day",
		Long: `Count the events of an output folder per stretch of time, and say beside each number how much
of that time was seen:

  events   events that are asked for; "unknown" (csv: empty, jsonl: null) if there is no frame.
           Those of the stage itself (frames missing and the like) only with --type or --analysis
  frames   frames that were analysed
  covered  the part of the time's minutes in which there was a frame; of several cameras the mean
           of those that have frames in the period
  epochs   unbroken stretches of frames that began
  missing  frames that are missing inside of such, by their numbers
  silence  how long there was no frame inside of such, where the analyses took it for silence
  dead     records that could not be read

These are of the line's camera with --by camera, else of all cameras that are asked for. An hour
that clocks show twice is two; a day begins and ends by the clocks of the zone.`,
		Example: "  " + program.This + " --output out --per hour --by rule,transition --type LineDetector/Crossed --from yesterday\n" +
			"  " + program.This + " --output out --per day --by camera --from 2024-05-01 --to 2024-06-01 --zone Europe/Berlin --format csv",
	}
	f := c.Flags()
	output := flags.Output(f)
	var q counts.Query
	var by string
	program.InGroup(f, eventGroup, func(f *pflag.FlagSet) {
		f.StringVar(&q.Per, "per", "hour", "how long the `stretches` of time are: hour, day, week (from Monday), month, or a duration "+
			"that divides a day, such as 15m")
		f.StringVar(&by, "by", "", "a line for each of these `names`: camera, analysis, rule, type, transition, label")
	})
	cameras := flags.Cameras(f)
	which := newEventFlags(f)
	when := flags.Period(f)
	format := flags.Format(c, counts.Formats...)
	c.RunE = func(c *cobra.Command, args []string) error {
		filter, bad := which.filter()
		var err error
		filter.Period, err = when.Period(time.Now())
		filter.Cameras = flags.List(*cameras)
		q.Filter, q.Output, q.By, q.Format = filter, *output, flags.List(by), *format
		if err := errors.Join(program.NoArguments(args), bad, err, q.Check()); err != nil {
			return program.Wrong(err)
		}
		ctx, stop := program.Interruptible(c.Context())
		defer stop()
		return q.Write(ctx, c.OutOrStdout(), console.Default())
	}
	return c
}
