package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/alerts"
	"github.com/framebeam/framebeam/alerts/config"
	"github.com/framebeam/framebeam/alerts/snapshot"
	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/console"
	"github.com/framebeam/framebeam/history/clip"
	"github.com/framebeam/framebeam/metrics"
	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
)

func newAlert() *cobra.Command {
	c := &cobra.Command{
		Use:   "alert",
		Short: "Tell what happens to webhooks, MQTT brokers and by e-mail",
		Long: `Tell events, by rule, to webhooks (CloudEvents, signed), MQTT brokers and by e-mail, with a
picture. A file says what is told, to whom, when and how often (docs/alerts.md).

Events come from the topic to which analyze publishes them. Each target is told for itself, and
again and again until it has taken a message or says that it never will; how far it has come is
kept in the folder of --state and as committed offsets. So nothing is lost while a receiver is
away, and the next run goes on where this one ended. It runs until it is interrupted.`,
		Example: "  " + program.This + " --config alerts.yaml --brokers localhost:9092 --events-topic events --state alerts --output found\n" +
			"  " + program.This + " test --config alerts.yaml",
	}
	f := c.Flags()
	file := flags.Config(f)
	topic := flags.EventsTopic(f)
	kafka := flags.Kafka(f)
	var o alerts.Options
	f.StringVar(&o.State, "state", "", "the `folder` on this machine that remembers what was told; one for each process that tells")
	f.StringVar(&o.Group, "group", alerts.DefaultGroup, "the `beginning` of the names of consumer groups in Kafka: of a target it is this, - and its name")
	f.StringVar(&o.From, "begin", alerts.Latest, "what a target is told that was never told anything, a `place`: latest (what comes from now on) or earliest (all that the topic has)")
	measured := flags.ListenMetrics(c, "")
	frames := pictureFlags{output: flags.Output(f), archive: flags.Archive(f)}
	flags.Choices(c, "begin", alerts.Latest, alerts.Earliest)
	_ = c.MarkFlagFilename("config", "yaml", "yml")
	c.RunE = func(c *cobra.Command, args []string) error {
		cfg, err := loadAlerts(*file)
		brokers, bad := kafka.Check()
		if err := errors.Join(program.NoArguments(args), err, bad, checkAlerts(&o, *topic)); err != nil {
			return program.Wrong(err)
		}
		defer cfg.Close()
		ctx, stop := program.Interruptible(c.Context())
		defer stop()
		o.Config, o.Topic, o.Brokers, o.Connection = cfg, *topic, brokers, kafka.Connection
		o.Say = console.Default().Say
		stopped, err := measured.Serve()
		if err != nil {
			return err
		}
		defer stopped()
		return runAlerts(ctx, c.OutOrStdout(), o, frames.maker(cfg, o.Brokers, o.Connection), measured.Endpoint)
	}
	program.DoesItself(c)
	c.AddCommand(newAlertTest())
	return c
}

// pictureFlags say where pictures come from.
type pictureFlags struct{ output, archive *string }

func (p pictureFlags) maker(cfg *config.Config, brokers []string, connection string) *snapshot.Maker {
	where := clip.Where{Output: strings.TrimSpace(*p.output), Log: log.Spec{Kind: "kafka", Brokers: brokers, Connection: connection, Patience: 10 * time.Second}}
	if *p.archive != "" {
		where.Log = log.Spec{Kind: archive.Kind, Root: *p.archive}
	}
	return snapshot.New(where, cfg.Zone, cfg.PictureWait)
}

func loadAlerts(file string) (*config.Config, error) {
	if file == "" {
		return nil, errors.New("--config is missing: the file with the rules")
	}
	return config.Load(file)
}

func checkAlerts(o *alerts.Options, topic string) error {
	var errs []error
	if topic == "" {
		errs = append(errs, errors.New("--events-topic is missing"))
	} else {
		errs = append(errs, frame.CheckTopic(topic))
	}
	if strings.TrimSpace(o.State) == "" {
		errs = append(errs, errors.New("--state is missing: a folder that outlives this process"))
	} else if strings.Contains(o.State, "://") {
		errs = append(errs, fmt.Errorf("--state=%s: must be a folder of this machine", o.State))
	}
	if o.From != alerts.Latest && o.From != alerts.Earliest {
		errs = append(errs, fmt.Errorf("--begin=%s: not latest or earliest", o.From))
	}
	if o.Group == "" || len(o.Group) > 100 || strings.ContainsFunc(o.Group, func(r rune) bool { return r <= ' ' || r > '~' }) {
		errs = append(errs, fmt.Errorf("--group=%q: not the name of a group", o.Group))
	}
	return errors.Join(errs...)
}

func runAlerts(ctx context.Context, out io.Writer, o alerts.Options, pictures *snapshot.Maker, measured *metrics.Endpoint) (err error) {
	defer func() { err = errors.Join(err, pictures.Close()) }()
	o.Pictures = pictures
	e := alerts.New(o)
	defer e.Measure(measured)()
	if err := e.Run(ctx); err != nil {
		return err
	}
	for _, s := range e.Status() {
		fmt.Fprintf(out, "%s: %d told, %d not taken, %d events held back, %d repeats, %d failed attempts\n", s.Target, s.Told, s.Dead, s.Held, s.Repeated, s.Retried)
	}
	return nil
}

func newAlertTest() *cobra.Command {
	c := &cobra.Command{
		Use:   "test",
		Short: "Send each target a test message, and say what it answers",
		Long: `Send each target of a file one message, which says that it is a test, and say what it answers.
Exit code 1: not all have taken it.`,
		Example: "  " + program.This + " --config alerts.yaml",
	}
	file := flags.Config(c.Flags())
	var only string
	c.Flags().StringVar(&only, "target", "", "only these `targets`, name,…")
	_ = c.MarkFlagFilename("config", "yaml", "yml")
	c.RunE = func(c *cobra.Command, args []string) error {
		cfg, err := loadAlerts(*file)
		if err := errors.Join(program.NoArguments(args), err); err != nil {
			return program.Wrong(err)
		}
		defer cfg.Close()
		ctx, stop := program.Interruptible(c.Context())
		defer stop()
		results, err := alerts.Test(ctx, cfg, flags.List(only), time.Now())
		if err != nil {
			return program.Wrong(err)
		}
		failed := 0
		for _, r := range results {
			said := "taken: " + r.Answer
			if r.Err != nil {
				failed++
				said = "FAILED: " + r.Err.Error()
			}
			fmt.Fprintf(c.OutOrStdout(), "%s (%s, %s) in %v: %s\n", r.Target, r.Kind, r.Where, r.Took.Round(time.Millisecond), said)
		}
		if failed > 0 {
			return fmt.Errorf("%d of %d targets have not taken the test message", failed, len(results))
		}
		return nil
	}
	return c
}
