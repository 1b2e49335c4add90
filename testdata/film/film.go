// Package film makes the logs that tests read: frames of generated scenes as
// several cameras would publish them, with everything odd that a log can hold.
package film

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"time"

	"github.com/framebeam/framebeam/testdata/scene"
	"github.com/framebeam/framebeam/transforms/frame"
)

// Config describes a log.
type Config struct {
	Cameras int // ids cam-00, cam-01, ...
	Frames  int // of each camera
	Width   int // pixels, default 96
	Height  int // pixels, default 72
	Seed    uint64
	// Odd puts into the log what is no plain frame: poison of every kind, repeats,
	// late frames, missing frames, new epochs, PNG and raw frames, the JSON format.
	Odd bool
}

// Begin is the capture time of every camera's first frame.
var Begin = time.Date(2024, 5, 1, 8, 0, 0, 0, time.UTC)

// Records returns the log in the order of capture times: Offset is 0. The same
// configuration gives the same bytes.
func Records(cfg Config) []frame.Record {
	if cfg.Width == 0 {
		cfg.Width, cfg.Height = 96, 72
	}
	scenes := make([]*scene.Scene, cfg.Cameras)
	for c := range scenes {
		s, err := scene.New(scene.Config{
			Width: cfg.Width, Height: cfg.Height, Frames: cfg.Frames, FPS: 10,
			Seed: cfg.Seed + uint64(c), Objects: 4, Noise: 2,
		})
		if err != nil {
			panic(err)
		}
		scenes[c] = s
	}
	var recs []frame.Record
	for i := range cfg.Frames {
		for c, s := range scenes {
			f := frame.Frame{
				Camera: Camera(c), Epoch: "e1", Sequence: int64(i),
				Captured: Begin.Add(time.Duration(i) * 100 * time.Millisecond).Add(time.Duration(c) * time.Millisecond),
				Width:    cfg.Width, Height: cfg.Height, Encoding: frame.JPEG,
			}
			bgr, _ := s.Frame(i)
			n := i*cfg.Cameras + c
			if !cfg.Odd {
				recs = append(recs, encode(f, bgr))
				continue
			}
			recs = append(recs, odd(f, bgr, n, recs)...)
		}
	}
	return recs
}

// Camera is the id of the n-th camera.
func Camera(n int) string { return fmt.Sprintf("cam-%02d", n) }

// odd is the n-th frame, or what stands in its place.
func odd(f frame.Frame, bgr []byte, n int, before []frame.Record) []frame.Record {
	if f.Sequence >= 40 {
		f.Epoch = "e2"
		f.Sequence -= 40
	}
	good := encode(f, bgr)
	bad := good
	switch n % 29 {
	case 3: // truncated
		bad.Value = good.Value[:len(good.Value)/2]
	case 5: // not an image
		bad.Value = []byte("this is not an image, whatever its headers say")
	case 7: // a header that promises 30,000 x 30,000 pixels
		bad.Value = hugeJPEG(good.Value)
	case 9: // the wrong size for what the headers say
		f.Width++
		return []frame.Record{encode(f, bgr)}
	case 11: // no key
		bad.Key = nil
	case 13: // empty
		bad.Value = nil
	case 15: // bad JSON
		bad.Headers, bad.Value = nil, []byte(`{"cameraId":"cam-00","rows":`)
	case 17: // an unknown version
		bad.Headers = append([]frame.Header{}, good.Headers...)
		for i := range bad.Headers {
			if bad.Headers[i].Key == "ce_specversion" {
				bad.Headers[i].Value = []byte("9.9")
			}
		}
	case 19: // missing
		return nil
	case 21: // said twice
		return []frame.Record{good, good}
	case 23: // an older one again
		return []frame.Record{good, before[len(before)*2/3]}
	case 24:
		f.Encoding = frame.PNG
		return []frame.Record{encode(f, bgr)}
	case 25:
		f.Encoding, f.Channels = frame.Raw, 3
		return []frame.Record{encode(f, bgr)}
	case 26: // the JSON format
		f.Encoding, f.Channels = frame.Raw, 3
		f.Data = bgr
		rec, err := f.JSON(time.UTC)
		if err != nil {
			panic(err)
		}
		return []frame.Record{rec}
	case 27: // a bad key
		bad.Key = []byte("../" + f.Camera)
	}
	return []frame.Record{bad}
}

func encode(f frame.Frame, bgr []byte) frame.Record {
	var b bytes.Buffer
	var err error
	switch f.Encoding {
	case frame.Raw:
		b.Write(bgr)
	case frame.PNG:
		err = png.Encode(&b, picture(f, bgr))
	default:
		err = jpeg.Encode(&b, picture(f, bgr), &jpeg.Options{Quality: 90})
	}
	if err != nil {
		panic(err)
	}
	f.Data = b.Bytes()
	return f.CloudEvent()
}

// picture is the BGR pixels as Go's image; the frame's claimed width may be wrong.
func picture(f frame.Frame, bgr []byte) image.Image {
	w := len(bgr) / 3 / f.Height
	m := image.NewRGBA(image.Rect(0, 0, w, f.Height))
	for i := 0; i < len(bgr)/3; i++ {
		m.Pix[4*i], m.Pix[4*i+1], m.Pix[4*i+2], m.Pix[4*i+3] = bgr[3*i+2], bgr[3*i+1], bgr[3*i], 255
	}
	return m
}

// hugeJPEG is the image with its frame header saying 30,000 x 30,000.
func hugeJPEG(b []byte) []byte {
	b = bytes.Clone(b)
	for i := 2; i+9 < len(b); {
		if b[i+1] >= 0xC0 && b[i+1] <= 0xC2 {
			copy(b[i+5:], []byte{0x75, 0x30, 0x75, 0x30})
			break
		}
		i += 2 + int(b[i+2])<<8 + int(b[i+3])
	}
	return b
}
