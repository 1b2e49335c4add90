// Command analyze reads frames from Kafka, analyses them and writes results.
//
//	go run ./pipelines/analyze --runner=direct --brokers localhost:9092 --topic frames --output out --until=now
//
// It goes on where the output folder ends. Without --until it runs until it is
// interrupted.
package main

import (
	"flag"
	"os"

	"github.com/framebeam/framebeam/pipelines/job"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/transforms/kafkasource"
)

func main() {
	brokers := flag.String("brokers", "localhost:9092", "Kafka `brokers`, host:port,…")
	connection := flag.String("connection", "", "a `file` that says how to connect to Kafka (TLS, SASL)")
	flags := job.DefineFlags("never")
	launch.Init()

	j, err := flags.Job()
	j.Log = kafkasource.LogSpec{Kind: "kafka", Brokers: launch.List(*brokers), Connection: *connection}
	os.Exit(job.Main(j, err))
}
