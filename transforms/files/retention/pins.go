package retention

import (
	"bufio"
	"bytes"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/framebeam/framebeam/transforms/result"
)

// Pins say which events are kept, with their frames and pictures, whatever their age.
type Pins struct {
	IDs    map[string]bool // ids of events
	Events []EventPin      // those that any of these fits
}

// EventPin fits events; of an empty field, any.
type EventPin struct{ Type, Rule, Label, Camera string } // patterns, as path.Match has them

func (p *Pins) empty() bool { return len(p.IDs)+len(p.Events) == 0 }

// fits reports whether an event of a camera is pinned.
func (p *Pins) fits(camera string, e *result.Event) bool {
	if p.IDs[e.ID] {
		return true
	}
	for _, q := range p.Events {
		if fits(q.Type, e.Type) && fits(q.Rule, e.Rule) && fits(q.Label, e.Label) && fits(q.Camera, camera) {
			return true
		}
	}
	return false
}

// fits lets '*' in a type stand for parts with a '/' too.
func fits(pattern, text string) bool {
	if pattern == "" {
		return true
	}
	ok, _ := path.Match(strings.ReplaceAll(pattern, "/", "\x00"), strings.ReplaceAll(text, "/", "\x00"))
	return ok
}

// ParseEventPin parses a query of the command line: type=…,rule=…,label=…,camera=….
func ParseEventPin(s string) (EventPin, error) {
	var q EventPin
	fields := map[string]*string{"type": &q.Type, "rule": &q.Rule, "label": &q.Label, "camera": &q.Camera}
	for part := range strings.SplitSeq(s, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		field := fields[name]
		if !ok || field == nil || value == "" {
			return q, fmt.Errorf("%q is not type=…, rule=…, label=… or camera=…", part)
		}
		if *field != "" {
			return q, fmt.Errorf("%s is given twice", name)
		}
		if err := checkPattern(value); err != nil {
			return q, err
		}
		*field = value
	}
	return q, nil
}

func checkPattern(p string) error {
	if _, err := path.Match(p, ""); err != nil || p == "" {
		return fmt.Errorf("%q is not a pattern such as gate-*", p)
	}
	return nil
}

var eventID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// ParseIDs reads a list of ids of events: one a line, of which the first word counts; empty
// lines and those that begin with '#' are passed over. file is for errors, which name all
// that is wrong.
func ParseIDs(file string, data []byte) (map[string]bool, error) {
	ids := map[string]bool{}
	var wrong []string
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		words := strings.Fields(lines.Text())
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if !eventID.MatchString(words[0]) {
			wrong = append(wrong, fmt.Sprintf("%s:%d: %.40q is not the id of an event", file, n, words[0]))
			continue
		}
		ids[words[0]] = true
	}
	if err := lines.Err(); err != nil {
		wrong = append(wrong, fmt.Sprintf("%s: %v", file, err))
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("%s", strings.Join(wrong, "\n"))
	}
	return ids, nil
}
