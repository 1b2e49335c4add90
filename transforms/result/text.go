package result

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"time"
)

// WriteText writes one line per row for people:
//
//	time camera epoch/sequence topic/partition@offset status width x height [boxes] [events] [reason]
//
// Boxes are analysis(label)#track:width x height+x+y, events
// !type(rule):transition#track="detail"; what there is not is left out, or "-". The time
// is the record's where that of capture is unknown. Text from outside is quoted
// where it could break the line.
func WriteText(w io.Writer, rows []Frame) error {
	b := bufio.NewWriter(w)
	for i := range rows {
		writeLine(b, &rows[i])
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write results as text: %w", err)
	}
	return nil
}

func writeLine(w io.Writer, f *Frame) {
	at := time.UnixMilli(f.Timestamp)
	if f.Captured != 0 {
		at = time.UnixMicro(f.Captured)
	}
	sequence := "-"
	if f.Sequence != unknownSequence {
		sequence = strconv.FormatInt(f.Sequence, 10)
	}
	fmt.Fprintf(w, "%s %s %s/%s %s/%d@%d %s", at.UTC().Format(timeLayout),
		word(f.Camera), word(f.Epoch), sequence, word(f.Topic), f.Partition, f.Offset, word(string(f.Status)))
	if f.Width > 0 {
		fmt.Fprintf(w, " %dx%d", f.Width, f.Height)
	}
	for _, d := range f.Detections {
		fmt.Fprintf(w, " %s", word(d.Analysis))
		if d.Label != "" && d.Label != d.Analysis {
			fmt.Fprintf(w, "(%s)", word(d.Label))
		}
		if d.Track != 0 {
			fmt.Fprintf(w, "#%d", d.Track)
		}
		fmt.Fprintf(w, ":%dx%d%+d%+d", d.Width, d.Height, d.X, d.Y)
	}
	for _, e := range f.Events {
		fmt.Fprintf(w, " !%s", word(e.Type))
		if e.Rule != "" {
			fmt.Fprintf(w, "(%s)", word(e.Rule))
		}
		if e.Transition != "" {
			fmt.Fprintf(w, ":%s", word(e.Transition))
		}
		if e.Track != 0 {
			fmt.Fprintf(w, "#%d", e.Track)
		}
		if e.Detail != "" {
			fmt.Fprintf(w, "=%s", strconv.Quote(e.Detail))
		}
	}
	if f.Reason != "" {
		fmt.Fprintf(w, " %s", word(f.Reason))
	}
	if f.Detail != "" {
		fmt.Fprintf(w, " %s", strconv.Quote(f.Detail))
	}
	fmt.Fprintln(w)
}

// word is s if it is one plain word, "-" if it is empty, else quoted.
func word(s string) string {
	if s == "" {
		return "-"
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return strconv.Quote(s)
		}
	}
	return s
}
