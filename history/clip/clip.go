// Package clip cuts films and pictures out of the frames in a log, a topic or its archive:
// around an event, or of a camera and a period, at the frames' own times, with what was
// found drawn into them or as they are.
//
// Where an output is given, its rows say where the frames lie, which of them could not be
// read, and what to draw. Without one the log is searched by the records' timestamps, which
// are the capture times as far as whoever published the frames made them so (see [Source]).
package clip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/framebeam/framebeam/history/clip/movie"
	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// What a clip is made as.
const (
	MP4    = movie.MP4
	GIF    = movie.GIF
	Images = "images"
)

// Forms are those that clips are made in.
var Forms = []string{MP4, GIF, Images}

// DefaultLongest is how long a clip may be unless one says otherwise.
const DefaultLongest = 10 * time.Minute

// Form says how clips look.
type Form struct {
	As      string         // one of [Forms]
	Boxes   bool           // draw what was found, and explain events
	Longest time.Duration  // a clip ends after so much
	Zone    *time.Location // of times that are drawn; nil: UTC
}

// Check returns everything that is wrong with the form, and whether it can be made here.
func (f *Form) Check() error {
	var bad []error
	if !slices.Contains(Forms, f.As) {
		bad = append(bad, fmt.Errorf("--as=%s: not one of %s", f.As, strings.Join(Forms, ", ")))
	}
	if f.As == MP4 {
		bad = append(bad, movie.Check(f.As))
	}
	if f.Longest < time.Second || f.Longest > 24*time.Hour {
		bad = append(bad, fmt.Errorf("--longest=%v: not 1s to 24h", f.Longest))
	}
	return errors.Join(bad...)
}

// FormOf is what a file's name says that it is: the default, an MP4, unless it ends in
// .gif or .zip.
func FormOf(file string) string {
	switch name := strings.ToLower(file); {
	case strings.HasSuffix(name, ".gif"):
		return GIF
	case strings.HasSuffix(name, ".zip"):
		return Images
	}
	return MP4
}

// Cut is what a clip shows.
type Cut struct {
	Camera string
	Period period.Period
	Event  *Event // that is explained, if it is around one
}

// Around is the stretch of an event's camera from so much before it until so much after.
func Around(e *Event, before, after time.Duration) Cut {
	return Cut{Camera: e.Row.Camera, Event: e, Period: period.Period{From: e.Row.At().Add(-before), To: e.Row.At().Add(after).Add(time.Microsecond)}}
}

// Made says what became of a clip.
type Made struct {
	File   string
	Camera string
	Event  string // its id, of a clip around one
	From   time.Time
	To     time.Time // of the last frame
	Frames int
	Length time.Duration
	Epochs int
	Gaps   []Gap
	// LeftOut are frames that could not be had or decoded, of which Notes say the first.
	LeftOut int
	Notes   []string
	// Ended: there was more than may be in a clip.
	Ended bool
}

// ErrNoFrames says that there is nothing to be shown.
var ErrNoFrames = errors.New("there are no frames of it")

// errLong ends a clip that is as long as one may be.
var errLong = errors.New("the clip is as long as it may be")

// maxNotes is how many frames that are left out are told one by one.
const maxNotes = 20

// Write makes a clip: to is a file of this machine or scheme://… or, for images, a folder
// if it does not end in .zip. An error that is [ErrNoFrames] leaves nothing there.
func (s *Source) Write(ctx context.Context, cut Cut, form Form, to string) (made Made, err error) {
	pixels.SingleThreaded()
	made = Made{File: to, Camera: cut.Camera}
	if cut.Event != nil {
		made.Event = cut.Event.ID
	}
	reel, err := openReel(ctx, form, to)
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, reel.discard()) }()
	c := cutter{form: form, cut: cut, made: &made, reel: reel, draw: drawing{source: s, event: cut.Event, zone: form.Zone}}
	err = s.each(ctx, cut, form.Boxes, c.add)
	if errors.Is(err, errLong) {
		made.Ended, err = true, nil
	}
	if err == nil && made.Frames == 0 {
		err = ErrNoFrames
	}
	if err != nil {
		return made, fmt.Errorf("clip of camera %s: %w", cut.Camera, err)
	}
	made.Length = min(c.times.end(), form.Longest)
	return made, reel.finish(ctx, made.Length)
}

// cutter takes the frames of a clip in their order.
type cutter struct {
	form  Form
	cut   Cut
	made  *Made
	reel  reel
	times timeline
	draw  drawing
}

// add takes the next frame, or why there is none.
func (c *cutter) add(row *result.Frame, f *frame.Frame, why string) error {
	if why != "" {
		c.leaveOut(row, why)
		return nil
	}
	m, err := pixels.Color(f)
	if poison := (*frame.Poison)(nil); errors.As(err, &poison) {
		c.leaveOut(row, "it cannot be decoded: "+err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	defer m.Close()
	at, fresh, gap := c.times.next(row)
	if at >= c.form.Longest {
		return errLong
	}
	if gap != nil {
		c.made.Gaps = append(c.made.Gaps, *gap)
	}
	if fresh {
		c.made.Epochs++
	}
	if c.made.Frames == 0 {
		c.made.From = row.At()
	}
	c.made.To = row.At()
	c.made.Frames++
	if c.form.Boxes {
		c.draw.draw(&m, row)
	}
	return c.reel.add(&m, row, f, at, fresh)
}

func (c *cutter) leaveOut(row *result.Frame, why string) {
	if c.made.LeftOut++; c.made.LeftOut <= maxNotes {
		c.made.Notes = append(c.made.Notes, fmt.Sprintf("%s/%d@%d, %s: %s", row.Topic, row.Partition, row.Offset, row.At().UTC().Format(time.RFC3339Nano), cmp.Or(why, "unknown")))
	}
}

// Ending is that of the file of a form; images are a folder.
func Ending(as string) string {
	if as == Images {
		return ""
	}
	return "." + as
}
