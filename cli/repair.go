package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/pipelines/repair"
	"github.com/framebeam/framebeam/pipelines/verify"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/picture"
)

func newRepair() *cobra.Command {
	c := &cobra.Command{
		Use:   "repair",
		Short: "Make again what is missing or damaged in an output and an archive",
		Long: `Make again what verify finds missing or damaged: files of an archive from the topic, while it
has the frames; those of an output by analysing the frames again, out of the archive or the
topic, with the states before them. What is repaired has the bytes that it had. Damaged
files are moved into _framebeam/damaged/, never removed.

It may be interrupted, and run beside jobs. Exit code 1: something could not be repaired.`,
		Example: "  " + program.This + " --output out --archive archive\n" +
			"  " + program.This + " --archive archive --brokers localhost:9092",
	}
	f := c.Flags()
	out := flags.Output(f)
	arch := flags.Archive(f)
	var pictures string
	f.StringVar(&pictures, "remake-images", "", "make damaged packs of `images` again, as analyze makes them with --save-images: "+strings.Join(picture.Choices, ", ")+
		" (default: they are only listed)")
	flags.Choices(c, "remake-images", picture.Choices...)
	kafka := flags.Kafka(f)
	c.RunE = func(c *cobra.Command, args []string) error {
		bad := errors.Join(program.NoArguments(args), checkFolders(*out, *arch))
		if pictures != "" && !slices.Contains(picture.Choices, pictures) {
			bad = errors.Join(bad, fmt.Errorf("--remake-images=%s: not %s", pictures, strings.Join(picture.Choices, ", ")))
		}
		var topic *log.Spec
		if f.Changed("brokers") || f.Changed("connection") {
			brokers, err := connected(kafka, launch.Direct)
			bad = errors.Join(bad, err)
			topic = &log.Spec{Kind: "kafka", Brokers: brokers, Connection: kafka.Connection}
		}
		if bad != nil {
			return program.Wrong(bad)
		}
		return work(c, launch.Command{
			Again: "the next run repairs what is left",
			Run: func(ctx context.Context) error {
				var v verify.Run
				report, err := verifyFolders(ctx, &v, *out, *arch)
				if err != nil {
					return err
				}
				r := repair.Run{Output: v.Output, Archive: v.Archive, Topic: topic, Pictures: pictures, Done: func(f verify.Finding) {
					fmt.Fprintf(c.OutOrStdout(), "repaired: %v\n", &f)
				}}
				failed, err := r.Repair(ctx, report.Findings)
				if err != nil {
					return err
				}
				for i := range failed {
					fmt.Fprintln(c.OutOrStdout(), &failed[i])
				}
				fmt.Fprintf(c.OutOrStdout(), "%d of %d repaired\n", len(report.Findings)-len(failed), len(report.Findings))
				if len(failed) > 0 {
					return fmt.Errorf("%d files could not be repaired", len(failed))
				}
				return nil
			},
		})
	}
	return c
}
