package capture

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/framebeam/framebeam/ingest/capture/report"
)

// player plays tasks, one after the other, of one camera: it is what a capturing
// process does.
type player struct {
	out   *outbox
	open  func(*task) (Stream, error)
	clock clock

	digests map[string]string // of files, by the task's name
	file    fileClock
	live    liveClock
	limit   limiter
}

// play reads one stream to its end; nil is its end.
func (p *player) play(t *task) (err error) {
	cam := &t.Camera
	isLive := cam.Live()
	p.limit.setRate(cam.MaxFPS)
	r := startReader(func() (Stream, error) {
		s, err := p.open(t)
		if err == nil && cam.Paced {
			s = pace(s, cam)
		}
		return s, err
	}, isLive, p.clock)
	defer r.stop()
	if err := <-r.opened; errors.Is(err, errHung) {
		return hung("open", t.Name, cam.OpenTimeout)
	} else if err != nil {
		return err
	}
	if err := p.out.post(r.about); err != nil {
		return err
	}
	enc := newEncoders(cam.Size, cam.Encoding, cam.Quality)
	defer enc.close()
	defer func() {
		if failed := p.out.drain(); failed != nil {
			err = fmt.Errorf("%s: %w", t.Name, failed)
		}
	}()

	s := &playing{player: p, task: t, reader: r, enc: enc, isLive: isLive}
	if err := s.begin(); err != nil {
		return err
	}
	for {
		switch err := s.take(<-r.ready); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// playing is a stream that is being played.
type playing struct {
	*player
	task   *task
	reader *reader
	enc    *encoders
	isLive bool

	epoch    string
	sequence int64 // of the next frame, in the epoch
	next     int64 // index of the picture that comes next if none is missing
}

// begin begins the first epoch.
func (s *playing) begin() error {
	if s.isLive {
		s.live.floor(s.task.Last)
		return s.beginEpoch(liveEpoch(s.live.begin(s.clock())))
	}
	s.file.floor(s.task.Last)
	name, err := s.fileEpoch(s.task, s.reader.step)
	if err != nil {
		return err
	}
	return s.beginEpoch(name)
}

func (s *playing) beginEpoch(name string) error {
	s.epoch, s.sequence = name, 0
	return s.out.post(&report.Epoch{Name: name})
}

// take reports what becomes of a picture, or that the stream ends.
func (s *playing) take(shot picture) error {
	var progress report.Progress
	if late := shot.index - s.next; late > 0 {
		progress.Late = late
		s.sequence += late
	}
	s.next = shot.index + 1
	_, unreadable := errors.AsType[*UnreadableError](shot.err)
	if shot.err != nil && !unreadable {
		return errors.Join(s.report(&progress), shot.err)
	}
	captured, passes, err := s.date(shot)
	if err != nil {
		return err
	}
	number := s.sequence
	if passes {
		s.sequence++
	}
	if !s.isLive {
		progress.Captured = captured.UnixMilli()
	}
	release := func() {
		if shot.img != nil {
			s.reader.release(shot.img)
		}
	}
	switch {
	case !passes:
		progress.Limited = 1
	case unreadable:
		progress.Unreadable = 1
		err = s.out.post(&report.Note{
			Level: slog.LevelWarn, Text: "picture left out",
			Attrs: []string{"epoch", s.epoch, "sequence", fmt.Sprint(number), "reason", shot.err.Error()},
		})
	case number < s.task.Published[s.epoch]:
		progress.Published, progress.Sequence = 1, number
	default:
		f := &report.Frame{Sequence: number, Captured: captured.UnixMilli()}
		if err := s.enc.post(s.out, f, *shot.img, release); err != nil {
			return fmt.Errorf("%s: %w", s.task.Name, err)
		}
		return s.report(&progress)
	}
	release()
	return errors.Join(err, s.report(&progress))
}

// report reports progress, if there is any beside the time.
func (s *playing) report(p *report.Progress) error {
	if p.Late+p.Limited+p.Unreadable+p.Published == 0 {
		return nil
	}
	return s.out.post(p)
}

// date says when a picture was captured, and whether it passes the limit.
func (s *playing) date(shot picture) (captured time.Time, passes bool, err error) {
	if !s.isLive {
		captured = s.file.at(shot.stamp, s.reader.step)
		return captured, s.limit.pass(s.file.sinceFirst(captured), s.reader.step), nil
	}
	if by := s.live.stepped(shot.taken); by != 0 {
		err := s.out.post(&report.Note{Level: slog.LevelWarn, Text: "the clock was set: a new epoch begins", Attrs: []string{"by", by.String()}})
		err = errors.Join(err, s.out.post(&report.Progress{ClockSteps: 1}))
		if err := errors.Join(err, s.beginEpoch(liveEpoch(s.live.begin(shot.taken)))); err != nil {
			return captured, false, err
		}
	}
	return s.live.at(shot.taken), s.limit.pass(shot.taken.mono, s.reader.step), nil
}

// fileEpoch begins the clock of a file and names its epoch.
func (p *player) fileEpoch(t *task, step time.Duration) (string, error) {
	content, ok := p.digests[t.Name]
	if !ok {
		var err error
		if src := t.Camera.Source; len(src.Files) == 0 {
			content = sceneDigest(src.Scene)
		} else if content, err = digest(src.Files, func() error { return p.out.post(&report.Progress{}) }); err != nil {
			return "", err
		}
		p.digests[t.Name] = content
	}
	return fileEpoch(content, p.file.begin(t.Start, step), t.Pass, t.Salt, &t.Camera), nil
}
