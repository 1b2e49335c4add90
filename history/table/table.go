// Package table prints columns of text for people, a part at a time.
package table

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Table prints rows in columns that are as wide as what was printed so far: a part that has
// something longer makes its column wider from there on.
type Table struct {
	w     io.Writer
	width []int
	rows  [][]string
}

// New begins a table with its heading.
func New(w io.Writer, heading ...string) *Table {
	t := &Table{w: w, width: make([]int, len(heading))}
	upper := make([]string, len(heading))
	for i, h := range heading {
		upper[i] = strings.ToUpper(h)
	}
	t.rows = append(t.rows, upper)
	return t
}

// Row adds a row, of which an empty cell is shown as "-". Text from outside may be given as it is.
func (t *Table) Row(cells ...string) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = plain(c)
	}
	t.rows = append(t.rows, row)
}

// Flush prints the rows that were added since it was called last.
func (t *Table) Flush() error {
	for _, row := range t.rows {
		for i, c := range row {
			t.width[i] = max(t.width[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for _, row := range t.rows {
		for i, c := range row {
			b.WriteString(c)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", t.width[i]-utf8.RuneCountInString(c)+2))
			}
		}
		b.WriteByte('\n')
	}
	t.rows = t.rows[:0]
	_, err := io.WriteString(t.w, b.String())
	return err
}

// plain is s if it cannot break the line or the terminal, else quoted.
func plain(s string) string {
	if s == "" {
		return "-"
	}
	if !utf8.ValidString(s) || strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0 {
		return strconv.Quote(s)
	}
	return s
}

// Time is a moment by the clocks of a zone.
func Time(t time.Time, zone *time.Location) string {
	return t.In(zone).Format("2006-01-02 15:04:05.000 -0700")
}

// Percent is a part of 1.
func Percent(part float64) string { return fmt.Sprintf("%.1f%%", 100*part) }
