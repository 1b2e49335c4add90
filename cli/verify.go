package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/console"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/pipelines/verify"
	"github.com/framebeam/framebeam/transforms/files/retention"
)

func newVerify() *cobra.Command {
	c := &cobra.Command{
		Use:   "verify",
		Short: "Check an output and an archive, every file of them",
		Long: `Check an output and an archive: whether every offset from their beginnings on is there once,
whether every file can be read to its end and says of itself what it holds, and, for a
sample of chunks, whether analysing their archived frames again gives the same bytes.

It changes nothing, and may run beside jobs. Exit code 3: something is wrong, and
` + "`framebeam repair`" + ` may mend it.`,
		Example: "  " + program.This + " --output out --archive archive\n" +
			"  " + program.This + " --output out --archive archive --sample 10 --format jsonl",
	}
	f := c.Flags()
	out := flags.Output(f)
	arch := flags.Archive(f)
	sample := f.Int("sample", 0, "analyse so many `chunks` again, out of the archive, and compare the bytes")
	seed := f.Uint64("sample-seed", 1, "a `number` that decides which chunks these are")
	format := flags.Format(c, "text", "jsonl")
	c.RunE = func(c *cobra.Command, args []string) error {
		bad := errors.Join(program.NoArguments(args), checkFolders(*out, *arch))
		if *sample < 0 || *sample > math.MaxInt32 {
			bad = errors.Join(bad, fmt.Errorf("--sample=%d: not a number of chunks", *sample))
		}
		if *sample > 0 && (*out == "" || *arch == "") {
			bad = errors.Join(bad, errors.New("--sample is for an --output and the --archive of its frames"))
		}
		bad = errors.Join(bad, flags.TextOrJSONL(*format))
		if bad != nil {
			return program.Wrong(bad)
		}
		wrong := false
		err := work(c, launch.Command{
			Again: "nothing was changed",
			Run: func(ctx context.Context) error {
				r := verify.Run{Sample: *sample, Seed: *seed}
				report, err := verifyFolders(ctx, &r, *out, *arch)
				if err != nil {
					return err
				}
				wrong = !report.OK()
				return writeReport(c.OutOrStdout(), report, *format)
			},
		})
		if wrong && errors.Is(err, program.Ended(program.Done)) {
			return program.Ended(program.Differs)
		}
		return err
	}
	return c
}

func writeReport(w io.Writer, r *verify.Report, format string) error {
	if format == "jsonl" {
		return r.WriteJSONL(w)
	}
	return r.WriteText(w)
}

// verifyFolders verifies, and shows how far it is.
func verifyFolders(ctx context.Context, r *verify.Run, out, arch string) (*verify.Report, error) {
	opened, err := retention.Open(ctx, out, arch)
	if err != nil {
		return nil, err
	}
	r.Output, r.Archive = opened.Output, opened.Archive
	said := time.Now()
	r.Progress = func(done, total int64, left time.Duration) {
		if now := time.Now(); now.Sub(said) >= launch.Interval {
			said = now
			console.Default().Progress(fmt.Sprintf("%d of %d chunks checked, %s left", done, total, left.Round(time.Second)),
				slog.Int64("done", done), slog.Int64("total", total), slog.Float64("left_seconds", left.Seconds()))
		}
	}
	defer console.Default().EndProgress()
	return r.Verify(ctx)
}
