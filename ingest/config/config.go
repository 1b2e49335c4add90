// Package config reads the collector's YAML file and lists everything that is
// wrong with it at once, each with its line.
//
// A file has a list of cameras and, if wanted, defaults for them:
//
//	defaults:
//	  resize: 640x480
//	cameras:
//	  - id: gate
//	    source: rtsp://user:${GATE_PASSWORD}@gate.example/stream
//	    max_fps: 10
//	  - id: yard
//	    source: recordings/yard-*.mp4
//	    start: 2024-05-01T08:00:00+02:00
//
// [Camera] documents the fields. Relative paths are relative to the file's
// folder. ${NAME} in a source is replaced from the environment, so that
// passwords need not be written down; what comes from there is never shown.
package config

import (
	"fmt"
	"image"
	"os"
	"path/filepath"
	"time"

	"github.com/framebeam/framebeam/transforms/frame"
)

// Format is that in which frames are published.
type Format string

const (
	// CloudEvents is CloudEvents 1.0 in Kafka's binary mode: the default.
	CloudEvents Format = "cloudevents"
	// JSON is the older {cameraId,timestamp,rows,cols,type,data} with raw pixels.
	JSON Format = "json"
)

// Config is a collector's configuration, free of violations.
type Config struct {
	Cameras []Camera
}

// Camera is one camera's configuration with the defaults applied.
type Camera struct {
	ID     string // id: 1 to 128 of A-Z a-z 0-9 . _ -, unique
	Source Source // source: see ParseSource

	Size     image.Point    // resize: "WxH" in pixels, default 640x480; "native" keeps the source's size and is zero here
	MaxFPS   float64        // max_fps: at most so many frames a second are taken, by capture time; 0, the default, takes all
	Encoding frame.Encoding // encoding: jpeg, png or raw; default jpeg, and raw with the JSON format, which has nothing else
	Quality  int            // quality: of JPEG, 1 to 100, default 90 (DefaultQuality)

	Passes int       // loop: how often files are played: a number, or true for ever (0 here); default 1
	Start  time.Time // start: capture time of the first frame of files; default the first file's modification time
	// Paced plays files as a live camera does: at their own pace, each frame dated when it
	// is shown. It is pace: real, with which start is now; pace: fast is the default.
	Paced    bool
	ImageFPS float64 // image_fps: frames a second that an image folder stands for, default 10

	// Interval makes an http or https URL one that gives a picture for each request,
	// asked for so often; 0, the default: it gives a stream.
	Interval time.Duration // interval

	OpenTimeout time.Duration // open_timeout: for opening the source, default 30s
	ReadTimeout time.Duration // read_timeout: for one frame, default 10s; with an interval, that is added
}

const (
	// DefaultQuality is less than OpenCV's 95 because it saves 30 % of the bytes
	// on the wire, in the archive and in every replay (vtest.avi at 640x480: 79
	// instead of 114 KB a frame).
	DefaultQuality = 90

	defaultImageFPS    = 10
	defaultOpenTimeout = 30 * time.Second // OpenCV's own limit for opening a stream
	defaultReadTimeout = 10 * time.Second

	maxSide   = frame.DefaultMaxSide
	maxPixels = frame.DefaultMaxPixels
	// maxFPS is the finest that capture times in milliseconds can tell apart.
	maxFPS = 1000
)

// longestPause is how long a film without new pictures is waited for with pace: real.
const longestPause = time.Minute

// Live reports whether the camera goes on by itself, whether anybody takes its frames or
// not: its frames are dated by the clock, and one that is opened again is another epoch.
func (c *Camera) Live() bool { return c.Source.Live() || c.Paced }

// LongestPause is the longest between two pictures of a file that is paced.
func (c *Camera) LongestPause() time.Duration {
	return max(longestPause, time.Duration(float64(time.Second)/c.ImageFPS))
}

var defaultSize = image.Pt(640, 480)

// Options are what a configuration depends on besides its file.
type Options struct {
	Format    Format                                    // default CloudEvents
	Directory string                                    // relative sources start here
	Getenv    func(name string) (value string, ok bool) // for ${NAME} in sources; default os.LookupEnv
}

// Load reads the file at path. Relative sources start at its folder, and every
// file a source names must exist. What is wrong with the content is returned
// as a [*strictyaml.Error].
func Load(path string, format Format) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return LoadContent(data, path, format)
}

// LoadContent is Load of a file that has been read.
func LoadContent(data []byte, path string, format Format) (*Config, error) {
	r := reader{opts: Options{Format: format, Directory: filepath.Dir(path)}}
	cfg, lines := r.parse(data)
	for i := range cfg.Cameras {
		if c := &cfg.Cameras[i]; c.Source.Kind != "" {
			if err := c.Source.resolve(); err != nil {
				r.Add(lines[i], "camera %s: source: %s", c.ID, c.Source.Redact(err.Error()))
			}
		}
	}
	if err := r.Err(path); err != nil {
		return nil, err
	}
	return cfg, nil
}

// Parse reads a configuration without looking at any file that it names:
// sources that are files have Kind Path.
func Parse(data []byte, opts Options) (*Config, error) {
	r := reader{opts: opts}
	cfg, _ := r.parse(data)
	if err := r.Err("configuration"); err != nil {
		return nil, err
	}
	return cfg, nil
}
