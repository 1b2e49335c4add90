package report

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/framebeam/framebeam/history/backtest"
	"github.com/framebeam/framebeam/history/page"
	"github.com/framebeam/framebeam/transforms/result"
)

// The same words in all forms of the report.

// title names what was compared.
func (r *Report) title() string { return fmt.Sprintf("%s against %s", r.After.Name, r.Before.Name) }

// verdict is the answer in a sentence.
func (r *Report) verdict() string {
	n := int(r.Differences())
	if n == 0 {
		return fmt.Sprintf("No event differs: %s before and after, in %s of %s.",
			page.Plural(int(r.Sum.After), "event", "events"), page.Plural(int(r.Frames), "frame", "frames"), page.Plural(len(r.Cameras), "camera", "cameras"))
	}
	verb := "differ"
	if n == 1 {
		verb = "differs"
	}
	differ := map[string]bool{}
	for _, t := range r.Totals {
		if t.Differs() > 0 {
			differ[t.Camera] = true
		}
	}
	return fmt.Sprintf("%s %s, on %s of %s: %s events before, %s after.", page.Plural(n, "event", "events"), verb,
		page.Count(len(differ)), page.Plural(len(r.Cameras), "camera", "cameras"), page.Count(r.Sum.Before), page.Count(r.Sum.After))
}

// exactness says how far the result can be trusted.
func (r *Report) exactness() string {
	if r.Exact {
		return "Exact: these are the differences of two whole live runs, event for event."
	}
	return "Not exact: they may differ from those of two whole live runs."
}

// renumbered says how many events are alike but for their number, "" if none are.
func (r *Report) renumbered() string {
	if r.Sum.Renumbered == 0 {
		return ""
	}
	return page.Plural(int(r.Sum.Renumbered), "event is", "events are") + " alike but for a running number, which is no difference"
}

// notes are what else is to be known.
func (r *Report) notes() []string {
	if s := r.renumbered(); s != "" {
		return append([]string{s}, r.Notes...)
	}
	return r.Notes
}

// period says which capture times were compared.
func (r *Report) period() string {
	if r.First.IsZero() && r.Last.IsZero() {
		return "no frames"
	}
	return r.at(r.First) + " to " + r.at(r.Last)
}

// asked says which period was asked for, "" if all.
func (r *Report) asked() string {
	switch {
	case r.From.IsZero() && r.To.IsZero():
		return ""
	case r.To.IsZero():
		return "from " + r.at(r.From)
	case r.From.IsZero():
		return "before " + r.at(r.To)
	}
	return "from " + r.at(r.From) + ", before " + r.at(r.To)
}

func (r *Report) at(t time.Time) string { return page.At(t.In(r.options.Zone)) }

// clock is a time of day, with the date where the report is of more than a day.
func (r *Report) clock(t time.Time) string {
	layout := "15:04:05.000"
	if r.Last.Sub(r.First) > 24*time.Hour {
		layout = "2006-01-02 15:04:05.000"
	}
	return t.In(r.options.Zone).Format(layout)
}

// cameras names the first of them.
func cameras(names []string, more int) string {
	const most = 8
	if n := len(names); n > most {
		names, more = names[:most], more+n-most
	}
	text := strings.Join(names, ", ")
	if more > 0 {
		text += fmt.Sprintf(" and %s more", page.Count(more))
	}
	return text
}

// works says what was done for analyses, a line each.
func works(list []backtest.Work) (lines []string) {
	for _, w := range list {
		line := fmt.Sprintf("%s on %s: %s", w.Analysis, cameras(w.Cameras, w.More), page.Plural(int(w.Frames), "frame", "frames"))
		if w.Why != "" {
			line += ", since " + w.Why
		}
		lines = append(lines, line)
	}
	return lines
}

// change is after less before, with its sign.
func change(c backtest.Count) string {
	switch d := c.After - c.Before; {
	case d > 0:
		return "+" + page.Count(d)
	default:
		return page.Count(d)
	}
}

// what says what an event is, but for its type and rule: "forward, person 12003".
func what(e *result.Event) string {
	var parts []string
	if e.Transition != "" {
		parts = append(parts, e.Transition)
	}
	if e.Track != 0 {
		parts = append(parts, fmt.Sprintf("%s %d", cmp.Or(e.Label, "track"), e.Track))
	}
	return strings.Join(parts, ", ")
}

// shift is by how much later or earlier.
func shift(d time.Duration) string {
	if d < 0 {
		return fmt.Sprintf("%.3f s earlier", -d.Seconds())
	}
	return fmt.Sprintf("%.3f s later", d.Seconds())
}

// difference says in what a difference consists, beyond its kind; "" if there is no more.
func difference(d *backtest.Difference) string {
	switch d.Kind {
	case backtest.Moved:
		return shift(d.Shift())
	case backtest.Changed:
		var parts []string
		for _, f := range d.Fields {
			parts = append(parts, fmt.Sprintf("%s %s → %s", f, field(d.Before.Event, f), field(d.After.Event, f)))
		}
		return strings.Join(parts, ", ")
	}
	return ""
}

// field is what an event has in a field.
func field(e *result.Event, name string) string {
	if e == nil {
		return "–"
	}
	text := ""
	switch name {
	case "track":
		if e.Track != 0 {
			text = strconv.FormatInt(e.Track, 10)
		}
	case "label":
		text = e.Label
	case "value":
		text = value(float64(e.Value))
	case "detail":
		text = e.Detail
	case "snapshot":
		text = strconv.FormatInt(e.Snapshot, 10)
	case "transition":
		text = e.Transition
	}
	if text == "" {
		return "none"
	}
	return text
}

// value is a number as short as it can be.
func value(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "not a number"
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}

// place names a frame in the log.
func place(f *result.Frame) string {
	return fmt.Sprintf("%s/%d@%d", f.Topic, f.Partition, f.Offset)
}
