package capture

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/framebeam/framebeam/ingest/capture/report"
	"github.com/framebeam/framebeam/transforms/frame"
)

// player plays tasks, one after the other, of one camera: it is what a capturing
// process does.
type player struct {
	out    *report.Writer
	broken error // of out
	open   func(*task) (Stream, error)
	clock  clock

	digests map[string]string // of files, by the task's name
	file    fileClock
	live    liveClock
	limit   limiter
}

// say reports; what comes after an error is not sent any more.
func (p *player) say(r report.Report) error {
	if p.broken == nil {
		p.broken = p.out.Write(r)
	}
	return p.broken
}

// play reads one stream to its end; nil is its end.
func (p *player) play(t *task) error {
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
	if err := p.say(&report.Opened{}); err != nil {
		return err
	}
	enc := newEncoder(cam.Size, cam.Encoding, cam.Quality)
	defer enc.close()

	epoch, sequence := "", int64(0)
	begin := func(name string) error {
		epoch, sequence = name, 0
		return p.say(&report.Epoch{Name: name})
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
				if err := p.say(&progress); err != nil {
					return err
				}
			}
			if errors.Is(shot.err, io.EOF) {
				return nil
			}
			return shot.err
		}
		f := frame.Frame{}
		var passes bool
		if isLive {
			if by := p.live.stepped(shot.taken); by != 0 {
				if err := p.say(&report.Note{Level: slog.LevelWarn, Text: "the clock was set: a new epoch begins", Attrs: []string{"by", by.String()}}); err != nil {
					return err
				}
				if err := begin(liveEpoch(p.live.begin(shot.taken))); err != nil {
					return err
				}
			}
			f.Captured = p.live.at(shot.taken)
			passes = p.limit.pass(shot.taken.mono, r.step)
		} else {
			f.Captured = p.file.at(shot.stamp, r.step)
			passes = p.limit.pass(p.file.sinceFirst(f.Captured), r.step)
		}
		if passes {
			f.Sequence = sequence
			sequence++
		}
		var err error
		switch {
		case !passes:
			progress.Limited = 1
		case unreadable:
			progress.Unreadable = 1
			err = p.say(&report.Note{Level: slog.LevelWarn, Text: "picture left out", Attrs: []string{"epoch", epoch, "sequence", fmt.Sprint(f.Sequence), "reason", shot.err.Error()}})
		case f.Sequence < t.Published[epoch]:
			progress.Published = 1
		default:
			err = enc.encode(*shot.img, &f, func() error {
				return p.say(&report.Frame{Sequence: f.Sequence, Captured: f.Captured.UnixMilli(), Width: f.Width, Height: f.Height, Channels: f.Channels, Data: f.Data})
			})
			if err != nil {
				err = fmt.Errorf("%s: %w", t.Name, err)
			}
		}
		if shot.img != nil {
			r.release(shot.img)
		}
		if err != nil {
			return err
		}
		if progress != (report.Progress{}) {
			if !isLive {
				progress.Captured = f.Captured.UnixMilli()
			}
			if err := p.say(&progress); err != nil {
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
