package sequence_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log"

	"github.com/cespare/xxhash/v2"

	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// stuck is an analysis of one's own: a camera that gives the same picture again.
type stuck struct{}

func (stuck) Name() string           { return "stuck" }
func (stuck) Digest() string         { return "stuck 1" } // raise it whenever it finds something else
func (stuck) Pixels() frame.Pixels   { return frame.NoPixels }
func (stuck) Start() sequence.Memory { return &before{} }
func (stuck) Restore(b []byte) (sequence.Memory, error) {
	if len(b) != 9 || b[0] != 1 {
		return nil, errors.New("not of version 1")
	}
	return &before{binary.BigEndian.Uint64(b[1:])}, nil
}

// before is what stuck remembers of a camera: the digest of its last picture.
type before struct{ picture uint64 }

func (m *before) Next(in pixels.Input, out *result.Frame) error {
	now := xxhash.Sum64(in.Frame().Data)
	if now == m.picture {
		out.Events = append(out.Events, sequence.NewEvent(stuck{}, out, "Stuck", result.Begin))
	}
	m.picture = now
	return nil
}

func (m *before) Break(sequence.Break) { m.picture = 0 }
func (m *before) Save() []byte         { return binary.BigEndian.AppendUint64([]byte{1}, m.picture) }
func (m *before) Close()               {}

// An analysis in sequence is used without Beam: an analyzer of steps, a camera, and its
// frames in order. Between any two of them the camera can be saved and restored, by
// another process too, and nothing changes. The stage does no more than that, for every
// camera, in the order of the log.
func Example() {
	analyzer, err := sequence.NewAnalyzer([]sequence.Step{stuck{}}, 0, 0)
	if err != nil {
		log.Fatal(err)
	}
	parser, err := frame.NewParser(frame.ParseOptions{})
	if err != nil {
		log.Fatal(err)
	}
	camera := analyzer.Start()
	defer func() { camera.Close() }()

	frames := film.Records(film.Config{Cameras: 1, Frames: 3, Seed: 1})
	frames[2].Value = frames[1].Value // as if the camera hung
	for i := range frames {
		frames[i].Offset = int64(i)
		f, err := parser.Parse(&frames[i])
		if err != nil {
			log.Fatal(err)
		}
		it := element.Item{Result: result.Of("frames", 0, &frames[i]), Frame: f}
		if err := camera.Next(&it); err != nil {
			log.Fatal(err)
		}
		for _, e := range it.Result.Events {
			fmt.Printf("offset %d: %s\n", it.Result.Offset, e.Type)
		}

		saved, err := camera.Save()
		if err != nil {
			log.Fatal(err)
		}
		camera.Close()
		if camera, err = analyzer.Restore(saved); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// offset 0: EpochStarted
	// offset 2: Stuck
}
