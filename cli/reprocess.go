package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/files/retention"
	"github.com/framebeam/framebeam/transforms/log"
)

func newReprocess() *cobra.Command {
	c := &cobra.Command{
		Use:   "reprocess",
		Short: "Analyse the frames of an archive, as analyze does those of a topic",
		Long: `Analyse archived frames as analyze analyses a topic: the same frames and the same
configuration give the same bytes.

It goes on where the output folder ends, and stops where the archive does, unless --until
says something else. Kafka is only for --events-topic.

A part of the archive is what --from, --until, --camera (ids, or patterns such as gate-*) and
--only say; with --seed a range is byte for byte the same range of the whole.`,
		Example: "  " + program.This + " --archive archive --topic frames --output out\n" +
			"  " + program.This + " --archive archive --topic frames --output part --seed out --from 2024-05-01T08:00:00Z --until 2024-05-01T10:00:00Z",
	}
	root := flags.Archive(c.Flags())
	a := analysisFlags(c)
	kafka := flags.Kafka(c.Flags())
	engineFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		j, err := a.job(args, false)
		if *root == "" {
			err = errors.Join(err, errors.New("--archive is missing"))
		}
		if j.Events.Topic != "" {
			brokers, bad := connected(kafka, j.Runner)
			err = errors.Join(err, bad)
			j.Events.Brokers, j.Events.Connection = brokers, kafka.Connection
		}
		j.Log = log.Spec{Kind: archive.Kind, Root: *root}
		return a.runJob(c, j, retention.Rules{}, err)
	}
	return c
}
