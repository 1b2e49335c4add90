// Command analyze reads frames from Kafka, analyses them and writes results.
//
//	go run ./pipelines/analyze --runner=direct --brokers localhost:9092 --topic frames --output out --until=now
//
// It goes on where the output folder ends. Without --until it runs until it is
// interrupted.
package main

import (
	"errors"
	"flag"
	"os"

	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/pipelines/job"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/transforms/log"
)

func main() {
	kafka := connect.DefineFlags(flag.CommandLine, "localhost:9092")
	flags := job.DefineFlags("never")
	launch.Init()

	brokers, bad := kafka.Check()
	j, err := flags.Job()
	j.Log = log.Spec{Kind: "kafka", Brokers: brokers, Connection: kafka.Connection}
	j.Events.Brokers, j.Events.Connection = brokers, kafka.Connection
	os.Exit(job.Main(j, errors.Join(bad, launch.CheckConnection(j.Runner, kafka.Connection), err)))
}
