package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/transforms/log"
)

func newAnalyze() *cobra.Command {
	c := &cobra.Command{
		Use:   "analyze",
		Short: "Analyse the frames of a topic, and write results",
		Long: `Analyse the frames of a Kafka topic, and write results.

It goes on where the output folder ends. Without --until it runs until it is interrupted.`,
		Example: "  " + program.This + " --brokers localhost:9092 --topic frames --output out --until now",
	}
	a := analysisFlags(c)
	a.liveFlags()
	keep := newKeepingPinned(c.Flags())
	kafka := flags.Kafka(c.Flags())
	engineFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		j, err := a.job(args, true)
		brokers, bad := connected(kafka, j.Runner)
		j.Log = log.Spec{Kind: "kafka", Brokers: brokers, Connection: kafka.Connection}
		j.Events.Brokers, j.Events.Connection = brokers, kafka.Connection
		rules, wrong := keep.rules()
		readyBrokers(a.measured, brokers, kafka.Connection)
		return a.runJob(c, j, rules, errors.Join(bad, err, wrong))
	}
	return c
}
