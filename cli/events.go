package cli

import (
	"errors"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/console"
	"github.com/framebeam/framebeam/history/events"
)

func newEvents() *cobra.Command {
	c := &cobra.Command{
		Use:   "events",
		Short: "List what happened",
		Long: `List the events of an output folder, of complete chunks and unfinished ones, in the order of
the log. Only files that may have such events are read, and of these only what is asked
for. For people it is a table with times by the clocks of the zone; csv and jsonl have all
that is known of an event, with the column names of docs/frames.sql. No event is no error.`,
		Example: "  " + program.This + " --output out --camera gate --from \"yesterday 14:00\" --to \"yesterday 15:00\"\n" +
			"  " + program.This + " --output out --type LineDetector/Crossed --rule door --from -7d --time-of-day 22:00-06:00\n" +
			"  " + program.This + " --output out --from 2024-05-01 --to 2024-06-01 --zone Europe/Berlin --format csv\n" +
			"  " + program.This + " --output out --from now --follow",
	}
	f := c.Flags()
	output := flags.Output(f)
	cameras := flags.Cameras(f)
	which := newEventFlags(f)
	var q events.Query
	program.InGroup(f, eventGroup, func(f *pflag.FlagSet) {
		f.IntVar(&q.Limit, "limit", 0, "most `events`; 0: all")
	})
	when := flags.Period(f)
	f.BoolVar(&q.Follow, "follow", false, "go on with what is published, until interrupted; events of a chunk that is not full yet come too")
	format := flags.Format(c, events.Formats...)
	c.RunE = func(c *cobra.Command, args []string) error {
		now := time.Now()
		filter, bad := which.filter()
		var err error
		filter.Period, err = when.Period(now)
		filter.Cameras = flags.List(*cameras)
		q.Filter, q.Output, q.Format = filter, *output, *format
		if err := errors.Join(program.NoArguments(args), bad, err, q.Check()); err != nil {
			return program.Wrong(err)
		}
		ctx, stop := program.Interruptible(c.Context())
		defer stop()
		return q.Write(ctx, c.OutOrStdout(), console.Default())
	}
	return c
}
