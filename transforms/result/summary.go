package result

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// Summary adds up what was found, by camera. The zero value is empty.
type Summary struct {
	// Found and Dead leave out cameras of which nothing was found, or nothing was a
	// dead letter. They change no numbers.
	Found, Dead bool

	cameras map[string]*counts
}

type counts struct {
	frames, dead, repeats, late  int64
	found, detections, events    int64
	first, last                  int64 // capture times, µs
	brightness, sharpness, rated float64
}

// Add adds rows.
func (s *Summary) Add(rows []Frame) {
	if s.cameras == nil {
		s.cameras = map[string]*counts{}
	}
	for i := range rows {
		r := &rows[i]
		c := s.cameras[r.Camera]
		if c == nil {
			c = &counts{}
			s.cameras[r.Camera] = c
		}
		if r.Status.OfSource() { // no frame
			c.events += int64(len(r.Events))
			continue
		}
		c.frames++
		switch r.Status {
		case Dead:
			c.dead++
		case Repeat:
			c.repeats++
		case OutOfOrder:
			c.late++
		}
		if len(r.Detections) > 0 {
			c.found++
		}
		c.detections += int64(len(r.Detections))
		c.events += int64(len(r.Events))
		if r.Captured != 0 {
			if c.first == 0 || r.Captured < c.first {
				c.first = r.Captured
			}
			c.last = max(c.last, r.Captured)
		}
		if r.Quality != nil {
			c.brightness += r.Quality.Brightness
			c.sharpness += r.Quality.Sharpness
			c.rated++
		}
	}
}

// Write writes a table with a line per camera, sorted by id; records of no
// camera come first, as "-".
func (s *Summary) Write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "camera\tframes\twith detections\tdetections\tevents\trepeats\tlate\tdead\tseconds\tbrightness\tsharpness\t")
	ids := make([]string, 0, len(s.cameras))
	for id := range s.cameras {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		c := s.cameras[id]
		if s.Found && c.detections+c.events == 0 || s.Dead && c.dead == 0 {
			continue
		}
		name := id
		if name == "" {
			name = "-"
		}
		brightness, sharpness := "-", "-"
		if c.rated > 0 {
			brightness, sharpness = fmt.Sprintf("%.0f", c.brightness/c.rated), fmt.Sprintf("%.0f", c.sharpness/c.rated)
		}
		span := time.Duration(c.last-c.first) * time.Microsecond
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f\t%s\t%s\t\n", name, c.frames, c.found, c.detections,
			c.events, c.repeats, c.late, c.dead, span.Seconds(), brightness, sharpness)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return nil
}
