package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/pipelines/run/demo"
)

func newRun() *cobra.Command {
	c := &cobra.Command{
		Use:   "run",
		Short: "Try the whole way of a frame, with nothing else started",
		Long: `The whole way of a frame in one process, with nothing else started: two films as cameras,
an embedded Kafka, the analyses on the direct runner, the archive, and pictures to look at.`,
	}
	into := c.Flags().String("into", "out", "the `folder` to write to; what an earlier run left there is replaced")
	flags.Formerly(c.Flags(), "into", "output")
	serve := c.Flags().String("serve", "", "when everything is done, serve the page over it at this `address`, until interrupted (default 127.0.0.1:8088 where none is named)")
	c.Flags().Lookup("serve").NoOptDefVal = "127.0.0.1:8088"
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := program.NoArguments(args); err != nil {
			return program.Wrong(err)
		}
		return work(c, launch.Command{
			Endless: *serve != "",
			Again:   "the next run begins anew",
			Run:     func(ctx context.Context) error { return demo.Run(ctx, *into, *serve) },
		})
	}
	return c
}
