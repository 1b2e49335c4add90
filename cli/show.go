package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/pipelines/show/listing"
)

func newShow() *cobra.Command {
	c := &cobra.Command{
		Use:   "show",
		Short: "Print the results of an output",
		Long: `Print the results of an output folder, complete chunks and unfinished ones, in the order of
the log.`,
		Example: "  " + program.This + " --output out\n" +
			"  " + program.This + " --output out --camera gate --found\n" +
			"  " + program.This + " --output out --dead --format jsonl\n" +
			"  " + program.This + " --output out --configs",
	}
	f := c.Flags()
	output := flags.Output(f)
	cameras := flags.Cameras(f)
	var q listing.Query
	f.BoolVar(&q.Found, "found", false, "only frames with detections or events; in a summary: only cameras with such")
	f.BoolVar(&q.Dead, "dead", false, "only dead letters: what could not be read, and why; in a summary: only cameras with such")
	f.BoolVar(&q.Configs, "configs", false, "not results, but the configurations that they were made with: generation, config_digest, pattern of "+
		"cameras, config")
	format := flags.Format(c, listing.Formats...)
	c.RunE = func(c *cobra.Command, args []string) error {
		q.Output, q.Cameras, q.Format = *output, flags.List(*cameras), *format
		if err := errors.Join(program.NoArguments(args), q.Check()); err != nil {
			return program.Wrong(err)
		}
		ctx, stop := program.Interruptible(c.Context())
		defer stop()
		return q.Write(ctx, c.OutOrStdout())
	}
	return c
}
