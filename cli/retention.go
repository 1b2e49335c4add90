package cli

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/transforms/files/retention"
)

func newRetention() *cobra.Command {
	c := &cobra.Command{
		Use:   "retention",
		Short: "Remove old files of an output and an archive",
		Long: `Remove old files of an output and an archive, by age and by size, the oldest first.

A file holds all cameras of a stretch of the log: it stays as long as any of them wants it.
What a job needs that goes on stays, and frames that the output has not analysed; events
that are pinned stay with their frames and pictures. Files that are not ours are never
touched. It may be interrupted, and run beside jobs.`,
		Example: "  " + program.This + " --output out --archive archive --keep 30d --dry-run\n" +
			"  " + program.This + " --output out --archive archive --keep-size 500GB --pin incidents.txt\n" +
			"  " + program.This + " --output out --keep-rules retention.yaml",
	}
	f := c.Flags()
	out := flags.Output(f)
	arch := flags.Archive(f)
	keep := newKeepingPinned(f)
	var r retention.Run
	dry := f.Bool("dry-run", false, "remove nothing, and say what would go and why the rest stays")
	f.BoolVar(&r.Unanalysed, "unanalysed", false, "remove frames from the archive too that the output has not analysed")
	f.BoolVar(&r.Unpin, "unpin", false, "forget what earlier runs pinned")
	f.BoolVar(&r.Missing, "give-up-missing", false, "take files that are missing at a beginning, as somebody has removed them by hand, for given up")
	format := flags.Format(c, "text", "jsonl")
	_ = c.MarkFlagFilename("keep-rules", "yaml", "yml")
	c.RunE = func(c *cobra.Command, args []string) error {
		rules, bad := keep.rules()
		bad = errors.Join(bad, program.NoArguments(args), checkFolders(*out, *arch), flags.TextOrJSONL(*format))
		if bad == nil && !rules.Limited() && !r.Missing && !r.Unpin {
			bad = errors.New("nothing says what is to go: --keep, --keep-size or --keep-rules is missing")
		}
		if bad == nil && *out == "" && !rules.NoPins() {
			bad = errors.New("--output is missing: that is where the pinned events are looked for")
		}
		if bad != nil {
			return program.Wrong(bad)
		}
		ctx, stop := program.Interruptible(c.Context())
		defer stop()
		opened, err := retention.Open(ctx, *out, *arch)
		if err != nil {
			return err
		}
		r.Output, r.Archive, r.Rules, r.Now, r.Totals = opened.Output, opened.Archive, rules, time.Now(), true
		plan, err := r.Plan(ctx)
		if err == nil && !*dry {
			err = plan.Do(ctx)
		}
		if err != nil {
			return err
		}
		if *format == "jsonl" {
			return plan.WriteJSONL(c.OutOrStdout())
		}
		return plan.WriteText(c.OutOrStdout(), *dry)
	}
	return c
}

// checkFolders is an error if there is neither an output nor an archive.
func checkFolders(out, arch string) error {
	if out == "" && arch == "" {
		return errors.New("--output or --archive is missing, or both")
	}
	return nil
}
