package perframe

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

// The test binary is its own program for pipes. It says what it was given, and ends
// at a frame whose first byte is 255.
func init() {
	if os.Getenv("PERFRAME_HELPER") == "" {
		return
	}
	fmt.Println(`{"ready":1}`)
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			os.Exit(0)
		}
		var h struct {
			Frame                int64
			Format               string
			Width, Height, Bytes int
		}
		if err := json.Unmarshal(line, &h); err != nil {
			panic(err)
		}
		data := make([]byte, h.Bytes)
		if _, err := io.ReadFull(in, data); err != nil {
			panic(err)
		}
		if len(data) > 0 && data[0] == 255 && h.Format == "gray" {
			os.Exit(1)
		}
		if len(data) > 0 && data[0] == 254 && h.Format == "gray" {
			fmt.Printf(`{"frame":%d,"detections":[{"label":"flat","x":1,"y":1,"width":3,"height":0},{"label":"thin","x":1,"y":1,"width":1e-9,"height":2},`+
				`{"label":"outside","x":80,"y":1,"width":3,"height":2},{"label":"turned","x":3,"y":3,"width":-2,"height":-2},`+
				`{"label":"far","x":1e308,"y":-1e308,"width":1e308,"height":-1e308},{"label":"cut","x":-3,"y":-3,"width":5,"height":4}]}`+"\n", h.Frame)
			continue
		}
		fmt.Printf(`{"frame":%d,"detections":[{"label":"%s %d","x":0,"y":0,"width":%d,"height":%d,"score":0.5,"area":4},`+
			`{"label":"corner","x":%d,"y":%v,"width":1,"height":1.5}],"features":[{"kind":"first","data":"AQI="}]}`+"\n",
			h.Frame, h.Format, h.Bytes, h.Width, h.Height, h.Width-1, float64(h.Height)-1.5)
	}
}

func helperPipe(change ...func(*PipeConfig)) PipeConfig {
	c := DefaultPipe()
	c.Command, c.Env = []string{os.Args[0]}, map[string]string{"PERFRAME_HELPER": "1"}
	for _, ch := range change {
		ch(&c)
	}
	return c
}

func TestProgramsAreGivenFramesAsConfigured(t *testing.T) {
	jpeg := &frame.Frame{Width: 8, Height: 6, Encoding: frame.JPEG, Data: picture8x6(t)}
	raw := &frame.Frame{Width: 8, Height: 6, Channels: 3, Encoding: frame.Raw, Data: make([]byte, 8*6*3)}
	gray := &frame.Frame{Width: 8, Height: 6, Channels: 1, Encoding: frame.Raw, Data: make([]byte, 8*6)}
	for _, c := range []struct {
		name   string
		change func(*PipeConfig)
		f      *frame.Frame
		label  string
		corner [4]int32
		area   float64
	}{
		{"a JPEG as it is", func(*PipeConfig) {}, jpeg, fmt.Sprintf("jpeg %d", len(jpeg.Data)), [4]int32{7, 5, 1, 1}, 4},
		{"raw as it is", func(*PipeConfig) {}, raw, "bgr 144", [4]int32{7, 5, 1, 1}, 4},
		{"raw gray as it is", func(*PipeConfig) {}, gray, "gray 48", [4]int32{7, 5, 1, 1}, 4},
		{"colours", func(c *PipeConfig) { c.Format = "bgr" }, jpeg, "bgr 144", [4]int32{7, 5, 1, 1}, 4},
		{"gray, half the size", func(c *PipeConfig) { c.Format, c.Resize = "gray", 4 }, jpeg, "gray 12", [4]int32{6, 3, 2, 3}, 16},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := NewPipe("pipes/p", helperPipe(c.change))
			got := analyse(t, made(t, a, err), c.f)
			want := result.PerFrame{
				Detections: []result.Detection{
					{Analysis: "pipes/p", Label: "corner", X: c.corner[0], Y: c.corner[1], Width: c.corner[2], Height: c.corner[3], Score: 1},
					{Analysis: "pipes/p", Label: c.label, Width: 8, Height: 6, Score: 0.5, Area: c.area},
				},
				Features: []result.Feature{{Analysis: "pipes/p", Kind: "first", Data: []byte{1, 2}}},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAFrameWithoutAnAnswerIsADeadLetterAndTheJobGoesOn(t *testing.T) {
	raw, err := json.Marshal(helperPipe(func(c *PipeConfig) { c.Format, c.Attempts = "gray", 2 }))
	if err != nil {
		t.Fatal(err)
	}
	a, err := NewAnalyzer(Config{Profiles: []Profile{{Analyses: []params.Spec{{Kind: "pipes", Name: "pipes/p", Params: raw}, {Kind: "quality", Name: "quality"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for i, value := range []byte{0, 255, 255, 0} {
		data := make([]byte, 48)
		data[0] = value
		f := frame.Frame{Camera: "gate", Epoch: "e1", Sequence: int64(i), Captured: time.Unix(1, 0), Width: 8, Height: 6, Channels: 1, Encoding: frame.Raw, Data: data}
		rec := f.CloudEvent()
		it, err := a.Analyze(chunk.Partition{Topic: "frames"}, &rec)
		if err != nil {
			t.Fatal(err)
		}
		if value == 0 {
			if it.Result.Status != result.OK || len(it.Result.Detections) != 2 {
				t.Errorf("frame %d: %+v", i, it.Result)
			}
			continue
		}
		if r := it.Result; r.Status != result.Dead || r.Reason != string(frame.ReasonAnalysisFailed) || r.Detail != "pipes/p gave no answer in 2 attempts" {
			t.Errorf("frame %d: %s %s %q", i, r.Status, r.Reason, r.Detail)
		}
	}
}

func TestABoxOfWhichNothingIsInThePictureCostsNeitherTheFrameNorTheProgram(t *testing.T) {
	raw, err := json.Marshal(helperPipe(func(c *PipeConfig) { c.Format, c.Attempts = "gray", 1 }))
	if err != nil {
		t.Fatal(err)
	}
	a, err := NewAnalyzer(Config{Profiles: []Profile{{Analyses: []params.Spec{{Kind: "pipes", Name: "pipes/p", Params: raw}}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for i := range 2 {
		data := bytes.Repeat([]byte{254}, 48)
		f := frame.Frame{Camera: "gate", Epoch: "e1", Sequence: int64(i), Captured: time.Unix(1, 0), Width: 8, Height: 6, Channels: 1, Encoding: frame.Raw, Data: data}
		rec := f.CloudEvent()
		it, err := a.Analyze(chunk.Partition{Topic: "frames"}, &rec)
		if err != nil {
			t.Fatal(err)
		}
		want := []result.Detection{{Analysis: "pipes/p", Label: "cut", Width: 2, Height: 1, Score: 1}}
		if diff := cmp.Diff(want, it.Result.Detections); diff != "" || it.Result.Status != result.OK {
			t.Errorf("%s %s %s", it.Result.Status, it.Result.Detail, diff)
		}
		if a.Dropped != int64(5*(i+1)) {
			t.Errorf("%d boxes were counted", a.Dropped)
		}
	}
}

func TestAProgramThatIsNotThereIsNoDeadLetter(t *testing.T) {
	a, err := NewPipe("pipes/p", helperPipe(func(c *PipeConfig) { c.Command = []string{"/no/such/program"} }))
	a = made(t, a, err)
	pic := picture{frame: &frame.Frame{Width: 1, Height: 1, Channels: 1, Encoding: frame.Raw, Data: []byte{0}}}
	defer pic.close()
	if err := a.Analyse(&pic, &result.PerFrame{}); err == nil || asPoison(err) != nil || !strings.Contains(err.Error(), "pipes/p") {
		t.Errorf("error %v", err)
	}
}

func TestAProgramOfAnotherContentIsRefused(t *testing.T) {
	script := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(script, []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := NewPipe("pipes/p", helperPipe(func(c *PipeConfig) { c.Files = []PipeFile{{Path: script}} }))
	a = made(t, a, err)
	if err := os.WriteFile(script, []byte("2"), 0o600); err != nil {
		t.Fatal(err)
	}
	pic := picture{frame: &frame.Frame{Width: 1, Height: 1, Channels: 1, Encoding: frame.Raw, Data: []byte{0}}}
	defer pic.close()
	if err := a.Analyse(&pic, &result.PerFrame{}); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("error %v", err)
	}
}

func TestTheExampleInPythonFindsOutlines(t *testing.T) {
	if out, err := exec.Command(python, "-c", "import cv2").CombinedOutput(); err != nil {
		t.Skipf("NOT TESTED: %s has no OpenCV (make deps-test installs python3-opencv): %v %s", python, err, out)
	}
	white := gocv.NewMatWithSizeFromScalar(gocv.NewScalar(255, 255, 255, 0), 120, 160, gocv.MatTypeCV8UC3)
	f := rawFrame(white)
	for y := 30; y < 70; y++ {
		for x := 50; x < 110; x++ {
			copy(f.Data[3*(160*y+x):], []byte{0, 0, 80})
		}
	}
	m, err := gocv.NewMatFromBytes(120, 160, gocv.MatTypeCV8UC3, f.Data)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	png, err := gocv.IMEncode(gocv.PNGFileExt, m)
	if err != nil {
		t.Fatal(err)
	}
	defer png.Close()
	encoded := &frame.Frame{Width: 160, Height: 120, Encoding: frame.PNG, Data: png.GetBytes()}
	for name, c := range map[string]struct {
		format string
		f      *frame.Frame
	}{"pixels": {"bgr", f}, "gray": {"gray", f}, "PNG": {"encoded", encoded}} {
		cfg := DefaultPipe()
		cfg.Command, cfg.Format = []string{python, filepath.Join("..", "..", "docs", "examples", "pipe_opencv.py"), "--min-area", "100"}, c.format
		a, err := NewPipe("pipes/outlines", cfg)
		ds := analyse(t, made(t, a, err), c.f).Detections
		if len(ds) != 1 || ds[0].Label != "outline" || ds[0].Area < 2000 || ds[0].X < 45 || ds[0].X > 50 || ds[0].Width < 60 || ds[0].Width > 66 {
			t.Errorf("%s: %+v", name, ds)
		}
	}
}

func TestAnalysesOfOneNameAndParametersShareAProgram(t *testing.T) {
	open := func(name string, change func(*PipeConfig)) *piped {
		t.Helper()
		a, err := NewPipe(name, helperPipe(change))
		if err != nil {
			t.Fatal(err)
		}
		p := a.(*piped)
		if p.program, err = p.open(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
		return p
	}
	same := func(c *PipeConfig) { c.Format = "gray" }
	a, b := open("pipes/p", same), open("pipes/p", same)
	if a.program.Value != b.program.Value {
		t.Error("the same program has two pools")
	}
	for _, other := range []*piped{open("pipes/q", same), open("pipes/p", func(c *PipeConfig) { c.Format, c.Attempts = "gray", 7 })} {
		if other.program.Value == a.program.Value {
			t.Error("two programs share a pool")
		}
	}
}
