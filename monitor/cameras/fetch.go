package cameras

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/result"
)

const (
	fetchEvery = 300 * time.Millisecond
	// fetchWait is how long one frame is waited for.
	fetchWait = 3 * time.Second
	// behind is by how much the newest row may be later than the newest shot with results, until
	// its frame is looked for.
	behind = 2 * time.Second
	// mostTries are rows, the newest first, whose frames are looked for.
	mostTries = 5
)

// want is a frame that is to be looked for.
type want struct {
	camera string
	rows   []*result.Frame // the newest first
	in     [sizes]bool
}

// fetch looks for the frames of the newest rows, where reading the end of the topic gives none: of
// cameras that send nothing now, of results that are far behind, and where there is no topic.
func (v *view) fetch(ctx context.Context) {
	tick := time.NewTicker(fetchEvery)
	defer tick.Stop()
	var store log.Log // the archive
	defer func() {
		if store != nil {
			_ = store.Close()
		}
	}()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for _, w := range v.wants() {
			if ctx.Err() != nil {
				return
			}
			if store == nil && v.Inputs.Archive != "" {
				store, _ = log.Open(ctx, log.Spec{Kind: archive.Kind, Root: v.Inputs.Archive})
			}
			s, err := v.find(ctx, store, w)
			if err != nil && store != nil {
				_ = store.Close() // it may have been made anew
				store = nil
			}
			v.mu.Lock()
			c := v.camera(w.camera)
			c.failed, c.failedAt = err, w.rows[0].Offset
			if err == nil {
				c.add(s)
			}
			v.mu.Unlock()
		}
	}
}

// wants are the frames that are to be looked for.
func (v *view) wants() (all []want) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	for id, c := range v.cameras {
		in := c.sizesWanted()
		if c.newest == nil || in == [sizes]bool{} {
			continue
		}
		at := c.newest.At()
		if c.failed != nil && c.failedAt == c.newest.Offset {
			continue
		}
		known, last := time.Time{}, time.Time{}
		for _, s := range c.shots {
			if !s.has(in) {
				continue
			}
			last = s.Captured
			if s.Analysed {
				known = s.Captured
			}
		}
		// The newest frame with results, if somebody may want to see it.
		needed := at.Sub(known) > behind && (now.Before(c.wantResults) || c.last().Sub(at) <= fresh)
		if !needed && !last.IsZero() {
			continue
		}
		w := want{camera: id, rows: []*result.Frame{c.newest}, in: in}
		for i := len(c.recent) - 1; i >= 0 && len(w.rows) < mostTries; i -= mostRecent / 8 {
			if r := c.recent[i]; r != c.newest {
				w.rows = append(w.rows, r)
			}
		}
		all = append(all, w)
	}
	return all
}

// find looks for a frame in the topic, and then in the archive.
func (v *view) find(ctx context.Context, store log.Log, w want) (*shot, error) {
	var logs []log.Log
	if v.Inputs.HasKafka() {
		if l, err := v.Inputs.KafkaLog(ctx); err == nil {
			logs = append(logs, l)
		}
	}
	if store != nil {
		logs = append(logs, store)
	}
	err := errors.New("there is neither a topic nor an archive to take its frames from")
	for _, row := range w.rows {
		for _, l := range logs {
			var s *shot
			if s, err = v.one(ctx, l, row, w.in); err == nil {
				s.analysed(row)
				return s, nil
			}
		}
	}
	return nil, err
}

func (v *view) one(ctx context.Context, l log.Log, row *result.Frame, in [sizes]bool) (*shot, error) {
	ctx, stop := context.WithTimeout(ctx, fetchWait)
	defer stop()
	p := chunk.Partition{Topic: row.Topic, ID: row.Partition}
	recs, _, err := l.Read(ctx, p, row.Offset, row.Offset+1, followBytes, fetchWait/2)
	if err != nil {
		return nil, err
	}
	if len(recs) == 0 || recs[0].Offset != row.Offset {
		return nil, fmt.Errorf("the log has no record %v@%d", p, row.Offset)
	}
	v.mu.Lock()
	parser := v.parser
	v.mu.Unlock()
	f, err := parser.Parse(&recs[0])
	if err != nil {
		return nil, err
	}
	var s *shot
	if ended := v.dark.do(ctx, func() { s, err = develop(p, row.Offset, &f, in) }); ended != nil {
		return nil, ended
	}
	return s, err
}

// configs are the configurations of the output's generations, oldest first.
func (v *view) configs() (texts []string, err error) {
	err = v.Inputs.Scan(context.Background(), func(s *scan.Scan) error {
		for _, g := range s.Output().Generations() {
			texts = append(texts, g.Config)
		}
		return nil
	})
	return texts, err
}

// parserOf reads records as a generation did; "" as the defaults say.
func parserOf(text string) *frame.Parser {
	options := profiles.Default().Parse
	if made, err := profiles.Recorded(text); err == nil && text != "" {
		options = made.Parse
	}
	p, err := frame.NewParser(options)
	if err != nil {
		p, _ = frame.NewParser(frame.ParseOptions{})
	}
	return p
}
