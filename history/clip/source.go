package clip

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/config/shapes"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/picture"
	"github.com/framebeam/framebeam/transforms/result"
)

// Source is where frames are taken from.
//
// With an output its rows are looked up by the time of capture, and their frames by their
// offsets. Without one the log is searched from the first record whose timestamp is the
// beginning of the period on. A frame's timestamp is its capture time where Framebeam's
// collector sent it and the topic keeps the producer's; with LogAppendTime it is later, so
// nothing is missed but more is read.
type Source struct {
	frames *picture.Finder
	scan   *scan.Scan // nil: without an output
	topic  string
	shapes shapes.Set
}

// Where says what a source is made of.
type Where struct {
	Log    log.Spec
	Topic  string // of the log; with an output "" is all of its topics
	Output string // folder; "": none
}

// Open opens the log, and the output if there is one; close it.
func Open(ctx context.Context, w Where) (*Source, error) {
	s := &Source{topic: w.Topic}
	parse := profiles.Default().Parse
	if w.Output != "" {
		var err error
		if s.scan, err = scan.Open(ctx, w.Output); err != nil {
			return nil, err
		}
		if gens := s.scan.Output().Generations(); len(gens) > 0 {
			texts := make([]string, len(gens))
			for i, g := range gens {
				texts[i] = g.Config
			}
			s.shapes = profiles.Shapes(texts...)
			if made, err := profiles.Recorded(texts[len(texts)-1]); err == nil {
				parse = made.Parse
			}
		}
	}
	var err error
	s.frames, err = picture.OpenFinder(ctx, w.Log, parse)
	return s, err
}

// Close closes the log.
func (s *Source) Close() error { return s.frames.Close() }

// Scan is the output; nil without one.
func (s *Source) Scan() *scan.Scan { return s.scan }

// each calls fn for every frame of a cut, in order, with the reason where it cannot be had.
// Of repeats and late frames nothing is said: they were shown, or are out of order.
func (s *Source) each(ctx context.Context, cut Cut, boxes bool, fn func(row *result.Frame, f *frame.Frame, why string) error) error {
	if s.scan == nil {
		return s.search(ctx, cut, fn)
	}
	topic := s.topic
	if cut.Event != nil {
		topic = cut.Event.Row.Topic
	}
	for b, err := range s.scan.Batches(ctx, cut.rows(boxes)) {
		if err != nil {
			return err
		}
		var rows []*result.Frame
		for i := range b.Rows {
			r := &b.Rows[i]
			if topic == "" {
				topic = r.Topic
			}
			if r.Topic != topic {
				if s.topic == "" && cut.Event == nil {
					return fmt.Errorf("the topics %s and %s both have frames of it: say which with --topic", topic, r.Topic)
				}
				continue
			}
			switch r.Status {
			case result.OK:
				rows = append(rows, r)
			case result.Dead:
				if err := fn(r, nil, strings.TrimSuffix("it could not be read: "+r.Reason+": "+r.Detail, ": ")); err != nil {
					return err
				}
			}
		}
		if err := s.frames.Each(ctx, rows, fn); err != nil {
			return err
		}
	}
	return nil
}

// rows asks for those of a cut: where its frames lie and, for boxes, what to draw.
func (c *Cut) rows(boxes bool) scan.Query {
	columns := result.OfEpoch | result.OfImage | result.OfStatus
	if boxes {
		columns |= result.OfDetections | result.OfEvents | result.OfConfig
	}
	return scan.Query{Period: c.Period, Cameras: []string{c.Camera}, Columns: columns}
}

// parsed is a record's frame as a row, with what is wrong with it.
func (s *Source) parsed(topic string, partition int32, rec *frame.Record) (*result.Frame, *frame.Frame, string) {
	row := result.Of(topic, partition, rec)
	f, err := s.frames.Parse(rec)
	if poison := (*frame.Poison)(nil); errors.As(err, &poison) {
		row.Kill(poison)
		return &row, nil, "it cannot be read: " + poison.Error()
	}
	row.Describe(&f)
	return &row, &f, ""
}

// first are the partitions of a topic, that of the camera's key first.
func (s *Source) first(ctx context.Context, camera string) ([]int32, error) {
	if s.topic == "" {
		return nil, errors.New("without an output the topic must be named")
	}
	ids, err := s.frames.Log().Partitions(ctx, s.topic)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	own := keyPartition(camera, ids)
	others := slices.DeleteFunc(slices.Clone(ids), func(id int32) bool { return id == own })
	return append([]int32{own}, others...), nil
}
