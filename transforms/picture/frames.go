package picture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/result"
)

// frames finds the frames of results in the log again.
type frames struct {
	log    log.Log
	parser *frame.Parser
}

const (
	// readBytes is about how much of the log is in memory at a time.
	readBytes = 8 << 20
	// readWait is how long one read of offsets that the log has may take.
	readWait = 10 * time.Second
	// maxIdle is how many such reads in a row may bring nothing.
	maxIdle = 3
	// maxGap is up to how many unwanted records are read over rather than around.
	maxGap = 16
)

// each calls fn for every row, in order: with its frame, or with the reason why
// it cannot be had. rows are of one partition, by ascending offsets.
func (s *frames) each(ctx context.Context, rows []*result.Frame, fn func(row *result.Frame, f *frame.Frame, why string) error) error {
	if len(rows) == 0 {
		return nil
	}
	p := chunk.Partition{Topic: rows[0].Topic, ID: rows[0].Partition}
	first, end, err := s.log.Bounds(ctx, p)
	if err != nil {
		return err
	}
	// skip drops the rows below an offset.
	skip := func(below int64, why string) error {
		for len(rows) > 0 && rows[0].Offset < below {
			if err := fn(rows[0], nil, why); err != nil {
				return err
			}
			rows = rows[1:]
		}
		return nil
	}
	for idle := 0; ; {
		if err := skip(first, "the log begins after it"); err != nil || len(rows) == 0 {
			return err
		}
		from := rows[0].Offset
		if from >= end {
			return skip(rows[len(rows)-1].Offset+1, "the log ends before it")
		}
		recs, next, err := s.log.Read(ctx, p, from, stretch(rows, end), readBytes, readWait)
		if errors.Is(err, log.ErrDataLoss) {
			// Retention deletes while this reads.
			var lost error
			if first, end, lost = s.log.Bounds(ctx, p); lost != nil || first <= from && from < end {
				return errors.Join(err, lost)
			}
			continue
		}
		if err != nil {
			return err
		}
		for i := range recs {
			if err := skip(recs[i].Offset, "the log has a gap there"); err != nil {
				return err
			}
			if len(rows) == 0 || rows[0].Offset != recs[i].Offset {
				continue
			}
			f, why := s.match(rows[0], &recs[i])
			if err := fn(rows[0], f, why); err != nil {
				return err
			}
			rows = rows[1:]
		}
		if err := skip(next, "the log has a gap there"); err != nil {
			return err
		}
		if next > from {
			idle = 0
		} else if idle++; idle == maxIdle {
			return fmt.Errorf("read %v offset %d: nothing comes, though the log ends at %d", p, from, end)
		}
	}
}

// stretch is the end of the range to read next: up to the first large gap.
func stretch(rows []*result.Frame, end int64) int64 {
	to := rows[0].Offset + 1
	for _, r := range rows[1:] {
		if r.Offset-to > maxGap {
			break
		}
		to = r.Offset + 1
	}
	return min(to, end)
}

// match parses the record, and says why if it is not the frame that the row
// describes. The record's own time is compared, not the time of capture: that
// one depends on the time zone with which the JSON format was read.
func (s *frames) match(row *result.Frame, rec *frame.Record) (f *frame.Frame, why string) {
	got, err := s.parser.Parse(rec)
	if err != nil {
		return nil, "it cannot be read: " + err.Error()
	}
	if row.Sequence == ofAnotherChunk && got.Camera == row.Camera {
		row.Describe(&got)
		return &got, ""
	}
	if got.Camera != row.Camera || got.Epoch != row.Epoch || got.Sequence != row.Sequence ||
		rec.Timestamp != row.Timestamp && (rec.Created == 0 || rec.Created != row.Timestamp) || int64(len(rec.Value)) != row.Bytes {
		return nil, "another frame has its offset now: " + got.ID()
	}
	return &got, ""
}
