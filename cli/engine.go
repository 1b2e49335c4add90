package cli

import (
	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/pipelines/launch"
)

// engineFlags adds the flags of engines to a command that runs on them.
func engineFlags(c *cobra.Command) {
	program.InGroup(c.Flags(), "Engine", launch.DefineFlags)
	flags.Choices(c, "runner", launch.Direct.Name, launch.Flink.Name, launch.Spark.Name)
}

// work does the work of a command, and says what came of it.
func work(c *cobra.Command, w launch.Command) error {
	ctx, stop := program.Interruptible(c.Context())
	defer stop()
	w.Name = c.Name()
	return program.Ended(launch.Main(ctx, w))
}
