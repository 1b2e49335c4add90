// Command render writes a generated scene: its pictures into a folder, and the
// ground truth, one line of JSON a frame.
//
//	go run ./testdata/scene/render --scene='seed=7&size=320x240&frames=300' --output=/tmp/scene
//
// The folder gets 000000.png and so on (dropped frames are left out) and
// truth.jsonl. Without --output the truth alone goes to standard output.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/testdata/scene"
)

func main() {
	c := &cobra.Command{Use: "render", Short: "Write a generated scene: its pictures, and the truth about them"}
	text := c.Flags().String("scene", "", "the scene, such as 'seed=7&size=320x240&frames=300&fps=10&covered=100-120' (default: the default scene)")
	output := c.Flags().String("output", "", "folder for pictures and truth.jsonl (default: only the truth, to standard output)")
	format := c.Flags().String("format", "png", "of the pictures: png or jpeg")
	c.RunE = func(_ *cobra.Command, args []string) error {
		if err := program.NoArguments(args); err != nil {
			return program.Wrong(fmt.Errorf("render: %w", err))
		}
		if err := run(*text, *output, *format, os.Stdout); err != nil {
			return fmt.Errorf("render: %w", err)
		}
		return nil
	}
	program.Main(c)
}

func run(text, output, format string, stdout io.Writer) error {
	s, err := scene.Parse(text)
	if err != nil {
		return err
	}
	if format != "png" && format != "jpeg" {
		return fmt.Errorf("unknown format %q: want png or jpeg", format)
	}
	if output == "" {
		return render(s, stdout, func(int, []byte) error { return nil })
	}
	if err := os.MkdirAll(output, 0o777); err != nil {
		return err
	}
	return create(filepath.Join(output, "truth.jsonl"), func(w io.Writer) error {
		return render(s, w, func(i int, bgr []byte) error {
			return create(filepath.Join(output, fmt.Sprintf("%06d.%s", i, format)), func(w io.Writer) error {
				if format == "jpeg" {
					return jpeg.Encode(w, picture(bgr, s.Size()), &jpeg.Options{Quality: 90})
				}
				return png.Encode(w, picture(bgr, s.Size()))
			})
		})
	})
}

// render writes the truth of every frame and calls save with those that were sent.
func render(s *scene.Scene, truth io.Writer, save func(i int, bgr []byte) error) error {
	lines := json.NewEncoder(truth)
	for i := range s.Frames() {
		bgr, t := s.Frame(i)
		if err := lines.Encode(t); err != nil {
			return fmt.Errorf("truth of frame %d: %w", i, err)
		}
		if t.Dropped {
			continue
		}
		if err := save(i, bgr); err != nil {
			return err
		}
	}
	return nil
}

func picture(bgr []byte, size image.Point) image.Image {
	m := image.NewRGBA(image.Rectangle{Max: size})
	for p := range len(bgr) / 3 {
		m.Pix[4*p], m.Pix[4*p+1], m.Pix[4*p+2], m.Pix[4*p+3] = bgr[3*p+2], bgr[3*p+1], bgr[3*p], 255
	}
	return m
}

// create writes a file and reports also what goes wrong when it is closed.
func create(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	if err := write(w); err != nil {
		f.Close()
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := w.Flush(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
