package picture

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"slices"
	"strings"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

const sheetsDir = "sheets/"

// The layout of a contact sheet, in cells and pixels.
const (
	sheetColumns = 4
	sheetRows    = 4
	sheetCells   = sheetColumns * sheetRows
	cellWidth    = 320
	cellHeight   = 240
	captionRoom  = 22 // below each picture, and above all
)

// ContactSheets writes one JPEG per camera that cfg asks for,
// sheets/topic+partition+camera.jpg: a grid of up to sixteen annotated frames with
// their capture times, and returns the files' names. The camera's analysed frames
// are cut into as many equal stretches, and each stretch shows the frame with the
// most detections, the earliest of those. Frames that the log no longer has are dark.
func ContactSheets(ctx context.Context, cfg RenderConfig) (files []string, err error) {
	r, err := OpenRenderer(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("contact sheets: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	samples, err := r.sample(ctx)
	if err != nil {
		return nil, fmt.Errorf("contact sheets: %w", err)
	}
	for _, s := range samples {
		if len(s.picks) == 0 {
			continue
		}
		file := fmt.Sprintf("%s%s+%d+%s.jpg", sheetsDir, s.topic, s.partition, s.camera)
		data, err := r.packer.sheet(ctx, s)
		if err == nil {
			err = r.out.Folder().WriteAtomic(ctx, file, data)
		}
		if err != nil {
			return nil, fmt.Errorf("contact sheet of topic %s partition %d camera %s: %w", s.topic, s.partition, s.camera, err)
		}
		files = append(files, file)
	}
	return files, nil
}

// stream is a camera in its partition.
type stream struct {
	topic     string
	partition int32
	camera    string
}

// sampled is what a stream's sheet shows.
type sampled struct {
	stream
	frames, detections int
	seen               int
	picks              []result.Frame // one per stretch, ascending
}

// sample reads the results twice: to count, and to pick.
func (r *Renderer) sample(ctx context.Context) ([]*sampled, error) {
	all := map[stream]*sampled{}
	each := func(fn func(*sampled, *result.Frame)) error {
		return r.out.Each(ctx, func(_ string, rows []result.Frame, _ bool) error {
			for i := range rows {
				row := &rows[i]
				if row.Status != result.OK || !r.cfg.shows(row.Camera) {
					continue
				}
				at := stream{row.Topic, row.Partition, row.Camera}
				if all[at] == nil {
					all[at] = &sampled{stream: at}
				}
				fn(all[at], row)
			}
			return nil
		})
	}
	err := each(func(s *sampled, r *result.Frame) {
		s.frames++
		s.detections += len(r.Detections)
	})
	if err == nil {
		err = each((*sampled).pick)
	}
	if err != nil {
		return nil, err
	}
	list := make([]*sampled, 0, len(all))
	for _, s := range all {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *sampled) int {
		return cmp.Or(strings.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition), strings.Compare(a.camera, b.camera))
	})
	return list, nil
}

// pick takes the stream's next frame into its stretch if it shows more.
func (s *sampled) pick(r *result.Frame) {
	if s.seen == s.frames {
		return // a running job has added to the output since it was counted
	}
	stretch := s.seen * min(sheetCells, s.frames) / s.frames
	s.seen++
	switch {
	case stretch == len(s.picks):
		s.picks = append(s.picks, *r)
	case stretch == len(s.picks)-1 && len(r.Detections) > len(s.picks[stretch].Detections):
		s.picks[stretch] = *r
	}
}

var gray = color.RGBA{R: 170, G: 170, B: 170, A: 255}

// sheet draws a stream's sheet and returns it as a JPEG.
func (p *Packer) sheet(ctx context.Context, s *sampled) ([]byte, error) {
	columns := min(sheetColumns, len(s.picks))
	rows := (len(s.picks) + columns - 1) / columns
	sheet := gocv.NewMatWithSize(captionRoom+rows*(cellHeight+captionRoom), columns*cellWidth, gocv.MatTypeCV8UC3)
	defer sheet.Close()
	write(&sheet, fmt.Sprintf("%s: %d frames, %d detections", s.camera, s.frames, s.detections), image.Pt(0, 0), white)

	picks := make([]*result.Frame, len(s.picks))
	for i := range picks {
		picks[i] = &s.picks[i]
	}
	cell := 0
	err := p.frames.each(ctx, picks, func(row *result.Frame, f *frame.Frame, why string) error {
		at := image.Pt(cell%columns*cellWidth, captionRoom+cell/columns*(cellHeight+captionRoom))
		cell++
		caption := time.UnixMicro(row.Captured).UTC().Format("2006-01-02 15:04:05.000")
		if n := len(row.Detections); n > 0 {
			caption += fmt.Sprintf("  %d", n)
		}
		write(&sheet, caption, at.Add(image.Pt(0, cellHeight)), gray)
		if why == "" {
			if err := place(&sheet, at, row, f); err != nil {
				why = err.Error()
			}
		}
		if why != "" {
			write(&sheet, "not available", at.Add(image.Pt(0, cellHeight/2)), gray)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return EncodeJPEG(sheet, p.quality)
}

// place draws the annotated frame into the cell at a point, as large as fits.
func place(sheet *gocv.Mat, at image.Point, row *result.Frame, f *frame.Frame) error {
	m, err := pixels.Color(f)
	if err != nil {
		return err
	}
	defer m.Close()
	Annotate(&m, row)
	w, h := cellWidth, max(1, f.Height*cellWidth/f.Width)
	if h > cellHeight {
		w, h = max(1, f.Width*cellHeight/f.Height), cellHeight
	}
	gocv.Resize(m, &m, image.Pt(w, h), 0, 0, gocv.InterpolationArea)
	corner := at.Add(image.Pt((cellWidth-w)/2, (cellHeight-h)/2))
	cell := sheet.Region(image.Rectangle{Min: corner, Max: corner.Add(image.Pt(w, h))})
	defer cell.Close()
	m.CopyTo(&cell)
	return nil
}

// write puts a line of text into the caption room at a point.
func write(m *gocv.Mat, text string, at image.Point, c color.RGBA) {
	gocv.PutText(m, text, at.Add(image.Pt(4, captionRoom-6)), gocv.FontHersheySimplex, 0.45, c, 1)
}
