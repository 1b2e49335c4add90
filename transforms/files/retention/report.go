package retention

import (
	"encoding/json"
	"fmt"
	"io"
)

// Line is what becomes of the files of one kind of a partition.
type Line struct {
	Kind      string `json:"kind"`
	Camera    string `json:"camera,omitempty"` // whose rendered pictures alone these are
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Begins    int64  `json:"begins"` // the first offset that stays of all that come after it
	Goes      tally  `json:"goes"`
	Kept      tally  `json:"kept"` // of what lies before: pinned, or what jobs need
	Stays     tally  `json:"stays"`
	Others    int    `json:"others"` // files that are not ours
	Why       string `json:"why,omitempty"`
}

// Lines are what becomes of everything, in the order of kinds and partitions.
func (p *Plan) Lines() (lines []Line) {
	for _, s := range p.shelves {
		lines = append(lines, Line{
			Kind: s.kind.String(), Camera: s.camera, Topic: s.Partition.Topic, Partition: s.Partition.ID, Begins: s.horizon,
			Goes: s.goes, Kept: s.kept, Stays: s.rest, Others: s.others, Why: s.stays,
		})
	}
	return lines
}

// Goes is all that goes.
func (p *Plan) Goes() (files, bytes int64) {
	for _, s := range p.shelves {
		files += s.goes.Files
		bytes += s.goes.Bytes
	}
	return files, bytes
}

// Over says which limits of size cannot be kept.
func (p *Plan) Over() []string { return p.over }

// WriteText writes the lines for people. would: nothing is done.
func (p *Plan) WriteText(w io.Writer, would bool) error {
	goes := "removed"
	if would {
		goes = "would be removed"
	}
	for _, l := range p.Lines() {
		what := l.Kind
		if l.Camera != "" {
			what += " of camera " + l.Camera
		}
		fmt.Fprintf(w, "%s, topic %s partition %d: %d files (%s) %s", what, l.Topic, l.Partition, l.Goes.Files, bytesText(l.Goes.Bytes), goes)
		if l.Goes.Files > 0 {
			fmt.Fprintf(w, ", before offset %d", l.Begins)
		}
		if l.Kept.Files > 0 {
			fmt.Fprintf(w, "; %d before it (%s) stay, pinned or needed by a job that goes on", l.Kept.Files, bytesText(l.Kept.Bytes))
		}
		fmt.Fprintf(w, "; %d (%s) stay", l.Stays.Files, bytesText(l.Stays.Bytes))
		if l.Why != "" {
			fmt.Fprintf(w, ": from offset %d on %s", l.Begins, l.Why)
		}
		if l.Others > 0 {
			fmt.Fprintf(w, "; %d files there are not ours", l.Others)
		}
		fmt.Fprintln(w)
	}
	for _, o := range p.over {
		fmt.Fprintln(w, o)
	}
	files, bytes := p.Goes()
	_, err := fmt.Fprintf(w, "%d files (%s) %s\n", files, bytesText(bytes), goes)
	return err
}

// WriteJSONL writes the lines as JSON, one each.
func (p *Plan) WriteJSONL(w io.Writer) error {
	e := json.NewEncoder(w)
	for _, l := range p.Lines() {
		if err := e.Encode(l); err != nil {
			return err
		}
	}
	return nil
}
