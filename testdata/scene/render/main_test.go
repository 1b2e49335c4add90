package main

import (
	"bytes"
	"encoding/json"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/framebeam/framebeam/testdata/scene"
)

const text = "size=64x48&frames=6&dropped=2-4"

func TestRun_writesPicturesAndTruth(t *testing.T) {
	s, err := scene.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"png", "jpeg"} {
		dir := t.TempDir()
		if err := run(text, dir, format, nil); err != nil {
			t.Fatal(err)
		}
		pictures, err := filepath.Glob(filepath.Join(dir, "*."+format))
		if err != nil || len(pictures) != 4 || filepath.Base(pictures[2]) != "000004."+format {
			t.Fatalf("%v, %v", pictures, err)
		}
		f, err := os.Open(pictures[2])
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		m, got, err := image.Decode(f)
		if err != nil || got != format || m.Bounds().Size() != s.Size() {
			t.Fatalf("%s: %s of %v, %v", pictures[2], got, m.Bounds(), err)
		}
		if format == "png" {
			bgr, _ := s.Frame(4)
			r, g, b, _ := m.At(10, 20).RGBA()
			if p := 3 * (20*64 + 10); byte(r>>8) != bgr[p+2] || byte(g>>8) != bgr[p+1] || byte(b>>8) != bgr[p] {
				t.Error("the colours differ")
			}
		}
		if truth, err := os.ReadFile(filepath.Join(dir, "truth.jsonl")); err != nil || !bytes.Equal(truth, truthOf(t)) {
			t.Errorf("truth.jsonl differs from the truth on standard output: %v", err)
		}
	}
}

func truthOf(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := run(text, "", "png", &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestRun_truthIsALineOfJSONAFrame(t *testing.T) {
	lines := bytes.Split(bytes.TrimSpace(truthOf(t)), []byte("\n"))
	if len(lines) != 6 {
		t.Fatalf("%d lines", len(lines))
	}
	for i, line := range lines {
		var truth scene.Truth
		if err := json.Unmarshal(line, &truth); err != nil || truth.Frame != i || truth.Dropped != (i == 2 || i == 3) {
			t.Errorf("line %d: %s, %v", i, line, err)
		}
	}
}

func TestRun_refuses(t *testing.T) {
	for name, err := range map[string]error{
		"an unknown key":    run("sed=1", "", "png", nil),
		"an unknown format": run("", "", "gif", nil),
		"a folder in a file": func() error {
			f := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(f, nil, 0o666); err != nil {
				t.Fatal(err)
			}
			return run(text, filepath.Join(f, "x"), "png", nil)
		}(),
	} {
		if err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
