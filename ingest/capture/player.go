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
	isLive := cam.Source.Live()
	p.limit.setRate(cam.MaxFPS)
	r := startReader(func() (Stream, error) { return p.open(t) }, isLive, p.clock)
	defer r.stop()
	if err := <-r.opened; errors.Is(err, errHung) {
		return hung("open", t.Name, cam.OpenTimeout)
	} else if err != nil {
		return err
	}
	if err := p.out.post(&report.Opened{}); err != nil {
		return err
	}
	enc := newEncoders(cam.Size, cam.Encoding, cam.Quality)
	defer enc.close()
	defer func() {
		if failed := p.out.drain(); failed != nil {
			err = fmt.Errorf("%s: %w", t.Name, failed)
		}
	}()

	epoch, sequence := "", int64(0)
	begin := func(name string) error {
		epoch, sequence = name, 0
		return p.out.post(&report.Epoch{Name: name})
	}
	if isLive {
		now := p.clock()
		p.live.floor(t.Last)
		if err := begin(liveEpoch(p.live.begin(now))); err != nil {
			return err
		}
	} else {
		p.file.floor(t.Last)
		name, err := p.fileEpoch(t, r.step)
		if err != nil {
			return err
		}
		if err := begin(name); err != nil {
			return err
		}
	}

	for next := int64(0); ; {
		shot := <-r.ready
		var progress report.Progress
		if late := shot.index - next; late > 0 {
			progress.Late = late
			sequence += late
		}
		next = shot.index + 1
		_, unreadable := errors.AsType[*UnreadableError](shot.err)
		if shot.err != nil && !unreadable {
			if progress.Late > 0 {
				if err := p.out.post(&progress); err != nil {
					return err
				}
			}
			if errors.Is(shot.err, io.EOF) {
				return nil
			}
			return shot.err
		}
		var captured time.Time
		var passes bool
		if isLive {
			if by := p.live.stepped(shot.taken); by != 0 {
				if err := p.out.post(&report.Note{Level: slog.LevelWarn, Text: "the clock was set: a new epoch begins", Attrs: []string{"by", by.String()}}); err != nil {
					return err
				}
				if err := begin(liveEpoch(p.live.begin(shot.taken))); err != nil {
					return err
				}
			}
			captured = p.live.at(shot.taken)
			passes = p.limit.pass(shot.taken.mono, r.step)
		} else {
			captured = p.file.at(shot.stamp, r.step)
			passes = p.limit.pass(p.file.sinceFirst(captured), r.step)
		}
		number := sequence
		if passes {
			sequence++
		}
		release := func() {}
		if shot.img != nil {
			release = func() { r.release(shot.img) }
		}
		var err error
		switch {
		case !passes:
			progress.Limited = 1
		case unreadable:
			progress.Unreadable = 1
			err = p.out.post(&report.Note{
				Level: slog.LevelWarn, Text: "picture left out",
				Attrs: []string{"epoch", epoch, "sequence", fmt.Sprint(number), "reason", shot.err.Error()},
			})
		case number < t.Published[epoch]:
			progress.Published = 1
		default:
			f := &report.Frame{Sequence: number, Captured: captured.UnixMilli()}
			if err = enc.post(p.out, f, *shot.img, release); err != nil {
				err = fmt.Errorf("%s: %w", t.Name, err)
			}
			release = func() {}
		}
		release()
		if err != nil {
			return err
		}
		if progress != (report.Progress{}) {
			if !isLive {
				progress.Captured = captured.UnixMilli()
			}
			if err := p.out.post(&progress); err != nil {
				return err
			}
		}
	}
}

// fileEpoch begins the clock of a file and names its epoch.
func (p *player) fileEpoch(t *task, step time.Duration) (string, error) {
	content, ok := p.digests[t.Name]
	if !ok {
		var err error
		if src := t.Camera.Source; len(src.Files) == 0 {
			content = sceneDigest(src.Scene)
		} else if content, err = digest(src.Files); err != nil {
			return "", err
		}
		p.digests[t.Name] = content
	}
	return fileEpoch(content, p.file.begin(t.Start, step), t.Pass, t.Salt, &t.Camera), nil
}
