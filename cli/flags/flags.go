// Package flags defines the flags that several commands have, each once: so that a name
// stands for one thing, with one default, whatever the command.
package flags

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/kafka/connect"
)

// Kafka adds --brokers and --connection.
func Kafka(f *pflag.FlagSet) *connect.Flags {
	k := &connect.Flags{}
	program.InGroup(f, "Kafka", func(f *pflag.FlagSet) {
		f.StringVar(&k.Brokers, "brokers", "localhost:9092", "Kafka `brokers`, host:port,…")
		f.StringVar(&k.Connection, "connection", "", "a YAML `file` that says how to connect to Kafka with TLS or as a user; without it, plainly")
	})
	return k
}

// Topic adds --topic.
func Topic(f *pflag.FlagSet) *string {
	return f.String("topic", "frames", "the Kafka `topic` of the frames")
}

// Config adds --config.
func Config(f *pflag.FlagSet) *string {
	return f.String("config", "", "a YAML `file`: of ingest with the cameras, of alert with its rules; else with the analyses (default: what the output was "+
		"analysed with last, or else quality, and motion as the original system finds it)")
}

// EventsTopic adds --events-topic.
func EventsTopic(f *pflag.FlagSet) *string {
	return f.String("events-topic", "", "the Kafka `topic` of events: analyses publish them there at once, as CloudEvents, at least once (default: not at all), and "+
		"alerts are told out of it, and the page of monitor")
}

// Output adds --output.
func Output(f *pflag.FlagSet) *string {
	return f.String("output", "", "the output `folder`, which analyze and reprocess write: a path or scheme://…")
}

// CamerasFile adds --cameras.
func CamerasFile(f *pflag.FlagSet) *string {
	return f.String("cameras", "", "the collector's configuration `file`; on the page cameras of which there is nothing yet are shown too")
}

// Archive adds --archive.
func Archive(f *pflag.FlagSet) *string {
	return f.String("archive", "", "the archive `folder`, which archive writes: a path or scheme://…")
}

// Cameras adds --camera.
func Cameras(f *pflag.FlagSet) *string {
	return f.String("camera", "", "only these `cameras`, id,…")
}

// List splits a comma-separated flag.
func List(s string) []string {
	var list []string
	for _, e := range strings.Split(s, ",") {
		if e = strings.TrimSpace(e); e != "" {
			list = append(list, e)
		}
	}
	return list
}

// Formerly takes a flag by the name that it had, too, which no help shows.
func Formerly(f *pflag.FlagSet, name, was string) {
	old := *f.Lookup(name)
	old.Name, old.Usage, old.Hidden = was, "", true
	f.AddFlag(&old)
}

// From adds --from, and --start, as it was called.
func From(f *pflag.FlagSet) *string {
	from := f.String("from", "earliest", "where to begin in partitions that the output or archive does not know yet, a `place`: earliest, "+
		"latest, an offset or a time (the first record whose timestamp in the log is that or later); an "+
		"archive begins with the whole chunk")
	Formerly(f, "from", "start")
	return from
}

// Until adds --until. The default depends on where frames come from, and is "".
func Until(f *pflag.FlagSet) *string {
	return f.String("until", "", "where to stop, a `place`: never, now, an offset or a time (before the first record whose timestamp in "+
		"the log is that or later; the log's end if there is none); default never, of an archive now")
}

// Chunk adds --chunk. defaultN is what a new folder gets.
func Chunk(f *pflag.FlagSet, defaultN int64) *int64 {
	return f.Int64("chunk", 0, fmt.Sprintf("`offsets` per chunk; fixed by the first job of an output or archive (default: what it has, %d if it "+
		"is new)", defaultN))
}

// Format adds --format, of which a command has these.
func Format(c *cobra.Command, formats ...string) *string {
	format := c.Flags().String("format", "text", "`format` of what is printed: text or jsonl; of show also summary (a line per camera); of doctor also json; of events and "+
		"counts also csv, and text is a table")
	Choices(c, "format", formats...)
	return format
}

// TextOrJSONL refuses another format than these two.
func TextOrJSONL(format string) error {
	if format != "text" && format != "jsonl" {
		return fmt.Errorf("--format=%s: not text or jsonl", format)
	}
	return nil
}

// Choices are what a shell completes a flag with.
func Choices(c *cobra.Command, flag string, values ...string) {
	_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}
