// Package check tries every source of a collector's configuration and says what each gives,
// or what it answered instead and what to do about it.
package check

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/framebeam/framebeam/history/table"
	"github.com/framebeam/framebeam/ingest/capture"
	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/transforms/frame"
)

// Options are what a check depends on besides the cameras.
type Options struct {
	AtOnce       int    // sources that are tried at the same time; default 4
	Thumbnails   string // a folder for a small JPEG of each, camera.jpg; it must exist; default none
	SourceMemory int64  // most memory of each process that reads a source; default capture.DefaultMaxMemory
	// Done is called, by one goroutine at a time, as each source is done; default not.
	Done func(Source)
}

// Source is what a try has shown of one camera. In JSON durations are in seconds and sizes in pixels.
type Source struct {
	Camera string `json:"camera"`
	Source string `json:"source"` // as configured, without secrets
	OK     bool   `json:"ok"`
	State  string `json:"state"`            // ok, or of which kind the trouble is (capture.Kind)
	Reason string `json:"reason,omitempty"` // what is wrong, and what to do

	Width     int     `json:"width,omitempty"` // of its pictures as they come
	Height    int     `json:"height,omitempty"`
	PerSecond float64 `json:"frames_per_second,omitempty"` // counted of live sources, of files as they say
	Codec     string  `json:"codec,omitempty"`
	Transport string  `json:"transport,omitempty"` // tcp, udp
	First     float64 `json:"first_frame_seconds,omitempty"`

	FrameWidth  int    `json:"frame_width,omitempty"` // as it is published
	FrameHeight int    `json:"frame_height,omitempty"`
	Encoding    string `json:"encoding,omitempty"`
	FrameBytes  int64  `json:"frame_bytes,omitempty"` // mean
	Thumbnail   string `json:"thumbnail,omitempty"`   // its path
}

// Run tries all cameras, in the configuration's order. An error is of the check itself.
func Run(ctx context.Context, cfg *config.Config, opts Options) ([]Source, error) {
	all := make([]Source, len(cfg.Cameras))
	slots := make(chan struct{}, cmp.Or(opts.AtOnce, 4))
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for i := range cfg.Cameras {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			s, err := try(ctx, cfg.Cameras[i], opts)
			mu.Lock()
			defer mu.Unlock()
			if all[i] = s; err != nil {
				failed = cmp.Or(failed, err)
			}
			if opts.Done != nil && ctx.Err() == nil {
				opts.Done(s)
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return all, failed
}

func try(ctx context.Context, cam config.Camera, opts Options) (Source, error) {
	s := Source{Camera: cam.ID, Source: cam.Source.Text, State: "ok"}
	found, err := capture.Try(ctx, cam, capture.Options{MaxMemory: opts.SourceMemory, Log: slog.New(slog.DiscardHandler)})
	s.Width, s.Height, s.Codec, s.Transport = found.Size.X, found.Size.Y, found.Codec, found.Transport
	if err != nil {
		s.State, s.Reason = string(capture.KindOf(err)), cam.Source.Redact(err.Error())
		return s, nil
	}
	f := found.Frame
	s.OK, s.PerSecond, s.First = true, found.PerSecond(), found.First.Seconds()
	s.FrameWidth, s.FrameHeight, s.Encoding, s.FrameBytes = f.Width, f.Height, encodings[f.Encoding], found.Bytes/int64(found.Frames)
	if s.Width == 0 && cam.Size.X == 0 {
		s.Width, s.Height = f.Width, f.Height
	}
	if opts.Thumbnails == "" {
		return s, nil
	}
	path := filepath.Join(opts.Thumbnails, cam.ID+".jpg")
	if err := writeThumbnail(path, f); err != nil {
		return s, fmt.Errorf("camera %s: thumbnail: %w", cam.ID, err)
	}
	s.Thumbnail = path
	return s, nil
}

// encodings are their names in the configuration.
var encodings = map[frame.Encoding]string{frame.JPEG: "jpeg", frame.PNG: "png", frame.Raw: "raw"}

// Write prints a table, and below it what is wrong.
func Write(w io.Writer, all []Source) error {
	t := table.New(w, "camera", "state", "size", "frames/s", "codec", "transport", "first frame", "as frames")
	for _, s := range all {
		var rate, first, frames string
		if s.OK {
			rate = fmt.Sprintf("%.1f", s.PerSecond)
			first = (time.Duration(s.First * float64(time.Second))).Round(10 * time.Millisecond).String()
			frames = fmt.Sprintf("%dx%d %s, %d KB", s.FrameWidth, s.FrameHeight, s.Encoding, (s.FrameBytes+999)/1000)
		}
		size := ""
		if s.Width > 0 {
			size = fmt.Sprintf("%dx%d", s.Width, s.Height)
		}
		t.Row(s.Camera, s.State, size, rate, s.Codec, s.Transport, first, frames)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, s := range all {
		if s.OK {
			continue
		}
		if _, err := fmt.Fprintf(w, "\n%s: %s\n", s.Camera, s.Reason); err != nil {
			return err
		}
	}
	return nil
}

// WriteJSON prints an object a line.
func WriteJSON(w io.Writer, all []Source) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for i := range all {
		if err := e.Encode(&all[i]); err != nil {
			return err
		}
	}
	return nil
}
