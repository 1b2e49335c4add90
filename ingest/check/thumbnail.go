package check

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	_ "image/png"
	"os"

	"github.com/framebeam/framebeam/transforms/frame"
)

// thumbnailWidth is the most pixels that a thumbnail is wide.
const thumbnailWidth = 320

// writeThumbnail writes a small JPEG of a frame. A source may have made of its frame what it
// likes, so it is decoded by Go.
func writeThumbnail(path string, f *frame.Frame) error {
	img, err := decode(f)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, shrink(img, thumbnailWidth), &jpeg.Options{Quality: 85}); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o600)
}

func decode(f *frame.Frame) (image.Image, error) {
	if f.Encoding != frame.Raw {
		if _, _, _, err := frame.CheckImage(f.Data); err != nil {
			return nil, err
		}
		img, _, err := image.Decode(bytes.NewReader(f.Data))
		return img, err
	}
	if f.Channels != 3 || len(f.Data) != 3*f.Width*f.Height {
		return nil, fmt.Errorf("%d bytes are no picture of %dx%d in %d channels", len(f.Data), f.Width, f.Height, f.Channels)
	}
	img := image.NewNRGBA(image.Rect(0, 0, f.Width, f.Height))
	for i := range f.Width * f.Height {
		b, g, r := f.Data[3*i], f.Data[3*i+1], f.Data[3*i+2]
		img.SetNRGBA(i%f.Width, i/f.Width, color.NRGBA{R: r, G: g, B: b, A: 255})
	}
	return img, nil
}

// shrink makes a picture no wider, each pixel the mean of those that it stands for.
func shrink(img image.Image, width int) image.Image {
	from := img.Bounds()
	if from.Dx() <= width {
		return img
	}
	height := max(1, from.Dy()*width/from.Dx())
	to := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		y0, y1 := from.Min.Y+y*from.Dy()/height, from.Min.Y+(y+1)*from.Dy()/height
		for x := range width {
			x0, x1 := from.Min.X+x*from.Dx()/width, from.Min.X+(x+1)*from.Dx()/width
			var r, g, b, n uint64
			for v := y0; v < y1; v++ {
				for u := x0; u < x1; u++ {
					cr, cg, cb, _ := img.At(u, v).RGBA()
					r, g, b, n = r+uint64(cr), g+uint64(cg), b+uint64(cb), n+1
				}
			}
			if n == 0 {
				continue
			}
			to.SetNRGBA(x, y, color.NRGBA{R: uint8(r / n >> 8), G: uint8(g / n >> 8), B: uint8(b / n >> 8), A: 255})
		}
	}
	return to
}
