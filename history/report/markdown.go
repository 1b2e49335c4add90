package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/framebeam/framebeam/history/page"
)

// CommentBytes is how long a comment may be where changes are discussed, with a reserve.
const CommentBytes = 60_000

// The bounds of the Markdown, so that people read it.
const (
	markdownRows        = 20
	markdownDifferences = 30
	// tailBytes is reserved for what says how much was left out.
	tailBytes = 400
)

// Markdown writes the report as a summary that is fit for a comment, of at most maxBytes:
// the answer, how exact it is, the totals that differ, the worst first, and the first
// differences. What does not fit is left out and counted.
func (r *Report) Markdown(w io.Writer, maxBytes int) error {
	var b strings.Builder
	within := func(most int) func(string) bool {
		return func(s string) bool {
			if b.Len()+len(s) > most {
				return false
			}
			b.WriteString(s)
			return true
		}
	}
	fits, tail := within(maxBytes-tailBytes), within(maxBytes)
	mark := "✅"
	if r.Differences() > 0 {
		mark = "⚠️"
	}
	fits(fmt.Sprintf("### %s Backtest: %s against %s\n\n", mark, code(r.After.Name), code(r.Before.Name)))
	fits(fmt.Sprintf("**%s** %s\n\n", r.verdict(), r.exactness()))
	for _, s := range r.Bounds {
		fits("- " + plain(s) + "\n")
	}
	fits(fmt.Sprintf("\nCompared: %s, captured %s.\n", page.Plural(int(r.Frames), "frame", "frames"), r.period()))
	for _, s := range r.notes() {
		fits("\n" + plain(s) + "\n")
	}
	r.markdownTotals(fits, tail)
	r.markdownDifferences(fits, tail)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write report as Markdown: %w", err)
	}
	return nil
}

func (r *Report) markdownTotals(fits, tail func(string) bool) {
	differ := 0
	for _, t := range r.totals {
		if t.Differs() > 0 {
			differ++
		}
	}
	if differ == 0 {
		return
	}
	const head = "\n| camera | analysis | event | before | after | change | added | removed | changed | moved |\n|---|---|---|--:|--:|--:|--:|--:|--:|--:|\n"
	rows, most := 0, min(differ, markdownRows)
	if !fits(head) {
		most = 0
	}
	for _, t := range r.totals[:most] {
		if !fits(fmt.Sprintf("| %s | %s | %s | %d | %d | %s | %d | %d | %d | %d |\n", code(t.Camera), code(t.Analysis),
			code(strings.TrimSpace(t.Type+" "+t.Transition)), t.Before, t.After, change(t.Count), t.Added, t.Removed, t.Changed, t.Moved)) {
			break
		}
		rows++
	}
	if more := differ - rows; more > 0 {
		tail(fmt.Sprintf("\n%s not shown.\n", page.Plural(more, "row that differs is", "rows that differ are")))
	}
}

func (r *Report) markdownDifferences(fits, tail func(string) bool) {
	var list []*shown
	for _, g := range r.groups {
		list = append(list, g.shown...)
	}
	if len(list) == 0 {
		return
	}
	all := int(r.Differences())
	const head = "\n| | captured | camera | event | frame | |\n|---|---|---|---|---|---|\n"
	if !fits("\n<details><summary>The first differences of those that differ most</summary>\n" + head) {
		return
	}
	n := 0
	for _, s := range list[:min(len(list), markdownDifferences)] {
		at := s.Happens()
		if !fits(fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", s.Kind, r.at(s.Captured()), code(s.Camera),
			code(strings.TrimSpace(s.Analysis+" "+what(at.Event))), code(place(&at.Frame)), plain(difference(s.Difference)))) {
			break
		}
		n++
	}
	tail(fmt.Sprintf("\n%s\n\n</details>\n", left(n, all)))
}

// left says how many of all differences are shown.
func left(shown, all int) string {
	if shown == all {
		return "These are all differences."
	}
	return fmt.Sprintf("%s of %s.", page.Count(shown), page.Plural(all, "difference", "differences"))
}

// code is text from outside as Markdown shows it unchanged, in a table too: neither
// markup, nor a link, nor a mention of anybody.
func code(s string) string {
	s = strings.ReplaceAll(clip(line(s)), "|", `\|`)
	if s == "" {
		return "–"
	}
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}

// clip bounds the length of a text from outside.
func clip(s string) string {
	const most = 120
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// plain is text with Markdown's and HTML's own characters made harmless.
func plain(s string) string {
	var b strings.Builder
	for _, r := range line(s) {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '&':
			b.WriteString("&amp;")
		case r == '@':
			b.WriteString("@\u200b") // no mention of anybody
		case strings.ContainsRune("\\`*_{}[]()#!|~>", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
