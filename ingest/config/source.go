package config

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/framebeam/framebeam/testdata/scene"
)

// Kind is the kind of a source.
type Kind string

const (
	Path   Kind = "path"         // files that nobody has looked at yet
	Video  Kind = "video files"  // played one after the other
	Images Kind = "image folder" // one frame per image
	Device Kind = "device"       // a local camera
	URL    Kind = "URL"          // anything FFmpeg opens
	Scene  Kind = "scene"        // generated pictures
)

// Source says where a camera's pictures come from.
type Source struct {
	Kind   Kind
	Text   string   // as configured, without a password: for messages
	Files  []string // of Video and Images: in the natural order of their names; of Path: the path or pattern
	Device int      // of Device: its index
	URL    string   // of URL: with its password
	Scene  string   // of Scene: its description

	// Secrets is what came from the environment, to be hidden in whatever is said.
	Secrets []Secret `json:",omitempty"`
}

// Live reports whether the source goes on by itself: it is reopened when it
// ends, has wall clock time and cannot wait.
func (s Source) Live() bool { return s.Kind == Device || s.Kind == URL }

var (
	videoDevice = regexp.MustCompile(`^/dev/video(\d+)$`)
	scheme      = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*)://`)
)

// streams are the URL schemes that are passed on to FFmpeg. Others, such as
// concat or file, could make it read files nobody named.
var streams = map[string]bool{
	"rtsp": true, "rtsps": true, "rtmp": true, "rtmps": true, "http": true, "https": true,
	"udp": true, "tcp": true, "rtp": true, "srt": true,
}

// ParseSource understands
//
//   - a path: a video file, a folder of video files or of images (JPEG, PNG),
//     or a pattern (*, ?, [a-z]) of either; the files are taken in the natural
//     order of their names (see natural.go), and those whose names begin with a
//     dot are left out,
//   - a device: its index such as 0, or /dev/video0,
//   - a URL: rtsp, rtsps, rtmp, rtmps, http, https, udp, tcp, rtp, srt,
//   - a generated scene: scene:seed=7&size=320x240&frames=300&fps=10.
//
// Paths are relative to directory. It does not look at the files.
func ParseSource(text, directory string, getenv func(string) (string, bool)) (Source, error) {
	if text == "" {
		return Source{}, errors.New("is empty")
	}
	expanded, secrets, err := expand(text, getenv)
	if err != nil {
		return Source{}, err
	}
	s, err := parseExpanded(text, expanded, directory, len(secrets) > 0)
	s.Secrets = secrets
	if err != nil {
		return Source{}, errors.New(s.Redact(err.Error()))
	}
	return s, nil
}

// parseExpanded understands a source in which nothing is to be replaced any more;
// text is what is configured, hidden that the two are not the same.
func parseExpanded(text, expanded, directory string, hidden bool) (Source, error) {
	if strings.ContainsRune(expanded, 0) {
		return Source{}, errors.New("contains a zero byte")
	}

	if strings.HasPrefix(expanded, "scene:") {
		if _, err := scene.ParseConfig(expanded); err != nil {
			return Source{}, errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
		}
		return Source{Kind: Scene, Text: text, Scene: expanded}, nil
	}
	number := expanded
	if m := videoDevice.FindStringSubmatch(expanded); m != nil {
		number = m[1]
	}
	if strings.Trim(number, "0123456789") == "" {
		device, err := strconv.Atoi(number)
		if err != nil || device > 255 {
			return Source{}, fmt.Errorf("device %s is not 0 to 255", number)
		}
		return Source{Kind: Device, Text: text, Device: device}, nil
	}
	if m := scheme.FindStringSubmatch(expanded); m != nil {
		name := strings.ToLower(m[1])
		if !streams[name] {
			return Source{}, fmt.Errorf("URLs of scheme %q are not read; files are named by their path", m[1])
		}
		u, err := url.Parse(expanded)
		if err != nil {
			// The parser's own error would repeat the URL, password included.
			return Source{}, errors.New("is not a URL")
		}
		if u.Host == "" {
			return Source{}, errors.New("the URL has no host")
		}
		if hidden {
			return Source{Kind: URL, Text: hideInText(text), URL: expanded}, nil
		}
		return Source{Kind: URL, Text: hidePassword(u), URL: expanded}, nil
	}
	if !filepath.IsAbs(expanded) {
		expanded = filepath.Join(directory, expanded)
	}
	return Source{Kind: Path, Text: text, Files: []string{expanded}}, nil
}

var (
	videoExtensions = extensions("avi mp4 m4v mov mkv webm mpg mpeg ts m2ts mts flv wmv asf 3gp ogv mjpg mjpeg h264 h265 264 265 hevc")
	imageExtensions = extensions("jpg jpeg png")
)

func extensions(list string) map[string]bool {
	m := make(map[string]bool)
	for _, e := range strings.Fields(list) {
		m["."+e] = true
	}
	return m
}

// resolve looks at the files of a source of kind Path and makes it Video or
// Images.
func (s *Source) resolve() error {
	if s.Kind != Path {
		return nil
	}
	path := s.Files[0]
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		entries, err := os.ReadDir(path)
		if err != nil {
			return err
		}
		var names []string
		for _, e := range entries {
			if hidden(e.Name()) {
				continue
			}
			if ext := strings.ToLower(filepath.Ext(e.Name())); videoExtensions[ext] || imageExtensions[ext] {
				names = append(names, filepath.Join(path, e.Name()))
			}
		}
		return s.files(names, fmt.Sprintf("folder %s has no video files and no images", path))
	case err == nil && info.Mode().IsRegular():
		s.Files = []string{path}
		s.Kind = Video
		if imageExtensions[strings.ToLower(filepath.Ext(path))] {
			s.Kind = Images
		}
		return nil
	case err == nil:
		return fmt.Errorf("%s is neither a file nor a folder", path)
	case !strings.ContainsAny(path, "*?["):
		return err
	}
	names, err := filepath.Glob(path)
	if err != nil {
		return fmt.Errorf("pattern %s: %w", path, err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return hidden(filepath.Base(name)) })
	return s.files(names, fmt.Sprintf("no file matches %s", path))
}

// files takes the regular files of names, all videos or all images.
func (s *Source) files(names []string, none string) error {
	slices.SortFunc(names, natural)
	var videos, images []string
	for _, name := range names {
		if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
			continue
		}
		if imageExtensions[strings.ToLower(filepath.Ext(name))] {
			images = append(images, name)
		} else {
			videos = append(videos, name)
		}
	}
	switch {
	case len(videos) == 0 && len(images) == 0:
		return errors.New(none)
	case len(videos) > 0 && len(images) > 0:
		return fmt.Errorf("both videos (%s, ...) and images (%s, ...): use a pattern", filepath.Base(videos[0]), filepath.Base(images[0]))
	case len(images) > 0:
		s.Kind, s.Files = Images, images
	default:
		s.Kind, s.Files = Video, videos
	}
	return nil
}
