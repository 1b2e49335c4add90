// Command reprocess analyses archived frames as analyze analyses a topic: the
// same frames and the same configuration give the same bytes.
//
//	go run ./pipelines/reprocess --runner=direct --archive archive --topic frames --output out
package main

import (
	"errors"
	"flag"
	"os"

	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/pipelines/job"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/log"
)

func main() {
	root := flag.String("archive", "", "the archive `folder` that pipelines/archive wrote")
	kafka := connect.DefineFlags(flag.CommandLine, "localhost:9092") // of --events-topic
	flags := job.DefineFlags("now")
	launch.Init()

	j, err := flags.Job()
	if *root == "" {
		err = errors.Join(err, errors.New("--archive is missing"))
	}
	if j.Events.Topic != "" {
		brokers, bad := kafka.Check()
		err = errors.Join(err, bad, launch.CheckConnection(j.Runner, kafka.Connection))
		j.Events.Brokers, j.Events.Connection = brokers, kafka.Connection
	}
	j.Log = log.Spec{Kind: archive.Kind, Root: *root}
	os.Exit(job.Main(j, err))
}
