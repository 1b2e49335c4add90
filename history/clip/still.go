package clip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/picture"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// Still is one frame as a picture.
type Still struct {
	Row  result.Frame
	Name string // that it would have as one of many
	Data []byte // a JPEG, or a PNG
}

// lookBack is how far back a camera's last frame before a moment is looked for: near first.
var lookBack = []time.Duration{10 * time.Second, 5 * time.Minute, 3 * time.Hour, 2 * 24 * time.Hour, 0}

// Still is the frame of a camera that was captured at a moment or last before it. ext is
// what the picture is to be, ".jpg" or ".png"; a frame that is one already, and in which
// nothing is drawn, is as it lies in the log.
func (s *Source) Still(ctx context.Context, camera string, at time.Time, form Form, ext string) (*Still, error) {
	pixels.SingleThreaded()
	until := at.Add(time.Microsecond)
	for _, back := range lookBack {
		p := period.Period{To: until}
		if back > 0 {
			p.From = at.Add(-back)
		}
		var still *Still
		d := drawing{source: s, zone: form.Zone}
		err := s.last(ctx, Cut{Camera: camera, Period: p}, form.Boxes, func(row *result.Frame, f *frame.Frame) (err error) {
			still, err = d.still(row, f, form.Boxes, ext)
			return err
		})
		if err != nil || still != nil {
			return still, err
		}
	}
	return nil, fmt.Errorf("still of camera %s: none was captured before %s: %w", camera, at.Format(time.RFC3339), ErrNoFrames)
}

// last calls fn with the last frame of a cut that can be decoded.
func (s *Source) last(ctx context.Context, cut Cut, boxes bool, fn func(row *result.Frame, f *frame.Frame) error) error {
	var row *result.Frame
	var last *frame.Frame
	later := func(r *result.Frame) bool { return row == nil || !r.At().Before(row.At()) }
	if s.scan == nil {
		if err := s.search(ctx, cut, func(r *result.Frame, f *frame.Frame, why string) error {
			if why == "" && later(r) {
				row, last = r, f
			}
			return nil
		}); err != nil || row == nil {
			return err
		}
		return fn(row, last)
	}
	for r, err := range s.scan.Rows(ctx, cut.rows(boxes)) {
		if err != nil {
			return err
		}
		if r.Status == result.OK && (s.topic == "" || s.topic == r.Topic) && later(r) {
			row = r
		}
	}
	if row == nil {
		return nil
	}
	return s.frames.Each(ctx, []*result.Frame{row}, func(r *result.Frame, f *frame.Frame, why string) error {
		if why != "" {
			return fmt.Errorf("frame %s/%d@%d of camera %s: %s", r.Topic, r.Partition, r.Offset, r.Camera, why)
		}
		return fn(r, f)
	})
}

func (d *drawing) still(row *result.Frame, f *frame.Frame, drawn bool, ext string) (*Still, error) {
	m, err := pixels.Color(f)
	if err != nil {
		return nil, fmt.Errorf("frame %s/%d@%d of camera %s: %w", row.Topic, row.Partition, row.Offset, row.Camera, err)
	}
	defer m.Close()
	own := map[frame.Encoding]string{frame.JPEG: ".jpg", frame.PNG: ".png"}[f.Encoding]
	still := &Still{Row: *row, Data: f.Data}
	if drawn {
		d.draw(&m, row)
	}
	if drawn || own != ext {
		if still.Data, err = encode(m, gocv.FileExt(ext)); err != nil {
			return nil, err
		}
	}
	return still, nil
}

// Picture is the picture that explains an event: that of its snapshot, as a job with
// --save-images=events keeps it.
func (s *Source) Picture(ctx context.Context, e *Event, zone *time.Location) ([]byte, error) {
	if s.scan == nil {
		return nil, errors.New("an event's picture needs the output")
	}
	// A snapshot lies before its event, hours at most where something went on for so long.
	scene, err := s.sceneOf(ctx, e, time.Minute, 25*time.Hour, 0)
	if err != nil {
		return nil, fmt.Errorf("picture of event %s: %w", e.ID, err)
	}
	return s.drawn(ctx, e, scene, zone)
}

// Fresh is [Source.Picture] of an event that was published a moment ago. The output may not
// have its snapshot yet, and then the error is [ErrNoRow]: only rows of the last minute before
// it are looked at.
func (s *Source) Fresh(ctx context.Context, e *Event, zone *time.Location) ([]byte, error) {
	if s.scan == nil {
		return nil, fmt.Errorf("picture of event %s: %w", e.ID, ErrNoRow)
	}
	scene, err := s.sceneOf(ctx, e, time.Minute)
	if errors.Is(err, ErrNoFrames) { // of a source that is lost: what it showed last
		scene, err = s.sceneOf(ctx, e, 25*time.Hour)
	}
	if err != nil {
		return nil, fmt.Errorf("picture of event %s: %w", e.ID, err)
	}
	return s.drawn(ctx, e, scene, zone)
}

// Bare is the picture of an event with no more drawn than the event itself says, and the lines
// and zones that the output knows. It needs no row.
func (s *Source) Bare(ctx context.Context, e *Event, zone *time.Location) ([]byte, error) {
	row := e.Row
	row.Offset = e.Snapshot
	return s.drawn(ctx, e, &picture.Scene{Row: &row, Told: []picture.Told{{Event: &e.Event, Row: &e.Row}}, Shapes: s.shapes}, zone)
}

// drawn draws a scene that explains an event.
func (s *Source) drawn(ctx context.Context, e *Event, scene *picture.Scene, zone *time.Location) (data []byte, err error) {
	pixels.SingleThreaded()
	scene.Zone = zone
	err = s.frames.Each(ctx, []*result.Frame{scene.Row}, func(r *result.Frame, f *frame.Frame, why string) (err error) {
		if why != "" {
			return fmt.Errorf("frame %s/%d@%d of camera %s: %s", r.Topic, r.Partition, r.Offset, r.Camera, why)
		}
		data, err = scene.JPEG(f, picture.DefaultQuality)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("picture of event %s: %w", e.ID, err)
	}
	return data, nil
}

// ErrNoRow says that the output has no row of an event's snapshot.
var ErrNoRow = errors.New("the output has no row of its snapshot")

// sceneOf is the scene that explains an event, made of the rows of the chunk that its
// snapshot lies in. It is looked for so long before the event; 0 is for ever.
func (s *Source) sceneOf(ctx context.Context, e *Event, within ...time.Duration) (*picture.Scene, error) {
	at := scan.Query{Cameras: []string{e.Row.Camera}, Columns: result.AllColumns &^ (result.OfFeatures | result.OfQuality)}
	at.Period.To = e.Row.At().Add(time.Microsecond)
	noFrame := false
	for _, back := range within {
		var before *picture.Scene
		at.Period.From = time.Time{}
		if back > 0 {
			at.Period.From = e.Row.At().Add(-back)
		}
		for b, err := range s.scan.Batches(ctx, at) {
			if err != nil {
				return nil, err
			}
			for i := range b.Rows {
				r := &b.Rows[i]
				if r.Topic != e.Row.Topic || r.Partition != e.Row.Partition {
					continue
				}
				told := []picture.Told{{Event: &e.Event, Row: &e.Row}}
				switch {
				case r.Offset == e.Snapshot && r.Status.OfSource():
					// Nothing is to be seen in it: the frame before, of which it was not known.
					noFrame = true
					if before != nil {
						before.Told = told
						return before, nil
					}
				case r.Offset == e.Snapshot:
					return picture.SceneAt(b.Rows, i, told, s.shapes), nil
				case r.Status == result.OK && r.Offset < e.Snapshot:
					row := *r
					before = &picture.Scene{Row: &row, Shapes: s.shapes}
				}
			}
		}
	}
	if noFrame {
		return nil, fmt.Errorf("the camera has shown nothing before: %w", ErrNoFrames)
	}
	return nil, fmt.Errorf("%w, %s/%d@%d", ErrNoRow, e.Row.Topic, e.Row.Partition, e.Snapshot)
}

// WriteFile writes a file of this machine, or scheme://…, whole or not at all.
func WriteFile(ctx context.Context, to string, data []byte) error {
	t, err := newTemporary(to)
	if err != nil {
		return err
	}
	if _, err = io.Copy(t.file, strings.NewReader(string(data))); err == nil {
		err = t.publish(ctx)
	}
	return errors.Join(err, t.discard())
}

// writeFile writes a file into a folder.
func writeFile(ctx context.Context, folder *store.Folder, name string, data []byte) error {
	if strings.Contains(folder.Root(), "://") {
		return folder.WriteAtomic(ctx, name, data)
	}
	return WriteFile(ctx, folder.Path(name), data)
}
