package job

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/picture"
	"github.com/framebeam/framebeam/transforms/source"
)

// DefaultN is how many offsets a chunk has unless something else is said.
const DefaultN = output.DefaultN

// Flags are the command line that analyze and reprocess share.
type Flags struct {
	topic, output, config, start, until, pictures, slice *string
	chunk                                                *int64
	poll                                                 *int
	events                                               *string
	eventsPartitions                                     *int
}

// DefineFlags adds the shared flags to the command line. until is the default
// of --until.
func DefineFlags(until string) *Flags {
	return &Flags{
		topic:    flag.String("topic", "frames", "the `topic`"),
		output:   flag.String("output", "", "the output `folder`: a path or scheme://…"),
		config:   flag.String("config", "", "the analyses, a YAML `file` (default: what the output was analysed with last, or else quality, and motion as the original system finds it)"),
		start:    flag.String("start", earliest, "where to begin in partitions that the output does not know yet: earliest, latest, an offset or a time (the first record whose timestamp in the log is that or later)"),
		until:    flag.String("until", until, "where to stop: never, now, an offset or a time (before the first record whose timestamp in the log is that or later; the log's end if there is none)"),
		pictures: flag.String("save-images", picture.WithEvents, "which annotated `images` to keep while analysing: events (the snapshots of what analyses say has happened), detections (frames in which something was found), all, or none"),
		slice:    flag.String("slice-bytes", "", fmt.Sprintf("read a job with an end in slices of at most so many `bytes` of each partition, but whole chunks, one pipeline after another; 0: all at once (default: %d on %s, which keeps a slice in memory; 0 elsewhere)", launch.Spark.SliceBytes, launch.Spark)),
		chunk:    flag.Int64("chunk", 0, fmt.Sprintf("offsets per chunk; fixed by the first job of an output (default: what the output has, %d if it is new)", DefaultN)),
		poll:     flag.Int("poll-records", source.DefaultMaxRecords, "records of a partition that are read before the engine gets them; results do not depend on it"),
		events:   flag.String("events-topic", "", "publish events at once to this Kafka `topic`, as CloudEvents, at least once (default: not at all)"),

		eventsPartitions: flag.Int("events-partitions", 0, "create the topic of --events-topic with so many `partitions` if it does not exist, kept by size (1 GiB a partition)"),
	}
}

// Job makes the job of the parsed flags, but for the log. The error lists every violation.
func (f *Flags) Job() (Job, error) {
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	j := Job{Topic: *f.topic, Output: *f.output, N: *f.chunk, Pictures: *f.pictures}
	var err error
	j.Runner, err = launch.Runner()
	note(err)
	note(frame.CheckTopic(j.Topic))
	if strings.TrimSpace(j.Output) == "" {
		note(errors.New("--output is missing"))
	}
	if (j.N != 0 || Given("chunk")) && (j.N < 1 || j.N > source.MaxN) {
		note(fmt.Errorf("--chunk=%d: must be 1 to %d", j.N, int64(source.MaxN)))
	}
	if j.Reading.MaxRecords = *f.poll; *f.poll < 1 {
		note(fmt.Errorf("--poll-records=%d: must be at least 1", *f.poll))
	}
	note(f.eventsTo(&j))
	switch {
	case j.Pictures == "none" || j.Pictures == "":
		j.Pictures = ""
	case !slices.Contains(picture.Choices, j.Pictures):
		note(fmt.Errorf("--save-images=%s: not %s or none", j.Pictures, strings.Join(picture.Choices, ", ")))
	}
	j.Start, err = Start(*f.start)
	note(err)
	j.Until, err = Until(*f.until)
	note(err)
	j.SliceBytes, err = SliceBytes(*f.slice, j.Runner)
	note(err)
	note(j.checkEnd())
	analyses, err := profiles.Load(*f.config)
	if err == nil {
		j.Analyses, err = analyses.Stages() // looks at the files that analyses name
	}
	note(err)
	j.Remembered = *f.config == ""
	return j, errors.Join(errs...)
}

// Given reports whether a flag is on the command line.
func Given(name string) (is bool) {
	flag.Visit(func(f *flag.Flag) { is = is || f.Name == name })
	return is
}

// eventsTo sets where events are published, but for the cluster.
func (f *Flags) eventsTo(j *Job) error {
	j.Events.Topic, j.EventsPartitions = *f.events, *f.eventsPartitions
	switch n := j.EventsPartitions; {
	case n < 0 || n > 10000:
		return fmt.Errorf("--events-partitions=%d: not 1 to 10000", n)
	case j.Events.Topic == "" && n != 0:
		return errors.New("--events-partitions is for --events-topic, which is missing")
	case j.Events.Topic == "":
		return nil
	case j.Events.Topic == j.Topic:
		return fmt.Errorf("--events-topic=%s is the topic of the frames", j.Topic)
	}
	return frame.CheckTopic(j.Events.Topic)
}
