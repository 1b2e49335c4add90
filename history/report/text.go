package report

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/framebeam/framebeam/history/backtest"
	"github.com/framebeam/framebeam/history/page"
)

// The bounds of the text.
const (
	textRows        = 40 // totals
	textAlike       = 20 // of them, beyond which none is shown that does not differ
	textDifferences = 40
)

// Text writes the report for a terminal: what was compared, how exactly, the totals that
// differ, the worst first, and the first differences.
func (r *Report) Text(w io.Writer) error {
	b := &bytes.Buffer{}
	fmt.Fprintf(b, "%s\n%s\n%s\n", line(r.title()), r.verdict(), r.exactness())
	for _, s := range r.Bounds {
		fmt.Fprintf(b, "  %s\n", line(s))
	}
	fmt.Fprintf(b, "compared: %s frames of %s, captured %s\n",
		page.Count(r.Frames), page.Plural(len(r.Cameras), "camera", "cameras"), r.period())
	for _, part := range []struct {
		name  string
		works []backtest.Work
	}{{"computed", r.Computed}, {"not computed again", r.Taken}} {
		for _, s := range works(part.works) {
			fmt.Fprintf(b, "%s: %s\n", part.name, line(s))
		}
	}
	for _, s := range r.notes() {
		fmt.Fprintf(b, "note: %s\n", line(s))
	}
	for _, table := range []func(io.Writer) error{r.textTotals, r.textDetections, r.textDifferences} {
		if err := table(b); err != nil {
			return fmt.Errorf("write report as text: %w", err)
		}
	}
	// Numbers are one word, as other programs read them.
	if _, err := w.Write(bytes.ReplaceAll(b.Bytes(), []byte(string(apart)), nil)); err != nil {
		return fmt.Errorf("write report as text: %w", err)
	}
	return nil
}

func (r *Report) textTotals(w io.Writer) error {
	if len(r.totals) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CAMERA\tANALYSIS\tEVENT\tTRANSITION\tBEFORE\tAFTER\tADDED\tREMOVED\tCHANGED\tMOVED")
	shown := r.totals[:min(len(r.totals), textRows)]
	for i, x := range shown {
		if x.Differs() == 0 && i >= textAlike {
			shown = shown[:i]
			break
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\n", word(x.Camera), word(x.Analysis), word(x.Type), word(x.Transition),
			x.Before, x.After, x.Added, x.Removed, x.Changed, x.Moved)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if more := r.totals[len(shown):]; len(more) > 0 {
		var left backtest.Count
		for _, x := range more {
			left.Add(x.Count)
		}
		fmt.Fprintf(w, "and %d more, with %s\n", len(more), page.Plural(int(left.Differs()), "difference", "differences"))
	}
	return nil
}

func (r *Report) textDetections(w io.Writer) error {
	if len(r.detected) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CAMERA\tANALYSIS\tFRAMES WITH DETECTIONS\tOF OTHER NUMBER\tBEFORE\tAFTER")
	for _, d := range r.detected[:min(len(r.detected), textRows)] {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%d\n", word(d.Camera), word(d.Analysis), d.Frames, d.Differ, d.Before, d.After)
	}
	if more := len(r.detected) - textRows; more > 0 {
		fmt.Fprintf(t, "and %d more\n", more)
	}
	return t.Flush()
}

func (r *Report) textDifferences(w io.Writer) error {
	if r.Differences() == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	n := 0
	err := r.Each(func(d *backtest.Difference) error {
		if n++; n > textDifferences {
			return backtest.ErrStop
		}
		at := d.Happens()
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.Kind, d.Captured().In(r.options.Zone).Format("2006-01-02T15:04:05.000"),
			word(d.Camera), word(d.Analysis), word(d.Type), word(place(&at.Frame)), line(strings.Trim(what(at.Event)+", "+difference(d), ", ")))
		return nil
	})
	if err != nil {
		return err
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if more := r.Differences() - textDifferences; more > 0 {
		fmt.Fprintf(w, "and %s\n", page.Plural(int(more), "more difference", "more differences"))
	}
	return nil
}

// word is text that stays one word on its line, "-" if there is none.
func word(s string) string {
	if s == "" {
		return "-"
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '"' || !strconv.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// line is text that stays on its line.
func line(s string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) && r != ' ' && r != apart {
			return '\uFFFD'
		}
		return r
	}, s)
}

// apart is what keeps the thousands of a number apart, for people.
const apart = '\u202f'
