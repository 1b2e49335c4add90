package clip

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/history/clip/movie"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/picture"
	"github.com/framebeam/framebeam/transforms/result"
)

// reel takes the frames of a clip and becomes a file, or a folder of files.
type reel interface {
	// add takes the next frame: its picture, which was drawn on or not, and its own bytes.
	add(m *gocv.Mat, row *result.Frame, f *frame.Frame, at time.Duration, fresh bool) error
	// finish puts what was made where it is to lie. The last picture is shown until a time.
	finish(ctx context.Context, until time.Duration) error
	// discard gives up what is not finished.
	discard() error
}

// gifWidth is the most that a GIF is wide: it holds each of its pictures almost whole.
const gifWidth = 320

func openReel(ctx context.Context, form Form, to string) (reel, error) {
	if form.As == Images && !strings.HasSuffix(strings.ToLower(to), ".zip") {
		folder, err := store.Open(ctx, to)
		if err != nil {
			return nil, err
		}
		return &folderReel{ctx: ctx, folder: folder, drawn: form.Boxes}, nil
	}
	t, err := newTemporary(to)
	if err != nil {
		return nil, err
	}
	if form.As == Images {
		return &zipReel{temporary: t, zip: zip.NewWriter(t.file), drawn: form.Boxes}, nil
	}
	return &filmReel{temporary: t, as: form.As}, nil
}

// temporary is a file of this machine that takes its name when it is whole.
type temporary struct {
	to   string
	file *os.File
}

// newTemporary makes one beside what it will be or, if that is on other machines, in the
// system's folder for such.
func newTemporary(to string) (*temporary, error) {
	dir := ""
	if !strings.Contains(to, "://") {
		dir = filepath.Dir(to)
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, fmt.Errorf("clip: %w", err)
		}
	}
	f, err := os.CreateTemp(dir, ".clip-*.part")
	if err != nil {
		return nil, fmt.Errorf("clip: %w", err)
	}
	return &temporary{to, f}, nil
}

func (t *temporary) publish(ctx context.Context) error {
	if i := strings.LastIndexByte(t.to, '/'); strings.Contains(t.to, "://") {
		folder, err := store.Open(ctx, t.to[:i])
		if err != nil {
			return err
		}
		return folder.Put(ctx, t.to[i+1:], func(w io.Writer) error {
			if _, err := t.file.Seek(0, io.SeekStart); err != nil {
				return err
			}
			_, err := io.Copy(w, t.file)
			return err
		}, (*store.Staged).Replace)
	}
	err := errors.Join(t.file.Chmod(0o644), t.file.Close())
	if err == nil {
		err = os.Rename(t.file.Name(), t.to)
	}
	if err != nil {
		return fmt.Errorf("clip: %w", err)
	}
	return nil
}

func (t *temporary) discard() error {
	_ = t.file.Close() // it may be closed already
	if err := os.Remove(t.file.Name()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("clip: %w", err)
	}
	return nil
}

// filmReel is an MP4 or a GIF, of the size of its first frame.
type filmReel struct {
	*temporary
	as    string
	size  image.Point
	movie *movie.Movie
}

func (r *filmReel) add(m *gocv.Mat, _ *result.Frame, _ *frame.Frame, at time.Duration, fresh bool) error {
	if r.movie == nil {
		r.size = image.Pt(m.Cols(), m.Rows())
		if r.as == GIF && r.size.X > gifWidth {
			r.size = image.Pt(gifWidth, max(1, r.size.Y*gifWidth/r.size.X))
		}
		r.size = image.Pt(even(r.size.X), even(r.size.Y))
		const rate = 30 // chooses the level that players are asked for
		var err error
		if r.movie, err = movie.Create(r.file.Name(), r.as, r.size.X, r.size.Y, rate); err != nil {
			return err
		}
	}
	fit(m, r.size)
	return r.movie.Add(*m, at, fresh)
}

var black = color.RGBA{A: 255}

func even(n int) int { return max(2, n+n%2) }

func (r *filmReel) finish(ctx context.Context, until time.Duration) error {
	if err := r.movie.Finish(until); err != nil {
		return err
	}
	return r.publish(ctx)
}

func (r *filmReel) discard() error {
	if r.movie != nil {
		r.movie.Close()
	}
	return r.temporary.discard()
}

// fit makes a picture of a size: one that lacks a column or row gets it, another is scaled,
// as large as fits, in the middle of black.
func fit(m *gocv.Mat, size image.Point) {
	right, below := size.X-m.Cols(), size.Y-m.Rows()
	if right == 0 && below == 0 {
		return
	}
	framed := gocv.NewMat()
	if right < 0 || below < 0 || right > 1 || below > 1 {
		w, h := size.X, max(1, m.Rows()*size.X/m.Cols())
		if h > size.Y {
			w, h = max(1, m.Cols()*size.Y/m.Rows()), size.Y
		}
		how := gocv.InterpolationArea
		if w > m.Cols() {
			how = gocv.InterpolationLinear
		}
		gocv.Resize(*m, m, image.Pt(w, h), 0, 0, how)
		left, top := (size.X-w)/2, (size.Y-h)/2
		gocv.CopyMakeBorder(*m, &framed, top, size.Y-h-top, left, size.X-w-left, gocv.BorderConstant, black)
	} else {
		gocv.CopyMakeBorder(*m, &framed, 0, below, 0, right, gocv.BorderReplicate, black)
	}
	m.Close()
	*m = framed
}

// image is a frame as a file: its own bytes, or what was drawn on it.
func imageOf(m *gocv.Mat, row *result.Frame, f *frame.Frame, drawn bool) (name string, data []byte, err error) {
	name = fmt.Sprintf("%s-%019d", row.At().UTC().Format("20060102T150405.000000Z"), row.Offset)
	switch {
	case !drawn && f.Encoding == frame.JPEG:
		return name + ".jpg", f.Data, nil
	case !drawn && f.Encoding == frame.PNG:
		return name + ".png", f.Data, nil
	case !drawn:
		data, err = encode(*m, gocv.PNGFileExt)
		return name + ".png", data, err
	}
	data, err = encode(*m, gocv.JPEGFileExt)
	return name + ".jpg", data, err
}

func encode(m gocv.Mat, ext gocv.FileExt) ([]byte, error) {
	if ext == gocv.JPEGFileExt {
		return picture.EncodeJPEG(m, picture.DefaultQuality)
	}
	b, err := gocv.IMEncodeWithParams(ext, m, []int{gocv.IMWritePngCompression, 6})
	if err != nil {
		return nil, fmt.Errorf("encode picture: %w", err)
	}
	defer b.Close()
	return bytes.Clone(b.GetBytes()), nil
}

// folderReel is a folder with an image for each frame.
type folderReel struct {
	ctx    context.Context //nolint:containedctx // of the one clip that it is
	folder *store.Folder
	drawn  bool
}

func (r *folderReel) add(m *gocv.Mat, row *result.Frame, f *frame.Frame, _ time.Duration, _ bool) error {
	name, data, err := imageOf(m, row, f, r.drawn)
	if err != nil {
		return err
	}
	return writeFile(r.ctx, r.folder, name, data)
}

func (r *folderReel) finish(context.Context, time.Duration) error { return nil }
func (r *folderReel) discard() error                              { return nil }

// zipReel is the same in one file, without compression.
type zipReel struct {
	*temporary
	zip   *zip.Writer
	drawn bool
}

func (r *zipReel) add(m *gocv.Mat, row *result.Frame, f *frame.Frame, _ time.Duration, _ bool) error {
	name, data, err := imageOf(m, row, f, r.drawn)
	if err != nil {
		return err
	}
	w, err := r.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err == nil {
		_, err = w.Write(data)
	}
	if err != nil {
		return fmt.Errorf("clip: %w", err)
	}
	return nil
}

func (r *zipReel) finish(ctx context.Context, _ time.Duration) error {
	if err := r.zip.Close(); err != nil {
		return fmt.Errorf("clip: %w", err)
	}
	return r.publish(ctx)
}
