package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/runner-configs/stack/servers"
)

func newStack() *cobra.Command {
	stack := &cobra.Command{
		Use:   "stack",
		Short: "Start and stop real Kafka, HDFS, Flink and Spark on this machine",
		Args:  cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return program.Wrong(fmt.Errorf("up, down or status? (see %s --help)", c.CommandPath()))
		},
	}
	services := " [service...]"
	var conf servers.Config
	up := &cobra.Command{
		Use:       "up" + services,
		Short:     "Start the services that do not run yet (default: all) and wait until they are ready",
		ValidArgs: servers.Services,
		RunE: func(c *cobra.Command, args []string) error {
			conf.Services, conf.Detach, conf.Progress = args, true, c.OutOrStdout()
			_, err := servers.Up(c.Context(), conf)
			return err
		},
	}
	f := up.Flags()
	f.IntVar(&conf.Brokers, "kafka-brokers", 0, "`number` of Kafka brokers, 1 to 3 (default 1)")
	flags.Formerly(f, "kafka-brokers", "brokers")
	f.IntVar(&conf.DataNodes, "datanodes", 0, "`number` of HDFS DataNodes, 1 to 3 (default 1)")
	f.IntVar(&conf.TaskManagers, "taskmanagers", 0, "`number` of Flink TaskManagers (default 2)")
	f.IntVar(&conf.SparkWorkers, "workers", 0, "`number` of Spark workers (default 2)")
	f.IntVar(&conf.BasePort, "base-port", 0, "use the ports from this `one` on instead of the well-known ones")
	down := &cobra.Command{
		Use:       "down" + services,
		Short:     "Stop the services (default: all that were started); the data stay",
		ValidArgs: servers.Services,
	}
	remove := down.Flags().Bool("delete", false, "delete the folder too, with all data")
	down.RunE = func(c *cobra.Command, args []string) error {
		conf.Services = args
		return stackDown(c.Context(), conf, *remove)
	}
	status := &cobra.Command{
		Use:   "status",
		Short: "Say what runs",
		RunE:  func(c *cobra.Command, _ []string) error { return stackStatus(conf.Dir, c.OutOrStdout()) },
	}
	stack.Long = stack.Short + ".\n\nServices: " + strings.Join(servers.Services, ", ") + "."
	for _, c := range []*cobra.Command{up, down, status} {
		do := c.RunE
		c.RunE = func(c *cobra.Command, args []string) error {
			ctx, stop := program.Interruptible(c.Context())
			defer stop()
			c.SetContext(ctx)
			if err := do(c, args); err != nil {
				return fmt.Errorf("stack: %w", err)
			}
			return nil
		}
		c.Flags().StringVar(&conf.Dir, "dir", "out/stack", "`folder` of data, logs and pid files")
		stack.AddCommand(c)
	}
	return stack
}

func stackDown(ctx context.Context, c servers.Config, remove bool) error {
	s, err := servers.Open(c.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(c.Services) > 0 {
		if remove {
			return errors.New("the folder can be deleted only with all services")
		}
		return s.Down(ctx, c.Services...)
	}
	if err := s.Down(ctx); err != nil {
		return err
	}
	if remove {
		return os.RemoveAll(s.Dir())
	}
	return nil
}

func stackStatus(dir string, out io.Writer) error {
	s, err := servers.Open(dir)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, name := range s.Names() {
		pid := s.Pid(name)
		if pid == 0 {
			fmt.Fprintf(w, "%s\tstopped\t\t\t%s\n", name, s.Log(name))
			continue
		}
		fmt.Fprintf(w, "%s\tpid %d\t%d MB\t%s\t%s\n", name, pid, s.Memory(name)>>20, strings.Join(s.Ports(name), ", "), s.Log(name))
	}
	return w.Flush()
}
