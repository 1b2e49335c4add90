package timeline

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/history/clip"
	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/monitor/inputs"
	"github.com/framebeam/framebeam/monitor/web"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/picture"
)

// Bounds of pictures and clips.
const (
	pictureBytes = 48 << 20  // of pictures that are kept in memory
	clipBytes    = 512 << 20 // of clips that are kept on the disk
	mostClips    = 2         // are made at a time
	clipTime     = 2 * time.Minute
	mostAround   = 60 * time.Second // before an event, and after it
	smallWidth   = 320              // of a picture in a list
	smallQuality = 72
	storedBytes  = 16 << 20 // of a picture in a pack
)

// gone is the answer where there are no frames any more of what was asked for.
func gone(err error) error {
	return &web.Error{Status: http.StatusGone, Code: "gone", Message: "The frames of this are not kept any more: " + err.Error()}
}

// frameError says what a failure to read frames means.
func frameError(err error) error {
	if err == nil {
		return nil
	}
	switch lost := (*log.DataLoss)(nil); {
	case errors.As(err, &lost), errors.Is(err, clip.ErrNoFrames):
		return gone(err)
	}
	// Why a frame cannot be had is for people alone (see package picture).
	switch text := err.Error(); {
	case strings.Contains(text, "the log ends before it"):
		return &web.Error{Status: http.StatusGone, Code: "gone", Message: "The frames of this are not there yet: " + text}
	case strings.Contains(text, "the log begins after it"), strings.Contains(text, "the log has a gap there"):
		return gone(err)
	}
	return err
}

// pictures keeps those that were shown last.
type pictures struct {
	mu    sync.Mutex
	bytes int
	known map[string]*list.Element
	order *list.List
}

type kept struct {
	key  string
	data []byte
}

func newPictures() *pictures {
	return &pictures{known: map[string]*list.Element{}, order: list.New()}
}

func (p *pictures) get(key string) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.known[key]
	if e == nil {
		return nil
	}
	p.order.MoveToFront(e)
	return e.Value.(*kept).data
}

func (p *pictures) put(key string, data []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known[key] != nil || len(data) > pictureBytes/4 {
		return
	}
	p.known[key] = p.order.PushFront(&kept{key, data})
	for p.bytes += len(data); p.bytes > pictureBytes; {
		last := p.order.Back()
		k := p.order.Remove(last).(*kept)
		delete(p.known, k.key)
		p.bytes -= len(k.data)
	}
}

// picture is the JPEG that explains an event: as the output keeps it or, if it does not, made of
// the log.
func (s *service) picture(ctx context.Context, e *clip.Event, small bool) ([]byte, error) {
	key := e.ID + fmt.Sprint(small)
	if data := s.pictures.get(key); data != nil {
		return data, nil
	}
	data := s.pictures.get(e.ID + "false")
	if data == nil {
		var err error
		if data, err = s.readPicture(ctx, e); err != nil {
			return nil, err
		}
		s.pictures.put(e.ID+"false", data)
	}
	if small {
		var err error
		if data, err = shrunk(data); err != nil {
			return nil, err
		}
		s.pictures.put(key, data)
	}
	return data, nil
}

func (s *service) readPicture(ctx context.Context, e *clip.Event) (data []byte, err error) {
	if data, err = s.storedPicture(ctx, e); err == nil || ctx.Err() != nil {
		return data, err
	}
	err = frames(ctx, s.Inputs, func(src *clip.Source) (whole bool, err error) {
		data, err = src.Picture(ctx, e, s.Inputs.Zone)
		return true, err
	})
	return data, err
}

// frames calls fn with the archive or, where there is none, Kafka; and with Kafka once more if
// the archive has not all of it: it may be some minutes behind. fn says whether it had all.
func frames(ctx context.Context, in *inputs.Inputs, fn func(*clip.Source) (whole bool, err error)) error {
	whole := false
	err := in.Frames(ctx, func(src *clip.Source) (err error) {
		whole, err = fn(src)
		return err
	})
	err = frameError(err)
	if answer := (*web.Error)(nil); in.Archive == "" || !in.HasKafka() || err == nil && whole || err != nil && !errors.As(err, &answer) {
		return err
	}
	again := frameError(in.FramesOf(ctx, in.KafkaSpec(), func(src *clip.Source) error {
		_, err := fn(src)
		return err
	}))
	if err == nil {
		return nil // there is something at least
	}
	return again
}

// storedPicture is the picture of an event's snapshot in the output.
func (s *service) storedPicture(ctx context.Context, e *clip.Event) (data []byte, err error) {
	err = s.Inputs.Scan(ctx, func(sc *scan.Scan) error {
		// A snapshot lies before its event, hours at most where something went on for so long.
		near := period.Period{From: e.Row.At().Add(-25 * time.Hour), To: e.Row.At().Add(time.Microsecond)}
		for f, err := range sc.Files(ctx, scan.Query{Cameras: []string{e.Row.Camera}, Period: near}) {
			if err != nil {
				return err
			}
			if f.Span.Topic != e.Row.Topic || f.Span.ID != e.Row.Partition || e.Snapshot < f.Span.Start || e.Snapshot > f.Span.End {
				continue
			}
			return sc.Output().Folder().ReadAt(ctx, picture.Pack(f.File), func(r io.ReaderAt, size int64) (err error) {
				data, err = picture.Of(r, size, e.Snapshot, storedBytes)
				return err
			})
		}
		return fs.ErrNotExist
	})
	return data, err
}

// shrunk is a JPEG as wide as one in a list.
func shrunk(data []byte) ([]byte, error) {
	m, err := gocv.IMDecode(data, gocv.IMReadColor)
	if err != nil {
		return nil, fmt.Errorf("picture: %w", err)
	}
	defer m.Close()
	if m.Empty() {
		return nil, errors.New("picture: it cannot be decoded")
	}
	if m.Cols() <= smallWidth {
		return data, nil
	}
	small := gocv.NewMat()
	defer small.Close()
	scale := float64(smallWidth) / float64(m.Cols())
	gocv.Resize(m, &small, image.Pt(smallWidth, int(float64(m.Rows())*scale+.5)), 0, 0, gocv.InterpolationArea)
	return picture.EncodeJPEG(small, smallQuality)
}

// clips are made one or two at a time, into a folder of their own, and kept there.
type clips struct {
	in   *inputs.Inputs
	busy chan struct{}

	all sync.WaitGroup

	mu    sync.Mutex
	over  bool   // the server ends
	dir   string // "": none yet
	bytes int64
	known map[string]*list.Element
	order *list.List
	now   map[string]*making
}

type clipFile struct {
	key, path string
	size      int64
	made      clip.Made
}

// making is a clip that is being made, for as long as somebody waits for it.
type making struct {
	done    chan struct{}
	cancel  context.CancelFunc
	waiting int
	file    *clipFile
	err     error
}

func newClips(in *inputs.Inputs) *clips {
	return &clips{in: in, busy: make(chan struct{}, mostClips), known: map[string]*list.Element{}, order: list.New(), now: map[string]*making{}}
}

// run removes the folder when the server ends.
func (c *clips) run(ctx context.Context) {
	<-ctx.Done()
	c.mu.Lock()
	c.over = true
	for _, m := range c.now {
		m.cancel()
	}
	c.mu.Unlock()
	c.all.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dir != "" {
		_ = os.RemoveAll(c.dir) // temporary
		c.dir = ""
	}
}

// open opens a clip of an event, which is made if it is not there. With the last who waits for
// it, making it ends.
func (c *clips) open(ctx context.Context, e *clip.Event, before, after time.Duration, boxes bool) (*os.File, *clipFile, error) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %v %v %v", e.ID, before, after, boxes))
	key := hex.EncodeToString(sum[:12])
	for {
		c.mu.Lock()
		if el := c.known[key]; el != nil {
			c.order.MoveToFront(el)
			f := el.Value.(*clipFile)
			file, err := os.Open(f.path)
			if err == nil {
				c.mu.Unlock()
				return file, f, nil
			}
			c.forget(el) // somebody cleaned up
		}
		m := c.now[key]
		if m == nil {
			if c.over {
				c.mu.Unlock()
				return nil, nil, context.Canceled
			}
			work, cancel := context.WithTimeout(context.WithoutCancel(ctx), clipTime)
			m = &making{done: make(chan struct{}), cancel: cancel}
			c.now[key] = m
			c.all.Go(func() { c.make(work, m, key, e, before, after, boxes) })
		}
		m.waiting++
		c.mu.Unlock()
		select {
		case <-m.done:
		case <-ctx.Done():
			c.mu.Lock()
			if m.waiting--; m.waiting == 0 {
				m.cancel()
			}
			c.mu.Unlock()
			return nil, nil, context.Cause(ctx)
		}
		if m.err != nil {
			if errors.Is(m.err, context.Canceled) && ctx.Err() == nil {
				continue // those who waited before have gone
			}
			return nil, nil, m.err
		}
		file, err := os.Open(m.file.path)
		if err == nil {
			return file, m.file, nil
		}
		if ctx.Err() != nil || !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, err
		}
	}
}

// make makes a clip.
func (c *clips) make(ctx context.Context, m *making, key string, e *clip.Event, before, after time.Duration, boxes bool) {
	f, err := c.write(ctx, key, e, before, after, boxes)
	c.mu.Lock()
	defer c.mu.Unlock()
	m.cancel()
	m.file, m.err = f, err
	delete(c.now, key)
	close(m.done)
	if err != nil {
		return
	}
	c.known[key] = c.order.PushFront(f)
	for c.bytes += f.size; c.bytes > clipBytes && c.order.Len() > 1; {
		c.forget(c.order.Back())
	}
}

// forget removes a clip; the mutex is held. Whoever reads it has it open.
func (c *clips) forget(el *list.Element) {
	f := c.order.Remove(el).(*clipFile)
	delete(c.known, f.key)
	c.bytes -= f.size
	_ = os.Remove(f.path) // temporary
}

func (c *clips) write(ctx context.Context, key string, e *clip.Event, before, after time.Duration, boxes bool) (*clipFile, error) {
	select {
	case c.busy <- struct{}{}:
		defer func() { <-c.busy }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	dir, err := c.folder()
	if err != nil {
		return nil, err
	}
	f := &clipFile{key: key, path: filepath.Join(dir, key+".mp4")}
	form := clip.Form{As: clip.MP4, Boxes: boxes, Longest: 2*mostAround + time.Second, Zone: c.in.Zone}
	if err := form.Check(); err != nil {
		return nil, &web.Error{Status: http.StatusNotImplemented, Code: "no_encoder", Message: err.Error()}
	}
	err = frames(ctx, c.in, func(src *clip.Source) (bool, error) {
		made, err := src.Write(ctx, clip.Around(e, before, after), form, f.path+".made")
		if err != nil {
			return false, err
		}
		if made.Frames > f.made.Frames || f.made.Frames == 0 { // the other log has no more
			f.made = made
			err = os.Rename(f.path+".made", f.path)
		} else {
			err = os.Remove(f.path + ".made")
		}
		return made.LeftOut == 0 && !made.To.Add(time.Second).Before(e.Row.At()), err
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, err
	}
	f.size = info.Size()
	return f, nil
}

func (c *clips) folder() (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dir != "" {
		if _, err := os.Stat(c.dir); err == nil {
			return c.dir, nil
		}
	}
	dir, err := os.MkdirTemp("", "framebeam-clips-")
	if err != nil {
		return "", &inputs.AwayError{Input: "disk", Err: err}
	}
	c.dir = dir
	return dir, nil
}
