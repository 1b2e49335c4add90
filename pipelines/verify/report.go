package verify

import (
	"encoding/json"
	"fmt"
	"io"
)

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	for _, h := range r.Held {
		fmt.Fprintf(w, "%s, topic %s partition %d: %d frames", h.In, h.Topic, h.Partition, h.Frames)
		if h.To > h.From {
			fmt.Fprintf(w, ", offsets %d to %d", h.From, h.To-1)
		}
		if h.Kept > 0 {
			fmt.Fprintf(w, ", and %d pinned chunks before them", h.Kept)
		}
		fmt.Fprintln(w)
	}
	for _, s := range r.Sample {
		what := "analysed again: the same bytes"
		switch {
		case s.Skipped != "":
			what = "not analysed again: " + s.Skipped
		case !s.Same:
			what = "analysed again: OTHER bytes"
		}
		fmt.Fprintf(w, "topic %s partition %d chunk %d: %s\n", s.Topic, s.Partition, s.Chunk, what)
	}
	for i := range r.Findings {
		fmt.Fprintf(w, "WRONG %v\n", &r.Findings[i])
	}
	_, err := fmt.Fprintf(w, "%d files read, %d things wrong\n", r.Files, len(r.Findings))
	return err
}

// WriteJSONL writes the report as JSON, an object a line, each with what it is.
func (r *Report) WriteJSONL(w io.Writer) error {
	e := json.NewEncoder(w)
	var err error
	line := func(what string, v any) {
		if err == nil {
			err = e.Encode(map[string]any{what: v})
		}
	}
	for _, h := range r.Held {
		line("held", h)
	}
	for _, s := range r.Sample {
		line("sample", s)
	}
	for _, f := range r.Findings {
		line("wrong", f)
	}
	line("summary", map[string]any{"files": r.Files, "wrong": len(r.Findings), "ok": r.OK()})
	return err
}
