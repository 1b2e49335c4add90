package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"
)

type line struct {
	name string
	text func(l *Layout) string
}

// A line without text is a heading.
var lines = []line{
	{"engine", func(l *Layout) string { return l.Engine }},
	{"frames/s", func(l *Layout) string { return countText(l.Frames) }},
	{"a frame", func(l *Layout) string { return fmt.Sprintf("%v, %s", l.Resolution, bytesText(l.FrameBytes)) }},

	{"MACHINES", nil},
	{"collectors", func(l *Layout) string { return count(l.Collectors) }},
	{"brokers", func(l *Layout) string { return count(l.Brokers) }},
	{"workers (TaskManagers, executors)", func(l *Layout) string { return count(l.Workers) }},
	{"DataNodes", func(l *Layout) string { return count(l.Data) }},
	{"slots of all workers", func(l *Layout) string { return count(l.Slots) }},
	{"memory of a worker: JVM + Go", func(l *Layout) string { return fmt.Sprintf("%.1f + %.1f GB", l.RunnerGB, l.WorkerGB) }},

	{"TOPIC", nil},
	{"partitions", func(l *Layout) string { return count(l.Partitions) }},
	{"copies", func(l *Layout) string { return count(l.KafkaReplication) }},
	{"cameras of a partition: least, mean, most", func(l *Layout) string {
		return fmt.Sprintf("%d, %.1f, %d", l.LeastCameras, float64(l.Cameras)/float64(l.Partitions), l.MostCameras)
	}},
	{"kept", func(l *Layout) string { return l.Retention.String() }},
	{"retention.bytes, for the busiest", func(l *Layout) string { return countExact(math.Ceil(l.Retained/1e9) * 1e9) }},
	{"disk when all partitions are full, all copies", func(l *Layout) string {
		return bytesText(l.Retained * float64(l.Partitions*l.KafkaReplication))
	}},

	{"FILES", nil},
	{"chunk N of results", func(l *Layout) string { return countExact(float64(l.Chunk)) }},
	{"chunk N of the archive", func(l *Layout) string { return archiveText(l, countExact(float64(l.ArchiveChunk))) }},
	{"a results file, a states file", func(l *Layout) string { return bytesText(l.ResultsFile) + ", " + bytesText(l.StatesFile) }},
	{"an archive file", func(l *Layout) string { return archiveText(l, bytesText(l.ArchiveFile)) }},
	{"results, states a day, one copy", func(l *Layout) string { return bytesText(l.ResultsDay) + ", " + bytesText(l.StatesDay) }},
	{"archive a day, one copy", func(l *Layout) string { return archiveText(l, bytesText(l.ArchiveDay)) }},
	{"kept: results and states, archive", func(l *Layout) string { return fmt.Sprintf("%g d, %g d", l.KeepResults, l.KeepArchive) }},
	{"HDFS disk, all copies", func(l *Layout) string {
		return bytesText(((l.ResultsDay+l.StatesDay)*l.KeepResults + l.ArchiveDay*l.KeepArchive) * float64(l.HDFSReplication))
	}},
	{"NameNode: files made a second", func(l *Layout) string { return countText(l.Creates) }},
	{"NameNode: objects a day", func(l *Layout) string { return countText(l.ObjectsDay) }},
	{"NameNode: objects standing", func(l *Layout) string { return countText(l.Objects) }},
	{"largest folder, entries", func(l *Layout) string { return countExact(l.Entries) }},

	{"CPU, ms per frame", nil},
	{"collector", func(l *Layout) string { return msText(l.CollectMs) }},
	{"brokers, all copies", func(l *Layout) string { return msText(l.BrokerMs) }},
	{"source and per-frame stage", func(l *Layout) string { return msText(l.SourceMs) }},
	{"sequence stage", func(l *Layout) string { return msText(l.SequenceMs) }},
	{"engine", func(l *Layout) string { return msText(l.EngineMs) }},
	{"archive", func(l *Layout) string { return archiveText(l, msText(l.ArchiveMs)) }},
	{"DataNodes, all copies", func(l *Layout) string { return msText(l.HDFSMs) }},
	{"busiest reader, of its core", func(l *Layout) string { return fmt.Sprintf("%.0f %%", 100*l.ReaderLoad) }},
	{"all slots", func(l *Layout) string { return fmt.Sprintf("%.0f %%", 100*l.ClusterLoad) }},

	{"NETWORK, bytes/s", nil},
	{"collectors to Kafka", func(l *Layout) string { return bytesText(l.Network.Collect) }},
	{"between brokers", func(l *Layout) string { return bytesText(l.Network.Replicate) }},
	{"Kafka to readers", func(l *Layout) string { return bytesText(l.Network.Read) }},
	{"shuffle to the sequence stage", func(l *Layout) string { return bytesText(l.Network.Shuffle) }},
	{"results and states to the sink", func(l *Layout) string { return bytesText(l.Network.Results) }},
	{"to HDFS, all copies", func(l *Layout) string { return bytesText(l.Network.HDFS) }},
	{"busiest way of a broker", func(l *Layout) string { return gbitText(l.Network.Broker) }},
	{"of a worker", func(l *Layout) string { return gbitText(l.Network.Worker) }},
	{"of a DataNode", func(l *Layout) string { return gbitText(l.Network.DataNode) }},

	{"STATE", nil},
	{"of a camera", func(l *Layout) string { return bytesText(l.held()) }},
	{"keyed state = one checkpoint", func(l *Layout) string { return bytesText(l.Checkpoint) }},
	{"checkpoints, bytes/s", func(l *Layout) string {
		return flinkText(l, bytesText(l.Checkpoint/checkpointSecs))
	}},

	{"TIME", nil},
	{"a chunk fills: mean partition, emptiest", func(l *Layout) string { return secondsText(l.Fill) + ", " + secondsText(l.FillSlowest) }},
	{"outage", func(l *Layout) string { return secondsText(l.Outage.Seconds()) }},
	{"backlog then, frames", func(l *Layout) string { return countText(l.Frames * l.Outage.Seconds()) }},
	{"caught up after", func(l *Layout) string { return secondsText(l.CatchUp) }},
}

func archiveText(l *Layout, text string) string {
	if l.KeepArchive == 0 {
		return "-"
	}
	return text
}

func flinkText(l *Layout, text string) string {
	if l.Engine != "flink" {
		return "-"
	}
	return text
}

func printLayouts(w io.Writer, layouts []Layout) error {
	t := table{{"cameras"}}
	for i := range layouts {
		t[0] = append(t[0], countExact(float64(layouts[i].Cameras)))
	}
	for _, line := range lines {
		if line.text == nil {
			t = append(t, nil, []string{line.name})
			continue
		}
		row := []string{line.name}
		for i := range layouts {
			row = append(row, line.text(&layouts[i]))
		}
		t = append(t, row)
	}
	return t.print(w)
}

// table is rows of cells; those that a row lacks are empty.
type table [][]string

func (t table) print(w io.Writer) error {
	columns := 0
	for _, row := range t {
		columns = max(columns, len(row))
	}
	var b strings.Builder
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range t {
		fmt.Fprintln(tw, strings.Join(row, "\t")+strings.Repeat("\t", columns-len(row)))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(b.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

func printLimits(w io.Writer, layouts []Layout) {
	for i := range layouts {
		l := &layouts[i]
		state := "limits broken:"
		found := l.limits()
		if len(found) == 0 || found[0].note {
			state = "no limit is broken"
		}
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "cameras %s, each %g frames/s, on %s: %s\n", countExact(float64(l.Cameras)), l.FPS, l.Engine, state)
		for _, f := range found {
			kind := "LIMIT"
			if f.note {
				kind = "note"
			}
			fmt.Fprintf(w, "  %s: %s.\n    Why: %s.\n    Change: %s.\n", kind, f.what, f.why, f.change)
		}
	}
}

func printCosts(w io.Writer) error {
	t := table{{"what", "value", "unit", "is", "from"}}
	for _, c := range costs() {
		t = append(t, []string{c.name, number(c.value), c.unit.String(), c.kind, c.source})
	}
	return t.print(w)
}

// number writes v with at most three digits after the point.
func number(v float64) string {
	if v >= 100 {
		return countExact(v)
	}
	return fmt.Sprintf("%.4g", v)
}

func count(n int) string { return countExact(float64(n)) }

// countExact writes a number with commas.
func countExact(v float64) string {
	s := fmt.Sprintf("%.0f", v)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// countText writes a number with three digits.
func countText(v float64) string { return scaled(v, []string{"", " k", " M", " G", " T"}) }

// bytesText writes bytes with three digits; a kB is 1000.
func bytesText(v float64) string {
	return scaled(v, []string{" B", " kB", " MB", " GB", " TB", " PB", " EB"})
}

func scaled(v float64, units []string) string {
	i := 0
	for v >= 999.5 && i < len(units)-1 {
		v, i = v/1000, i+1
	}
	return fmt.Sprintf("%.3g%s", v, units[i])
}

func gbitText(bytes float64) string { return fmt.Sprintf("%.2g Gbit/s", bytes*8/1e9) }

func msText(ms float64) string { return fmt.Sprintf("%.2f", ms) }

func secondsText(s float64) string {
	switch {
	case math.IsInf(s, 1):
		return "never"
	case math.IsNaN(s):
		return "-"
	case s < 10:
		return fmt.Sprintf("%.1fs", s)
	}
	return time.Duration(math.Round(s) * float64(time.Second)).String()
}
