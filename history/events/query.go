package events

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/strictyaml"
	"github.com/framebeam/framebeam/transforms/result"
)

// Query says which events are listed, and how.
type Query struct {
	Filter
	Output string // folder: a local path or scheme://…
	Format string // one of [Formats]
	Limit  int    // most events; 0: all
	// Follow goes on with what is published, until the context ends.
	Follow bool
}

// Formats are those that events are listed in. text is a table for people, and called table too.
var Formats = []string{"text", "csv", "jsonl"}

// Check returns everything that is wrong with the query.
func (q *Query) Check() error {
	var bad []error
	if strings.TrimSpace(q.Output) == "" {
		bad = append(bad, errors.New("--output is missing"))
	}
	bad = append(bad, scan.CheckCameraIDs(q.Cameras))
	if printers[q.Format] == nil {
		bad = append(bad, fmt.Errorf("--format=%s: not text, csv or jsonl", q.Format))
	}
	if q.Limit < 0 {
		bad = append(bad, fmt.Errorf("--limit=%d: less than 0", q.Limit))
	}
	return errors.Join(bad...)
}

// between is how long a follower waits until it looks again.
const between = 500 * time.Millisecond

// errEnough ends a listing at its limit.
var errEnough = errors.New("enough events")

// Write lists the events that q asks for on w, and says on notes if there are none. A
// camera of which there is no result is an error, with those that there are, unless the
// output is followed, in which it may still come.
func (q *Query) Write(ctx context.Context, w, notes io.Writer) error {
	s, err := scan.Open(ctx, q.Output)
	if err != nil {
		return err
	}
	if !q.Follow {
		if err := s.CheckCameras(ctx, q.Cameras); err != nil {
			return err
		}
	}
	l := listing{Query: q, out: bufio.NewWriter(w)}
	l.printer = printers[q.Format](l.out, q.Period.Location())
	if q.Follow {
		err = l.follow(ctx, s)
	} else {
		err = l.all(ctx, s)
	}
	if errors.Is(err, errEnough) {
		err = nil
	}
	if flushed := l.flush(); err == nil {
		err = flushed
	}
	if err == nil && l.n == 0 {
		fmt.Fprintf(notes, "no event matches, from %v%s\n", q.Period, q.meant())
	}
	return err
}

// meant is which of the types were probably meant.
func (q *Query) meant() (hint string) {
	for _, t := range q.Types {
		if !slices.Contains(result.EventTypes, t) {
			hint += fmt.Sprintf("; %s is none of Framebeam's types%s", t, strictyaml.DidYouMean(t, result.EventTypes))
		}
	}
	return hint
}

// listing is a list that is being printed.
type listing struct {
	*Query
	out     *bufio.Writer
	printer printer
	n       int
}

func (l *listing) all(ctx context.Context, s *scan.Scan) error {
	for b, err := range s.Batches(ctx, l.query()) {
		if err != nil {
			return err
		}
		if err := l.add(b); err != nil {
			return err
		}
	}
	return nil
}

// follow goes on until the context ends, which is no error.
func (l *listing) follow(ctx context.Context, s *scan.Scan) error {
	f := s.Follow(l.query())
	again := time.NewTicker(between)
	defer again.Stop()
	for {
		if err := f.Next(ctx, l.add); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
		}
	}
}

// add prints the events of a batch.
func (l *listing) add(b scan.Batch) error {
	var found []Found
	for i := range b.Rows {
		found = append(found, l.of(&b.Rows[i])...)
	}
	enough := l.Limit > 0 && l.n+len(found) >= l.Limit
	if enough {
		found = found[:l.Limit-l.n]
	}
	if len(found) == 0 {
		return nil
	}
	l.n += len(found)
	if err := l.printer(found); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	if err := l.flush(); err != nil {
		return err
	}
	if enough {
		return errEnough
	}
	return nil
}

func (l *listing) flush() error {
	if err := l.out.Flush(); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	return nil
}
