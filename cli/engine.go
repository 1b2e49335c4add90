package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/kafka/connect"
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

// readyBrokers makes brokers that answer a part of being ready.
func readyBrokers(m *flags.Metrics, brokers []string, connection string) {
	m.Ready("brokers", func(ctx context.Context) error { return connect.Ping(ctx, brokers, connection) })
}
