package config

import (
	"errors"
	"flag"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/strictyaml"
	"github.com/framebeam/framebeam/transforms/frame"
)

var rewrite = flag.Bool("rewrite", false, "rewrite golden files")

// Every file in testdata/bad has a golden file with all its violations.
func TestEveryViolationIsListedWithItsLine(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			format := CloudEvents
			if filepath.Base(file) == "json.yaml" {
				format = JSON
			}
			_, err := Load(file, format)
			var violations *strictyaml.Error
			if !errors.As(err, &violations) {
				t.Fatalf("got %v, want violations", err)
			}
			got, golden := err.Error()+"\n", strings.TrimSuffix(file, ".yaml")+".golden"
			if *rewrite {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error("run with -rewrite and look at the difference\n", diff)
			}
		})
	}
}

func TestDefaultsAreAppliedBeforeACamerasOwnFields(t *testing.T) {
	cfg, err := Parse([]byte(`
defaults:
  resize: native
  max_fps: 12.5
  loop: 3
  start: 2024-05-01T08:00:00+02:00
cameras:
  - id: 17
    source: 0
  - id: yard
    source: clips/*.mp4
    resize: 320x240
    encoding: png
    loop: true
    read_timeout: 250ms
  - {id: lobby, source: "rtsp://u:${SECRET}@h/x?token=1", quality: 75}
`), Options{Directory: "/etc/cameras", Getenv: func(name string) (string, bool) { return "pw", name == "SECRET" }})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2024, 5, 1, 6, 0, 0, 0, time.UTC)
	want := []Camera{
		{ID: "17", Source: Source{Kind: Device, Text: "0"}, MaxFPS: 12.5, Encoding: frame.JPEG, Quality: 90, Passes: 1, ImageFPS: 10, OpenTimeout: 30 * time.Second, ReadTimeout: 10 * time.Second},
		{ID: "yard", Source: Source{Kind: Path, Text: "clips/*.mp4", Files: []string{"/etc/cameras/clips/*.mp4"}}, Size: image.Pt(320, 240), MaxFPS: 12.5, Encoding: frame.PNG, Quality: 90, Passes: 0, Start: start, ImageFPS: 10, OpenTimeout: 30 * time.Second, ReadTimeout: 250 * time.Millisecond},
		{ID: "lobby", Source: Source{Kind: URL, Text: "rtsp://u:xxxxx@h/x", URL: "rtsp://u:pw@h/x?token=1", Secrets: []Secret{{"${SECRET}", "pw"}}}, MaxFPS: 12.5, Encoding: frame.JPEG, Quality: 75, Passes: 1, ImageFPS: 10, OpenTimeout: 30 * time.Second, ReadTimeout: 10 * time.Second},
	}
	if diff := cmp.Diff(want, cfg.Cameras); diff != "" {
		t.Error(diff)
	}
}

func TestTheJSONWireTakesRawPixelsUnlessToldOtherwise(t *testing.T) {
	cfg, err := Parse([]byte("cameras:\n  - {id: a, source: 0}\n"), Options{Format: JSON})
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.Cameras[0].Encoding; got != frame.Raw {
		t.Error(got)
	}
}

func TestSourcesAreResolvedToTheFilesTheyName(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.mp4", "a.AVI", "notes.txt", "still/2.png", "still/1.JPG", "both/a.png", "both/a.mkv", "odd[1].avi", "empty/x"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name, source string
		kind         Kind
		files        []string
		wrong        string
	}{
		{name: "a file with any extension is a video", source: "notes.txt", kind: Video, files: []string{"notes.txt"}},
		{name: "a folder gives its videos by name", source: ".", kind: Video, files: []string{"a.AVI", "b.mp4", "odd[1].avi"}},
		{name: "a folder of images is an image folder", source: "still", kind: Images, files: []string{"still/1.JPG", "still/2.png"}},
		{name: "an image is an image folder of one", source: "still/2.png", kind: Images, files: []string{"still/2.png"}},
		{name: "a pattern gives what matches", source: "*.mp4", kind: Video, files: []string{"b.mp4"}},
		{name: "a file whose name looks like a pattern is a file", source: "odd[1].avi", kind: Video, files: []string{"odd[1].avi"}},
		{name: "a mixture is refused", source: "both", wrong: "both videos (a.mkv, ...) and images (a.png, ...)"},
		{name: "a pattern that chooses is not", source: "both/*.png", kind: Images, files: []string{"both/a.png"}},
		{name: "an empty folder is refused", source: "empty", wrong: "no video files and no images"},
		{name: "a pattern without a match is refused", source: "*.mov", wrong: "no file matches"},
		{name: "a malformed pattern is refused", source: "[", wrong: "syntax error in pattern"},
		{name: "what is neither file nor folder is refused", source: "/dev/null", wrong: "neither a file nor a folder"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := ParseSource(tc.source, dir, os.LookupEnv)
			if err != nil {
				t.Fatal(err)
			}
			err = s.resolve()
			if tc.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wrong) {
					t.Fatalf("got %v, want %q", err, tc.wrong)
				}
				return
			}
			var files []string
			for _, f := range s.Files {
				rel, _ := filepath.Rel(dir, f)
				files = append(files, rel)
			}
			if err != nil || s.Kind != tc.kind || !cmp.Equal(files, tc.files) {
				t.Errorf("got %s %v %v, want %s %v", s.Kind, files, err, tc.kind, tc.files)
			}
		})
	}
}

func TestPasswordsDoNotShowInMessages(t *testing.T) {
	for _, text := range []string{"rtsp://user:hunter2@host/x", "http://host/x?password=hunter2", "rtsp://user:${PW}@host/x", "rtsp://user:hunter2@ho st/%zz"} {
		s, err := ParseSource(text, "", func(string) (string, bool) { return "hunter2", true })
		if err != nil {
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: the error shows it: %v", text, err)
			}
		} else if strings.Contains(s.Text, "hunter2") {
			t.Errorf("%s: shown as %s", text, s.Text)
		}
	}
}

// FuzzParse: parsing never panics; what it accepts is within all limits, and
// every violation has a line of the file.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/bad/*.yaml")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("defaults: {quality: 3}\ncameras:\n  - {id: a, source: 'scene:seed=7&size=320x240&frames=300&fps=10', loop: 2}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := Parse(data, Options{Getenv: func(string) (string, bool) { return "", false }})
		var violations *strictyaml.Error
		if errors.As(err, &violations) {
			for _, v := range violations.List {
				if v.Line < 1 || v.Line > strings.Count(string(data), "\n")+strings.Count(string(data), "\r")+1 {
					t.Fatalf("line %d: %s", v.Line, v.Text)
				}
			}
			return
		}
		if err != nil || len(cfg.Cameras) == 0 {
			t.Fatal(cfg, err)
		}
		ids := map[string]bool{}
		for _, c := range cfg.Cameras {
			if !frame.ValidCamera(c.ID) || ids[c.ID] || c.Source.Kind == "" || c.Quality < 1 || c.Quality > 100 || c.Passes < 0 ||
				c.MaxFPS < 0 || c.ImageFPS <= 0 || c.OpenTimeout <= 0 || c.ReadTimeout <= 0 || c.Size.X < 0 || c.Size.Y < 0 {
				t.Fatalf("%+v", c)
			}
			ids[c.ID] = true
		}
	})
}

func TestAnIntervalIsForURLsThatAreAsked(t *testing.T) {
	cfg, err := Parse([]byte("defaults: {interval: 2s}\ncameras: [{id: a, source: 'https://cam/x.jpg'}, {id: b, source: 'rtsp://cam/x'}, {id: c, source: x.avi}]"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []time.Duration{2 * time.Second, 0, 0} {
		if c := cfg.Cameras[i]; c.Interval != want || c.ReadTimeout != defaultReadTimeout+want {
			t.Errorf("%+v", c)
		}
	}
	_, err = Parse([]byte("cameras:\n  - {id: a, source: 'rtsp://cam/x', interval: 1s}\n  - {id: b, source: 'http://cam/x', interval: 1}\n"), Options{})
	if err == nil || !strings.Contains(err.Error(), ":2: camera a: interval is for http and https") || !strings.Contains(err.Error(), `:3: camera b: interval: "1" has no unit: write 1s`) {
		t.Error(err)
	}
}
