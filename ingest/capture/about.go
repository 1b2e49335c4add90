package capture

import (
	"bufio"
	"bytes"
	"image"
	_ "image/jpeg" // of pictures, only their heads are read
	_ "image/png"
	"os"
	"strings"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/ingest/capture/report"
)

// described is a stream that can say something of itself; the others say it by their
// first picture.
type described interface {
	describe() report.Opened
}

// about is what a stream says of itself.
func about(s Stream) *report.Opened {
	var o report.Opened
	if d, ok := s.(described); ok {
		o = d.describe()
	}
	o.Step = max(s.Step(), 0)
	return &o
}

func (v *video) describe() report.Opened {
	o := report.Opened{Codec: v.Codec(), Width: v.Size().X, Height: v.Size().Y}
	if v.path == "" {
		o.Transport = transport()
	}
	return o
}

func (d *device) describe() report.Opened {
	return report.Opened{
		Codec: strings.Trim(d.capture.CodecString(), "\x00 "),
		Width: int(d.capture.Get(gocv.VideoCaptureFrameWidth)), Height: int(d.capture.Get(gocv.VideoCaptureFrameHeight)),
	}
}

func (s *images) describe() (o report.Opened) {
	f, err := os.Open(s.files[0])
	if err != nil {
		return o
	}
	defer f.Close()
	if head, format, err := image.DecodeConfig(bufio.NewReader(f)); err == nil {
		o = report.Opened{Codec: format, Width: head.Width, Height: head.Height}
	}
	return o
}

func (s *snapshots) describe() report.Opened {
	o := report.Opened{Transport: "tcp"}
	if head, format, err := image.DecodeConfig(bytes.NewReader(s.first)); err == nil {
		o.Codec, o.Width, o.Height = format, head.Width, head.Height
	}
	return o
}

func (g *generated) describe() report.Opened {
	return report.Opened{Width: g.scene.Size().X, Height: g.scene.Size().Y}
}

// transport is how pictures come into this process, which reads one source: FFmpeg does
// not say which of the ways that it tried a camera has taken.
func transport() string {
	for _, table := range []string{"/proc/self/net/udp", "/proc/self/net/udp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		mine := sockets()
		for line := range strings.Lines(string(text)) {
			if fields := strings.Fields(line); len(fields) > 9 && mine[fields[9]] { // its inode
				return "udp"
			}
		}
	}
	return "tcp"
}

// sockets are the inodes of this process's sockets.
func sockets() map[string]bool {
	inodes := map[string]bool{}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return inodes
	}
	for _, e := range entries {
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil {
			continue
		}
		if inode, ok := strings.CutPrefix(target, "socket:["); ok {
			inodes[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return inodes
}
