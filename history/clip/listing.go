package clip

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/framebeam/framebeam/transforms/result"
)

// FileName is the name of the clip of an event among others: when, of which camera, what, and
// the beginning of its id.
func (e *Event) FileName(ext string) string {
	what := e.Rule
	if what == "" {
		what = e.Type
	}
	id := e.ID
	return fmt.Sprintf("%s-%s-%s-%s%s", stamp(&e.Row), e.Row.Camera, plain(what), id[:min(8, len(id))], ext)
}

func stamp(row *result.Frame) string { return row.At().UTC().Format("20060102T150405.000Z") }

// plain is a text as a part of a file's name.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.' {
			return r
		}
		return '_'
	}, s)
	return strings.TrimLeft(s[:min(len(s), 64)], ".-")
}

// Text writes what was made, for people.
func (m *Made) Text(w io.Writer, zone *time.Location) {
	at := func(t time.Time) string { return t.In(zone).Format("2006-01-02 15:04:05.000 MST") }
	fmt.Fprintf(w, "%s: camera %s, %s to %s, %d frames, %v\n", m.File, m.Camera, at(m.From), at(m.To), m.Frames, m.Length.Round(time.Millisecond))
	for _, g := range m.Gaps {
		fmt.Fprintf(w, "  no frames for %v after %s", g.Length.Round(time.Millisecond), at(g.After))
		if g.Missing > 0 {
			fmt.Fprintf(w, ", %d are missing", g.Missing)
		}
		fmt.Fprintln(w)
	}
	if m.LeftOut > 0 {
		fmt.Fprintf(w, "  %d frames are left out:\n", m.LeftOut)
		for _, n := range m.Notes {
			fmt.Fprintf(w, "    %s\n", n)
		}
		if more := m.LeftOut - len(m.Notes); more > 0 {
			fmt.Fprintf(w, "    and %d more\n", more)
		}
	}
	if m.Ended {
		fmt.Fprintln(w, "  it ends here, as long as a clip may be; --longest allows for more")
	}
}

// JSON writes the same as a line of JSON. Durations are in seconds.
func (m *Made) JSON(w io.Writer) error {
	type gap struct {
		After   time.Time `json:"after"`
		Seconds float64   `json:"seconds"`
		Missing int64     `json:"missing"`
	}
	gaps := []gap{}
	for _, g := range m.Gaps {
		gaps = append(gaps, gap{g.After.UTC(), g.Length.Seconds(), g.Missing})
	}
	b, err := json.Marshal(struct {
		File    string    `json:"file"`
		Camera  string    `json:"camera"`
		Event   string    `json:"event,omitempty"`
		From    time.Time `json:"from"`
		To      time.Time `json:"to"`
		Frames  int       `json:"frames"`
		Seconds float64   `json:"seconds"`
		Epochs  int       `json:"epochs"`
		Gaps    []gap     `json:"gaps"`
		LeftOut int       `json:"left_out"`
		Notes   []string  `json:"notes,omitempty"`
		Ended   bool      `json:"ended,omitempty"`
	}{m.File, m.Camera, m.Event, m.From.UTC(), m.To.UTC(), m.Frames, m.Length.Seconds(), m.Epochs, gaps, m.LeftOut, m.Notes, m.Ended})
	if err != nil {
		return fmt.Errorf("listing: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s\n", b)
	return err
}
