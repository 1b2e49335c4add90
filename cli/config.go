package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/history/settings"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
)

func newConfig() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Say which settings made a row",
		Args:  cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return program.Wrong(fmt.Errorf("list or show? (see %s --help)", c.CommandPath()))
		},
	}
	list := &cobra.Command{
		Use:   "list",
		Short: "List the configurations that an output was made with",
	}
	withOutput(list, "", func(ctx context.Context, w io.Writer, all []settings.Config, format string, _ []string) error {
		if format == "jsonl" {
			return settings.JSON(w, all)
		}
		return settings.List(w, all)
	})
	show := &cobra.Command{
		Use:   "show DIGEST",
		Short: "Show the settings behind a row's config, or its first digits",
		Long: `Show the settings behind a row's config: the cameras that they are for, all analyses with
their parameters, defaults too, and which generations of the output made rows with them. The
digest may be shortened. That of a generation (config_digest) shows all of its configurations.`,
		Example: "  " + program.This + " 3f2a9c01 --output out",
	}
	withOutput(show, "DIGEST", func(_ context.Context, w io.Writer, all []settings.Config, format string, args []string) error {
		found, err := settings.Find(all, args[0])
		if err != nil {
			return program.Wrong(err)
		}
		if format == "jsonl" {
			return settings.JSON(w, found)
		}
		return settings.Show(w, found)
	})
	c.AddCommand(list, show)
	return c
}

// withOutput makes a command of what is done with an output's configurations, whose argument
// must be there, if it has one.
func withOutput(c *cobra.Command, argument string, do func(context.Context, io.Writer, []settings.Config, string, []string) error) {
	folder := flags.Output(c.Flags())
	format := flags.Format(c, "text", "jsonl")
	c.RunE = func(c *cobra.Command, args []string) error {
		var errs []error
		switch {
		case argument == "":
			errs = append(errs, program.NoArguments(args))
		case len(args) == 0:
			errs = append(errs, fmt.Errorf("%s is missing", argument))
		default:
			errs = append(errs, program.NoArguments(args[1:]))
		}
		if *folder == "" {
			errs = append(errs, errors.New("--output is missing"))
		}
		errs = append(errs, flags.TextOrJSONL(*format))
		if err := errors.Join(errs...); err != nil {
			return program.Wrong(err)
		}
		ctx, stop := program.Interruptible(c.Context())
		defer stop()
		f, err := store.Open(ctx, *folder)
		if err != nil {
			return err
		}
		o, err := output.OpenExisting(ctx, f)
		if err != nil {
			return err
		}
		all, err := settings.All(ctx, o)
		if err != nil {
			return err
		}
		return do(ctx, c.OutOrStdout(), all, *format, args)
	}
}
