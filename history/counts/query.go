package counts

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/framebeam/framebeam/history/events"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/history/table"
)

// Query says what is counted, and how it is printed.
type Query struct {
	events.Filter
	Output string   // folder: a local path or scheme://…
	Per    string   // see [ParsePer]
	By     []string // of [By]
	Format string   // one of [Formats]
}

// Formats are those that counts are printed in. text is a table for people.
var Formats = events.Formats

// Check returns everything that is wrong with the query.
func (q *Query) Check() error {
	bad := []error{(&events.Query{Filter: q.Filter, Output: q.Output, Format: q.Format}).Check()}
	if _, err := ParsePer(q.Per); err != nil {
		bad = append(bad, fmt.Errorf("--per: %w", err))
	}
	for i, name := range q.By {
		if !slices.Contains(By, name) || slices.Contains(q.By[:i], name) {
			bad = append(bad, fmt.Errorf("--by=%s: not one of %s, once", name, strings.Join(By, ", ")))
		}
	}
	return errors.Join(bad...)
}

// Write prints the counts that q asks for on w, and says on notes if there is no frame. A
// camera of which there is no result is an error, with those that there are.
func (q *Query) Write(ctx context.Context, w, notes io.Writer) error {
	per, err := ParsePer(q.Per)
	if err != nil {
		return err
	}
	s, err := scan.Open(ctx, q.Output)
	if err != nil {
		return err
	}
	if err := s.CheckCameras(ctx, q.Cameras); err != nil {
		return err
	}
	c, err := New(per, q.By, q.Filter)
	if err != nil {
		return err
	}
	for row, err := range s.Rows(ctx, scan.Query{Period: q.Period, Cameras: q.Cameras, Columns: Columns}) {
		if err != nil {
			return err
		}
		c.Add(row)
	}
	if c.Frames() == 0 {
		fmt.Fprintf(notes, "there are no frames, from %v\n", q.Period)
	}
	out := bufio.NewWriter(w)
	p := q.printer(out)
	if err := c.Lines(p.line); err != nil {
		return err
	}
	if err := errors.Join(p.end(), out.Flush()); err != nil {
		return fmt.Errorf("write counts: %w", err)
	}
	return nil
}

// printer prints lines; end is called once after the last.
type printer struct {
	line func(Line) error
	end  func() error
}

func (q *Query) printer(w io.Writer) printer {
	switch q.Format {
	case "csv":
		return q.csv(w)
	case "jsonl":
		return q.jsonl(w)
	}
	return q.table(w)
}

// columns are names of what is told apart as CSV and JSON Lines have them: those of events.
var columns = map[string]string{
	"camera": "camera", "analysis": "analysis", "rule": "rule_name", "type": "event_type", "transition": "transition", "label": "object_label",
}

func (q *Query) table(w io.Writer) printer {
	t := table.New(w, slices.Concat([]string{"from"}, q.By, []string{"events", "frames", "covered", "epochs", "missing", "silence", "dead"})...)
	lines := 0
	return printer{func(l Line) error {
		number := "unknown"
		if l.Events >= 0 {
			number = strconv.FormatInt(l.Events, 10)
		}
		t.Row(slices.Concat([]string{l.From.Format("2006-01-02 15:04 -0700")}, l.Group, []string{
			number, strconv.FormatInt(l.Frames, 10), table.Percent(l.Covered), strconv.FormatInt(l.Epochs, 10),
			strconv.FormatInt(l.Missing, 10), l.Silence.Round(time.Second).String(), strconv.FormatInt(l.Dead, 10),
		})...)
		if lines++; lines%1000 == 0 {
			return t.Flush()
		}
		return nil
	}, func() error {
		if lines == 0 {
			return nil
		}
		return t.Flush()
	}}
}

func (q *Query) csv(w io.Writer) printer {
	c := csv.NewWriter(w)
	header := []string{"bucket_from", "bucket_to"}
	for _, name := range q.By {
		header = append(header, columns[name])
	}
	_ = c.Write(append(header, "events", "frames", "covered", "epochs", "missing", "silence_seconds", "dead")) // Flush tells
	return printer{func(l Line) error {
		number := ""
		if l.Events >= 0 {
			number = strconv.FormatInt(l.Events, 10)
		}
		return c.Write(slices.Concat([]string{l.From.Format(time.RFC3339), l.To.Format(time.RFC3339)}, l.Group, []string{
			number, strconv.FormatInt(l.Frames, 10), strconv.FormatFloat(l.Covered, 'f', 4, 64), strconv.FormatInt(l.Epochs, 10),
			strconv.FormatInt(l.Missing, 10), strconv.FormatFloat(l.Silence.Seconds(), 'f', 3, 64), strconv.FormatInt(l.Dead, 10),
		}))
	}, func() error {
		c.Flush()
		return c.Error()
	}}
}

func (q *Query) jsonl(w io.Writer) printer {
	return printer{func(l Line) error {
		o := object{}
		o.add("bucket_from", l.From.Format(time.RFC3339))
		o.add("bucket_to", l.To.Format(time.RFC3339))
		for i, name := range q.By {
			if l.Group[i] == "" {
				o.add(columns[name], nil)
				continue
			}
			o.add(columns[name], l.Group[i])
		}
		if l.Events < 0 {
			o.add("events", nil)
		} else {
			o.add("events", l.Events)
		}
		o.add("frames", l.Frames)
		o.add("covered", l.Covered)
		o.add("epochs", l.Epochs)
		o.add("missing", l.Missing)
		o.add("silence_seconds", l.Silence.Seconds())
		o.add("dead", l.Dead)
		_, err := fmt.Fprintf(w, "{%s}\n", o.fields)
		return errors.Join(o.err, err)
	}, func() error { return nil }}
}

// object is a JSON object whose fields keep their order.
type object struct {
	fields []byte
	err    error
}

func (o *object) add(name string, v any) {
	b, err := json.Marshal(v)
	o.err = errors.Join(o.err, err)
	if len(o.fields) > 0 {
		o.fields = append(o.fields, ',')
	}
	o.fields = fmt.Appendf(o.fields, "%q:%s", name, b)
}
