package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/doctor"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/transforms/frame"
)

func newDoctor() *cobra.Command {
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Look whether all that an installation needs is there and as it should be",
		Long: `Look whether all that an installation needs is there and as it should be, and say what to do where
it is not: a line each, ok, warn or fail. Give it the flags that you give the other commands:
what is not named is not looked at. It changes nothing; in folders it writes a file and removes
it. Exit code 1: something does not work.`,
		Example: "  " + program.This + "\n" +
			"  " + program.This + " --brokers localhost:9092 --topic frames --events-topic events --cameras cameras.yaml --config analyses.yaml --output found\n" +
			"  " + program.This + " --runner flink --endpoint jobserver:8099 --flink-rest http://jobmanager:8081 --output hdfs://namenode/found",
	}
	f := c.Flags()
	kafka, topic, events := flags.Kafka(f), flags.Topic(f), flags.EventsTopic(f)
	analyses, output, archive := flags.Config(f), flags.Output(f), flags.Archive(f)
	cameras := flags.CamerasFile(f)
	alertRules := f.String("alerts", "", "the `file` of alert's rules")
	format := flags.Format(c, doctor.Formats...)
	engineFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		w := doctor.What{
			Connection: kafka.Connection, Events: *events, Output: strings.TrimSpace(*output), Archive: strings.TrimSpace(*archive),
			Cameras: *cameras, Analyses: *analyses, Alerts: *alertRules,
		}
		errs := []error{program.NoArguments(args)}
		if !slices.Contains(doctor.Formats, *format) {
			errs = append(errs, fmt.Errorf("--format=%s: not %s", *format, strings.Join(doctor.Formats, ", ")))
		}
		if f.Changed("brokers") || f.Changed("connection") || f.Changed("topic") || w.Events != "" {
			brokers, err := kafka.Check()
			errs = append(errs, err)
			w.Brokers, w.Topic = brokers, *topic
			errs = append(errs, frame.CheckTopic(w.Topic))
			if w.Events != "" {
				errs = append(errs, frame.CheckTopic(w.Events))
			}
		}
		var err error
		w.Engine, err = launch.Runner()
		errs = append(errs, err)
		w.FlinkREST, w.Worker = f.Lookup("flink-rest").Value.String(), f.Lookup("worker-path").Value.String()
		if err := errors.Join(errs...); err != nil {
			return program.Wrong(err)
		}
		// An answer is wanted now, not when a NameNode is back.
		if os.Getenv(hdfsPatience) == "" {
			if err := os.Setenv(hdfsPatience, "5s"); err != nil {
				return err
			}
		}
		ctx, stop := program.Interruptible(c.Context())
		defer stop()
		found := doctor.Look(ctx, w)
		if err := doctor.Write(c.OutOrStdout(), *format, found); err != nil {
			return err
		}
		if doctor.Failed(found) {
			return program.Ended(program.Failed)
		}
		return nil
	}
	return c
}

// hdfsPatience is the variable that package hdfsfs reads.
const hdfsPatience = "FRAMEBEAM_HDFS_PATIENCE"
