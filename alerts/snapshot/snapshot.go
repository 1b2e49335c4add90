// Package snapshot makes the pictures of alerts: the frame that shows an event best, out of the
// log, with what was found drawn into it once the output has that.
package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/framebeam/framebeam/alerts/message"
	"github.com/framebeam/framebeam/history/clip"
	"github.com/framebeam/framebeam/transforms/eventsink"
	"github.com/framebeam/framebeam/transforms/result"
)

const (
	// MaxBytes is the largest picture that is attached.
	MaxBytes = 4 << 20
	// again is how soon the output is looked at again.
	again = 500 * time.Millisecond
	// kept is how many pictures are kept for other targets.
	kept = 16
	// longest is how long making one may take, beside waiting.
	longest = 20 * time.Second
)

// Maker makes pictures. It is safe for concurrent use.
type Maker struct {
	where clip.Where
	zone  *time.Location
	wait  time.Duration

	flight singleflight.Group // targets want the same picture

	drawing sync.Mutex // a source is for one user at a time
	source  *clip.Source
	closed  bool

	mu   sync.Mutex
	ids  []string // of pictures that are kept, the oldest first
	made map[string]message.Picture
}

// New makes a maker. Frames come from where says, and what was found from its output, for
// which is waited so long; without one nothing is waited for.
func New(where clip.Where, zone *time.Location, wait time.Duration) *Maker {
	return &Maker{where: where, zone: zone, wait: wait, made: map[string]message.Picture{}}
}

// Close closes the log. No more pictures are made.
func (m *Maker) Close() error {
	m.drawing.Lock()
	defer m.drawing.Unlock()
	m.closed = true
	if m.source == nil {
		return nil
	}
	s := m.source
	m.source = nil
	return s.Close()
}

// Picture is that of an event, or why there is none. It never fails: an alert without a
// picture is better than none.
func (m *Maker) Picture(ctx context.Context, e *eventsink.Event) message.Picture {
	m.mu.Lock()
	p, ok := m.made[e.ID]
	m.mu.Unlock()
	if ok {
		return p
	}
	ch := m.flight.DoChan(e.ID, func() (any, error) {
		own, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.wait+longest)
		defer cancel()
		p := m.make(own, e)
		m.keep(e.ID, p)
		return p, nil
	})
	select {
	case r := <-ch:
		return r.Val.(message.Picture)
	case <-ctx.Done():
		return message.Picture{Without: errClosed.Error()}
	}
}

func (m *Maker) keep(id string, p message.Picture) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, there := m.made[id]; !there {
		m.ids = append(m.ids, id)
	}
	m.made[id] = p
	if len(m.ids) > kept {
		delete(m.made, m.ids[0])
		m.ids = m.ids[1:]
	}
}

// make waits until the output has what was found, and does without if that takes too long.
func (m *Maker) make(ctx context.Context, e *eventsink.Event) message.Picture {
	of := &clip.Event{Event: e.Event, Row: result.Frame{
		Topic: e.Topic, Partition: e.Partition, Offset: e.Offset, Camera: e.Camera, Epoch: e.Epoch, Sequence: e.Sequence,
		Captured: e.Captured.UnixMicro(), Status: result.OK,
	}}
	end := time.Now().Add(m.wait)
	for m.where.Output != "" {
		jpeg, err := m.draw(ctx, of, (*clip.Source).Fresh)
		if err == nil {
			return sized(jpeg, false)
		}
		if !errors.Is(err, clip.ErrNoRow) && !errors.Is(err, fs.ErrNotExist) || !time.Now().Add(again).Before(end) {
			break
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return message.Picture{Without: "it took too long"}
		}
	}
	jpeg, err := m.draw(ctx, of, (*clip.Source).Bare)
	if err != nil {
		return message.Picture{Without: oneLine(err)}
	}
	return sized(jpeg, m.where.Output != "")
}

func sized(jpeg []byte, plain bool) message.Picture {
	if len(jpeg) > MaxBytes {
		return message.Picture{Without: fmt.Sprintf("it has %d bytes, more than %d", len(jpeg), MaxBytes)}
	}
	return message.Picture{JPEG: jpeg, Plain: plain}
}

// errClosed is why there is no picture any more.
var errClosed = errors.New("it was interrupted")

func (m *Maker) draw(ctx context.Context, e *clip.Event, how func(*clip.Source, context.Context, *clip.Event, *time.Location) ([]byte, error)) ([]byte, error) {
	m.drawing.Lock()
	defer m.drawing.Unlock()
	if m.closed { // one that was begun before goes on without who asked for it
		return nil, errClosed
	}
	if m.source == nil {
		s, err := clip.Open(ctx, m.where)
		if errors.Is(err, fs.ErrNotExist) {
			// The output is not begun yet. Frames are there all the same.
			where := m.where
			where.Output = ""
			if s, err = clip.Open(ctx, where); err != nil {
				return nil, err
			}
			data, err := how(s, ctx, e, m.zone)
			return data, errors.Join(err, s.Close())
		}
		if err != nil {
			return nil, err
		}
		m.source = s
	}
	data, err := how(m.source, ctx, e, m.zone)
	if err != nil && !errors.Is(err, clip.ErrNoRow) {
		// Whatever it is: the next one begins anew.
		err = errors.Join(err, m.source.Close())
		m.source = nil
	}
	return data, err
}

// oneLine is an error for people.
func oneLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	if r := []rune(line); len(r) > 200 {
		line = string(r[:200]) + "…"
	}
	return line
}
