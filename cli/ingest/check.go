package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/console"
	"github.com/framebeam/framebeam/ingest/capture"
	"github.com/framebeam/framebeam/ingest/check"
	"github.com/framebeam/framebeam/ingest/config"
)

// newCheck is the command that tries every source.
func newCheck() *cobra.Command {
	c := &cobra.Command{
		Use:   "check",
		Short: "Try every camera, and say what it gives or what it answered",
		Long: `Try every camera of a configuration: whether its source can be opened, in what size,
rate and format its pictures come, how soon, and how large its frames are when they are
resized and encoded. What does not work is said in a sentence, with what to do about it.

It needs no Kafka, and publishes nothing. Of a folder of films the first is tried. A rate is
that of the frames that came in two seconds, of files what they say themselves. Exit code 1:
one or more give no frames.`,
		Example: "  " + program.This + " --config cameras.yaml\n  " + program.This + " --config cameras.yaml --thumbnails small",
	}
	f := c.Flags()
	path := flags.Config(f)
	only := flags.Cameras(f)
	atOnce := f.Int("at-once", 4, "`number` of sources that are tried at the same time")
	thumbnails := f.String("thumbnails", "", "`folder` for a small picture of each, which is made if it is not there")
	format := flags.Format(c, "text", "jsonl")
	_ = c.MarkFlagFilename("config", "yaml", "yml")
	_ = c.MarkFlagDirname("thumbnails")
	c.RunE = func(c *cobra.Command, args []string) error {
		bad := []error{program.NoArguments(args), flags.TextOrJSONL(*format)}
		if *atOnce < 1 || *atOnce > 1000 {
			bad = append(bad, fmt.Errorf("--at-once %d is not 1 to 1000", *atOnce))
		}
		cfg := &config.Config{}
		var err error
		if *path == "" {
			bad = append(bad, errors.New("--config is missing"))
		} else if cfg, err = config.Load(*path, config.CloudEvents); err == nil {
			cfg, err = chosen(cfg, *only)
		}
		if err := errors.Join(append(bad, err)...); err != nil {
			return program.Wrong(err)
		}
		if *thumbnails != "" {
			if err := os.MkdirAll(*thumbnails, 0o755); err != nil {
				return err
			}
		}
		ctx, stop := program.Interruptible(c.Context())
		defer stop()
		return tryAll(ctx, c, cfg, check.Options{AtOnce: *atOnce, Thumbnails: *thumbnails, SourceMemory: capture.DefaultMaxMemory}, *format)
	}
	return c
}

func tryAll(ctx context.Context, c *cobra.Command, cfg *config.Config, opts check.Options, format string) error {
	out := console.Default().Over(newDiscreet(c.ErrOrStderr(), cfg))
	done, began := 0, time.Now()
	opts.Done = func(check.Source) {
		done++
		out.Progress(fmt.Sprintf("%v %d of %d cameras tried", time.Since(began).Round(time.Second), done, len(cfg.Cameras)))
	}
	all, err := check.Run(ctx, cfg, opts)
	out.EndProgress()
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted after %d of %d cameras", done, len(cfg.Cameras))
	}
	stdout := newDiscreet(c.OutOrStdout(), cfg)
	write := check.Write
	if format == "jsonl" {
		write = check.WriteJSON
	}
	if err := errors.Join(err, write(stdout, all)); err != nil {
		return err
	}
	for _, s := range all {
		if !s.OK {
			return program.Ended(program.Failed)
		}
	}
	return nil
}

// chosen is the configuration with these cameras only, all of them if none is named.
func chosen(cfg *config.Config, ids string) (*config.Config, error) {
	if ids == "" {
		return cfg, nil
	}
	few := &config.Config{}
	var bad []error
	for _, id := range strings.Split(ids, ",") {
		found := false
		for _, c := range cfg.Cameras {
			if c.ID == id {
				few.Cameras, found = append(few.Cameras, c), true
			}
		}
		if !found {
			bad = append(bad, fmt.Errorf("--camera %s: there is no such camera in the configuration", id))
		}
	}
	return few, errors.Join(bad...)
}
