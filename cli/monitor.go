package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/console"
	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/monitor/server"
	"github.com/framebeam/framebeam/transforms/frame"
)

func newMonitor() *cobra.Command {
	c := &cobra.Command{
		Use:   "monitor",
		Short: "Serve a web page of the cameras, their events and the pipeline",
		Long: `Serve a web page: live pictures of all cameras with what was found in them, the events of a day
with their pictures and clips, how far the pipeline is, and a place to draw lines and zones.

Pictures come from the newest records of the topic (--brokers) and from the archive (--archive),
everything else from the output. What is away while the page is served says so on it.

Without more only this machine can look (--listen 127.0.0.1:8088), and the page changes nothing.
Another address needs a login and TLS: a password file, of which htpasswd -nB makes the lines,
or a proxy that has users log in and says who they are in a header.`,
		Example: "  " + program.This + " --brokers localhost:9092 --output out --archive archive\n" +
			"  " + program.This + " --brokers localhost:9092 --output out --cameras cameras.yaml --config analyses.yaml --edit\n" +
			"  " + program.This + " --output out --archive archive --listen :8443 --password-file users --tls-cert page.pem --tls-key page.key --host cameras.example",
	}
	f := c.Flags()
	output, archive, topic, kafka := flags.Output(f), flags.Archive(f), flags.Topic(f), flags.Kafka(f)
	cameras, events := flags.CamerasFile(f), flags.EventsTopic(f)
	config := flags.Config(f)
	flink := f.String("flink", "", "the `address` of a Flink cluster's REST interface, http://jobmanager:8081: its job, checkpoints and restarts are shown")
	zone := flags.Zone(f)
	measured := flags.ListenMetrics(c, "")
	edit := f.Bool("edit", false, "let the page change the files of cameras and analyses; they are checked first")
	page := newPage(f)
	c.RunE = func(c *cobra.Command, args []string) error {
		opts, bad := page.options()
		errs := []error{program.NoArguments(args), bad, frame.CheckTopic(*topic)}
		if strings.TrimSpace(*output) == "" {
			errs = append(errs, errors.New("--output is missing"))
		}
		in := &opts.Inputs
		if f.Changed("brokers") || f.Changed("connection") || *archive == "" {
			brokers, err := kafka.Check()
			errs = append(errs, err)
			in.Brokers = brokers
		}
		place, err := period.Zone(*zone)
		errs = append(errs, err)
		if in.EventsTopic = *events; in.EventsTopic != "" {
			errs = append(errs, frame.CheckTopic(in.EventsTopic))
		}
		in.Connection, in.Topic, in.Output, in.Archive = kafka.Connection, *topic, *output, *archive
		in.Cameras, in.Analyses, in.FlinkREST, in.Zone = *cameras, *config, *flink, place
		opts.Edit = *edit
		if *edit && *config == "" {
			errs = append(errs, errors.New("--edit changes files: name them with --config, and --cameras"))
		}
		for _, file := range []string{*cameras, *config} {
			if _, err := os.Stat(file); file != "" && err != nil {
				errs = append(errs, err)
			}
		}
		if err := errors.Join(errs...); err != nil {
			return program.Wrong(err)
		}
		opts.Log = slog.New(console.Default().Handler(slog.LevelInfo))
		ctx, stop := program.Interruptible(c.Context())
		defer stop()
		return servePage(ctx, c, opts, page.listen, measured)
	}
	return c
}

func servePage(ctx context.Context, c *cobra.Command, opts server.Options, address string, measured *flags.Metrics) error {
	if os.Getenv("GOGC") == "" {
		// Pictures are most of the heap and live for a second: 64 cameras take 260 MB instead of 300,
		// for a twentieth of a core.
		debug.SetGCPercent(40)
	}
	served := measured.Phase("page")
	stopped, err := measured.Serve()
	if err != nil {
		return err
	}
	defer stopped()
	s, err := server.New(opts)
	if err != nil {
		return program.Wrong(err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("serve the page: %w", err)
	}
	scheme := "http"
	if opts.TLSCert != "" {
		scheme = "https"
	}
	served(nil)
	fmt.Fprintf(c.OutOrStdout(), "the page is at %s://%s/\n", scheme, l.Addr())
	return s.Serve(ctx, l)
}
