package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/console"
	"github.com/framebeam/framebeam/history/backtest"
	"github.com/framebeam/framebeam/history/report"
	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
)

// backtesting is the command line of backtest.
type backtesting struct {
	output, againstOutput, config, against, archive, topic, cameras *string
	period                                                          *flags.PeriodFlags
	kafka                                                           *connect.Flags
	warmUp, window                                                  time.Duration
	detections                                                      bool
	html, markdown, parquet                                         string
	megabytes                                                       int // of html

	parse frame.ParseOptions // of records, for pictures
}

func newBacktest() *cobra.Command {
	c := &cobra.Command{
		Use:   "backtest",
		Short: "Say what other settings would have found",
		Long: `Say what another configuration would have found in frames that were analysed already, or
in those of an archive or topic: which events are added, removed, changed or moved in time.
It writes nothing but the reports that are asked for.

  --output O --config C              C against what O has
  --config C --against B             C against B, over the frames of a log
  --output O --against-output P      what O has against what P has

Only what changed is computed. A line that is moved over tracks that O has needs no frame;
what needs frames looks at those of the cameras and the period concerned, and says so where
--archive or --brokers is missing. The differences are those of two whole runs, event for
event, and where a period begins in the middle it is said for what that may not hold.

It ends with exit code 3 if there are differences, and with 0 if there are none.`,
		Example: "  " + program.This + " --output out --config new.yaml --from yesterday\n" +
			"  " + program.This + " --output out --config new.yaml --archive archive --camera 'gate-*' --report report.html\n" +
			"  " + program.This + " --config new.yaml --against old.yaml --archive archive --markdown summary.md",
	}
	f := c.Flags()
	b := &backtesting{}
	b.output = flags.Output(f)
	b.config = flags.Config(f)
	b.against = f.String("against", "", "the YAML `file` of the analyses that those of --config are compared with (default: what the output has)")
	b.againstOutput = f.String("against-output", "", "the output `folder` that the one of --output is compared with")
	b.archive = flags.Archive(f)
	b.topic = flags.Topic(f)
	b.cameras = flags.Cameras(f)
	f.DurationVar(&b.warmUp, "warm-up", backtest.DefaultWarmUp, "how long before the period analyses begin of whose memory nothing is stored")
	f.DurationVar(&b.window, "window", backtest.DefaultWindow, "within how long an event that happens at another time has moved, and is no other")
	f.BoolVar(&b.detections, "detections", false, "compare how much each analysis detects in every frame, too")
	f.StringVar(&b.html, "report", "", "write a report with pictures to this HTML `file`, which needs no other")
	f.IntVar(&b.megabytes, "report-size", report.DefaultMaxBytes>>20, "about how large the report with pictures may become, in `MiB`")
	f.StringVar(&b.markdown, "markdown", "", "write a summary, fit for a comment, to this `file`")
	f.StringVar(&b.parquet, "parquet", "", "write all differences to this Parquet `file`")
	b.period = flags.Period(f)
	b.kafka = flags.Kafka(f)
	for name, extension := range map[string][]string{
		"config": {"yaml", "yml"}, "against": {"yaml", "yml"}, "report": {"html"}, "markdown": {"md"}, "parquet": {"parquet"},
	} {
		_ = c.MarkFlagFilename(name, extension...)
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		j, err := b.job(c, args)
		if err != nil {
			return program.Wrong(err)
		}
		differ, refused := false, error(nil)
		err = work(c, launch.Command{
			Again: "nothing is kept of a comparison, and the next run begins anew",
			Run: func(ctx context.Context) (err error) {
				differ, err = b.run(ctx, c.OutOrStdout(), j)
				if _, needs := errors.AsType[*backtest.NeedsFrames](err); needs {
					refused, err = err, nil
				}
				return err
			},
		})
		switch {
		case refused != nil:
			return program.Wrong(refused)
		case errors.Is(err, program.Ended(program.Done)) && differ:
			return program.Ended(program.Differs)
		}
		return err
	}
	return c
}

// job makes the job. The error lists every violation.
func (b *backtesting) job(c *cobra.Command, args []string) (*backtest.Job, error) {
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	note(program.NoArguments(args))
	j := &backtest.Job{Topic: *b.topic, Store: strings.TrimSpace(*b.output), WarmUp: b.warmUp, Progress: console.Default()}
	j.Options = backtest.Options{Window: max(b.window, 1), Detections: b.detections} // of 0 only what is of one time is a pair
	config, against, other := *b.config, *b.against, strings.TrimSpace(*b.againstOutput)
	switch {
	case other != "" && (config != "" || against != ""):
		note(errors.New("--against-output is another output, with which --output is compared: --config and --against are of no use with it"))
	case other != "" && j.Store == "":
		note(errors.New("--against-output is compared with --output, which is missing"))
	case other != "":
		j.Before, j.After = backtest.Given{Name: other, Output: other}, backtest.Given{Name: j.Store, Output: j.Store}
		j.Store = ""
	case config == "":
		note(errors.New("--config is missing: the file with the settings that are to be tried"))
	case against != "":
		j.Before, j.After = b.given(against, note), b.given(config, note)
	case j.Store == "":
		note(errors.New("with what is --config to be compared? Say --output, whose results it is, or --against, another file"))
	default:
		j.Before, j.After = backtest.Given{Name: j.Store, Output: j.Store}, b.given(config, note)
	}
	note(b.logOf(c, j))
	if against != "" && j.Store == "" && j.Log.Kind == "" {
		note(errors.New("two configurations are compared over frames: say with --archive or --brokers where they are, or with --output whose results can be taken"))
	}
	note(frame.CheckTopic(j.Topic))
	for _, camera := range flags.List(*b.cameras) {
		if _, err := path.Match(camera, ""); err != nil {
			note(fmt.Errorf("--camera=%s: not a camera id, nor a pattern", camera))
		}
		j.Cameras = append(j.Cameras, camera)
	}
	if b.warmUp < 0 {
		note(fmt.Errorf("--warm-up=%v: must not be negative", b.warmUp))
	}
	if b.window < 0 {
		note(fmt.Errorf("--window=%v: must not be negative", b.window))
	}
	if b.megabytes < 1 || b.megabytes > 1024 {
		note(fmt.Errorf("--report-size=%d: not 1 to 1024", b.megabytes))
	}
	for _, to := range []struct{ flag, file string }{{"report", b.html}, {"markdown", b.markdown}, {"parquet", b.parquet}} {
		if to.file == "" {
			continue
		}
		if folder, err := os.Stat(filepath.Dir(to.file)); err != nil || !folder.IsDir() {
			note(fmt.Errorf("--%s=%s: there is no folder %s", to.flag, to.file, filepath.Dir(to.file)))
		}
	}
	var err error
	j.Period, err = b.period.Period(time.Now())
	note(err)
	return j, errors.Join(errs...)
}

// given reads a configuration.
func (b *backtesting) given(file string, note func(error)) backtest.Given {
	g := backtest.Given{Name: file}
	c, err := profiles.Load(file)
	if err != nil {
		note(err)
		return g
	}
	stages, err := c.Stages()
	if err != nil {
		note(err)
		return g
	}
	b.parse = stages.PerFrame.Parse
	g.Stages = &stages
	return g
}

// logOf sets where frames are.
func (b *backtesting) logOf(c *cobra.Command, j *backtest.Job) error {
	kafka := c.Flags().Changed("brokers") || b.kafka.Connection != ""
	switch {
	case *b.archive != "" && kafka:
		return errors.New("--archive and --brokers both say where the frames are: leave one out")
	case *b.archive != "":
		j.Log = log.Spec{Kind: archive.Kind, Root: *b.archive}
	case kafka:
		brokers, err := b.kafka.Check()
		if err != nil {
			return err
		}
		j.Log = log.Spec{Kind: "kafka", Brokers: brokers, Connection: b.kafka.Connection}
	}
	return nil
}

// run compares, and writes what is asked for.
func (b *backtesting) run(ctx context.Context, stdout io.Writer, j *backtest.Job) (differ bool, err error) {
	res, err := j.Run(ctx)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, res.Close()) }()
	o := report.Options{Zone: j.Period.Location(), Parse: b.parse, MaxBytes: b.megabytes << 20}
	if b.html != "" {
		o.Log = j.Log
	}
	rep, err := report.New(ctx, res, o)
	if err != nil {
		return false, err
	}
	for _, w := range []struct {
		file  string
		write func(io.Writer) error
	}{
		{b.html, rep.HTML},
		{b.markdown, func(w io.Writer) error { return rep.Markdown(w, report.CommentBytes) }},
		{b.parquet, func(w io.Writer) error { return report.Parquet(w, res) }},
	} {
		if w.file != "" {
			if err := store.WriteLocal(w.file, w.write); err != nil {
				return false, err
			}
		}
	}
	return res.Differences() > 0, rep.Text(stdout)
}
