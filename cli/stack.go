// Command stack starts and stops real Kafka, HDFS, Flink and Spark on this machine.
//
//	go run ./runner-configs/stack up|down|status [flags] [kafka] [hdfs] [flink] [spark]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/framebeam/framebeam/commandline"
	"github.com/framebeam/framebeam/runner-configs/stack/servers"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "stack:", err)
		if _, bad := errors.AsType[usageError](err); bad {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

// usageError is that the command line is wrong, and nothing was done.
type usageError struct{ error }

const usage = `usage: stack up|down|status [flags] [service...]
  up      start the services that do not run yet (default: all) and wait until ready
  down    stop the services (default: all that were started); the data stay
  status  say what runs
services: `

func run(ctx context.Context, args []string, out io.Writer) error {
	c := servers.Config{Detach: true, Progress: out}
	flags := flag.NewFlagSet("stack", flag.ContinueOnError)
	flags.StringVar(&c.Dir, "dir", "out/stack", "folder of data, logs and pid files")
	flags.IntVar(&c.Brokers, "brokers", 0, "Kafka brokers, 1 to 3 (default 1)")
	flags.IntVar(&c.DataNodes, "datanodes", 0, "HDFS DataNodes, 1 to 3 (default 1)")
	flags.IntVar(&c.TaskManagers, "taskmanagers", 0, "Flink TaskManagers (default 2)")
	flags.IntVar(&c.SparkWorkers, "workers", 0, "Spark workers (default 2)")
	flags.IntVar(&c.BasePort, "base-port", 0, "use the ports from here on instead of the well-known ones")
	remove := flags.Bool("delete", false, "down: delete the folder too, with all data")
	if len(args) == 0 {
		return usageError{errors.New("up, down or status? (see stack --help)")}
	}
	command := args[0]
	if !strings.HasPrefix(command, "-") {
		args = args[1:]
	}
	if err := commandline.Parse(flags, args, usage+strings.Join(servers.Services, ", ")+"\n", out); errors.Is(err, flag.ErrHelp) {
		return err
	} else if err != nil {
		return usageError{err}
	}
	c.Services = flags.Args()
	switch command {
	case "up":
		_, err := servers.Up(ctx, c)
		return err
	case "down":
		return down(ctx, c, *remove)
	case "status":
		return status(c.Dir, out)
	default:
		return usageError{fmt.Errorf("no command %q (see stack --help)", command)}
	}
}

func down(ctx context.Context, c servers.Config, remove bool) error {
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

func status(dir string, out io.Writer) error {
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
