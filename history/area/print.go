package area

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/framebeam/framebeam/history/scan"
)

// Formats are those that stretches are printed in.
var Formats = []string{"text", "csv", "jsonl"}

var printers = map[string]func(io.Writer, []Stretch, *time.Location) error{"text": printText, "csv": printCSV, "jsonl": printJSON}

// Write prints what q asks for, and to notes what may be wrong with it.
func (q *Query) Write(ctx context.Context, w, notes io.Writer) error {
	s, err := scan.Open(ctx, q.Output)
	if err != nil {
		return err
	}
	if err := s.CheckCameras(ctx, q.Cameras); err != nil {
		return err
	}
	if slices.Contains(q.Labels, activity) && !hasCells(s.Output()) {
		fmt.Fprintln(notes, "activity did not run in this output: it has no cells")
	}
	f, err := q.find(ctx, s)
	if err != nil {
		return fmt.Errorf("search %s: %w", q.Output, err)
	}
	if f.cells.unreadable > 0 {
		fmt.Fprintf(notes, "%d times cells of activity could not be read, first: %v\n", f.cells.unreadable, f.cells.reason)
	}
	found := f.found
	if len(found) == 0 && q.Format == "text" {
		fmt.Fprintln(notes, "nothing was there")
		return nil
	}
	return printers[q.Format](w, found, q.Period.Location())
}

func printText(w io.Writer, found []Stretch, zone *time.Location) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FROM\tTO\tCAMERA\tWHAT\tFRAMES\tFIRST")
	at := func(v time.Time) string { return v.In(zone).Format("2006-01-02 15:04:05.000 -0700") }
	for _, s := range found {
		var things []string
		for _, x := range s.Things {
			things = append(things, fmt.Sprintf("%d %s", x.Count, x.Label))
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s/%d@%d\n", at(s.From), at(s.To), s.Camera, strings.Join(things, ", "), s.Frames, s.Topic, s.Partition, s.Offset)
	}
	return t.Flush()
}

const stamp = "2006-01-02T15:04:05.000000Z07:00"

func printCSV(w io.Writer, found []Stretch, _ *time.Location) error {
	c := csv.NewWriter(w)
	_ = c.Write([]string{"from", "to", "camera", "what", "frames", "topic", "log_partition", "log_offset"}) // Error says it
	for _, s := range found {
		var things []string
		for _, x := range s.Things {
			things = append(things, fmt.Sprintf("%s:%d", x.Label, x.Count))
		}
		_ = c.Write([]string{
			s.From.UTC().Format(stamp), s.To.UTC().Format(stamp), s.Camera, strings.Join(things, " "), strconv.FormatInt(s.Frames, 10),
			s.Topic, strconv.Itoa(int(s.Partition)), strconv.FormatInt(s.Offset, 10),
		})
	}
	c.Flush()
	return c.Error()
}

func printJSON(w io.Writer, found []Stretch, _ *time.Location) error {
	type thing struct {
		Label string `json:"label"`
		Count int    `json:"count"`
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, s := range found {
		things := []thing{}
		for _, x := range s.Things {
			things = append(things, thing(x))
		}
		if err := e.Encode(struct {
			From      string  `json:"from"`
			To        string  `json:"to"`
			Camera    string  `json:"camera"`
			What      []thing `json:"what"`
			Frames    int64   `json:"frames"`
			Topic     string  `json:"topic"`
			Partition int32   `json:"log_partition"`
			Offset    int64   `json:"log_offset"`
		}{s.From.UTC().Format(stamp), s.To.UTC().Format(stamp), s.Camera, things, s.Frames, s.Topic, s.Partition, s.Offset}); err != nil {
			return fmt.Errorf("print: %w", err)
		}
	}
	return nil
}
