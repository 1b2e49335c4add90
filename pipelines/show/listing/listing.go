// Package listing prints the results of an output folder, complete chunks and unfinished
// ones, in the order of the log.
package listing

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

// Query says which results to print and how.
type Query struct {
	Output  string   // folder: a local path or scheme://…
	Cameras []string // only these; none: all
	Format  string   // one of [Formats]
	Found   bool     // only frames with detections or events; in a summary: only cameras with such
	Dead    bool     // only dead letters; in a summary: only cameras with such
	Configs bool     // not results, but the configurations that they were made with
}

// Formats are those that results are printed in.
var Formats = []string{"text", "jsonl", "summary"}

// Check returns everything that is wrong with the query.
func (q *Query) Check() error {
	var bad []error
	if strings.TrimSpace(q.Output) == "" {
		bad = append(bad, errors.New("--output is missing"))
	}
	bad = append(bad, scan.CheckCameraIDs(q.Cameras))
	if _, ok := printers[q.Format]; !ok {
		bad = append(bad, fmt.Errorf("--format=%s: not text, jsonl or summary", q.Format))
	}
	return errors.Join(bad...)
}

// printer prints rows; end is called once after the last.
type printer interface {
	rows(io.Writer, []result.Frame) error
	end(io.Writer) error
}

// each is a printer without an end.
type each func(io.Writer, []result.Frame) error

func (p each) rows(w io.Writer, rows []result.Frame) error { return p(w, rows) }
func (p each) end(io.Writer) error                         { return nil }

// summary adds up all frames by camera.
type summary struct{ result.Summary }

func (s *summary) rows(_ io.Writer, rows []result.Frame) error {
	s.Add(rows)
	return nil
}

func (s *summary) end(w io.Writer) error { return s.Write(w) }

var printers = map[string]func(*Query) printer{
	"text":    func(*Query) printer { return each(result.WriteText) },
	"jsonl":   func(*Query) printer { return each(result.WriteJSONL) },
	"summary": func(q *Query) printer { return &summary{result.Summary{Found: q.Found, Dead: q.Dead}} },
}

// Write prints what q asks for. A camera of which there is no result is an error, with
// those that there are, after everything is printed.
func (q *Query) Write(ctx context.Context, w io.Writer) error {
	folder, err := store.Open(ctx, q.Output)
	if err != nil {
		return err
	}
	out, err := output.OpenExisting(ctx, folder)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(w)
	if q.Configs {
		if err := showConfigs(b, out.Generations()); err != nil {
			return err
		}
		return b.Flush()
	}
	p := printers[q.Format](q)
	met := map[string]bool{}
	if err := out.Each(ctx, func(_ string, rows []result.Frame, _ bool) error {
		return p.rows(b, q.choose(rows, met))
	}); err != nil {
		return err
	}
	if err := p.end(b); err != nil {
		return err
	}
	if err := b.Flush(); err != nil {
		return err
	}
	return q.missing(met)
}

// choose returns the rows that are asked for, and notes in met all cameras that there are.
func (q *Query) choose(rows []result.Frame, met map[string]bool) []result.Frame {
	chosen := rows[:0]
	adds := q.Format == "summary" // all frames, since that is what it calls frames
	for _, r := range rows {
		if r.Camera != "" {
			met[r.Camera] = true
		}
		if (len(q.Cameras) == 0 || slices.Contains(q.Cameras, r.Camera)) &&
			(adds || !q.Found || len(r.Detections)+len(r.Events) > 0) &&
			(adds || !q.Dead || r.Status == result.Dead) {
			chosen = append(chosen, r)
		}
	}
	return chosen
}

// missing is an error if cameras were asked for that were not met.
func (q *Query) missing(met map[string]bool) error {
	missing := slices.DeleteFunc(slices.Clone(q.Cameras), func(camera string) bool { return met[camera] })
	return scan.UnknownCameras(missing, slices.Sorted(maps.Keys(met)))
}
