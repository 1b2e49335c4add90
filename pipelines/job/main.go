package job

import (
	"context"
	"fmt"

	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/transforms/chunk"
)

// Main runs the job as a command and returns its exit code. bad is what is
// wrong with the command line.
func Main(j Job, bad error) int {
	return launch.Main(launch.Command{
		Endless: j.Until.Never(),
		Again:   fmt.Sprintf("the next run goes on where %s ends", j.Output),
		Run: func(ctx context.Context) error {
			j.Progress = launch.Interval
			parts, err := j.Run(ctx)
			if err != nil {
				return err
			}
			for _, p := range parts {
				fmt.Println(Covered(j.Topic, p.Partition, "analysed", "output", p.From, p.To))
			}
			fmt.Printf("results: %s\n", j.Output)
			return nil
		},
	}, bad)
}

// Covered says what a job did with the offsets [from, to) of a partition: what
// it did to them, and where they are now.
func Covered(topic string, partition int32, did, where string, from, to int64) string {
	switch {
	case to == chunk.None:
		return fmt.Sprintf("topic %s partition %d: %s from offset %d", topic, partition, did, from)
	case to <= from:
		return fmt.Sprintf("topic %s partition %d: nothing new, the %s holds everything below offset %d", topic, partition, where, from)
	}
	return fmt.Sprintf("topic %s partition %d: %s offsets %d to %d", topic, partition, did, from, to-1)
}
