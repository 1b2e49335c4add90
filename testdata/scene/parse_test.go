package scene_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/testdata/scene"
)

func TestParseConfig(t *testing.T) {
	with := func(change func(*scene.Config)) scene.Config {
		c := scene.Default()
		change(&c)
		return c
	}
	for _, c := range []struct {
		text string
		want scene.Config
	}{
		{"", scene.Default()},
		{"scene:", scene.Default()},
		{"scene:seed=7&size=640x480&frames=30&fps=12.5&objects=0&noise=0", scene.Config{Width: 640, Height: 480, Frames: 30, FPS: 12.5, Seed: 7}},
		{"ramp=5-10", with(func(c *scene.Config) { c.Faults = []scene.Fault{{scene.Ramp, 5, 10, 40}} })},
		{"size=64x48&moved=5-10&covered=1-2&covered=3-4&switch=0-1:150", with(func(c *scene.Config) {
			c.Width, c.Height = 64, 48
			c.Faults = []scene.Fault{{scene.Covered, 1, 2, 0}, {scene.Covered, 3, 4, 0}, {scene.Moved, 5, 10, 8}, {scene.Switch, 0, 1, 150}}
		})},
		{"pillar=100-20&lost=1-2&infrared=3-4&cloud=5-9&blurred=6-8&blurred=8-9:7", with(func(c *scene.Config) {
			c.Pillar = scene.Pillar{X: 100, Width: 20}
			c.Faults = []scene.Fault{{scene.Blurred, 6, 8, 4}, {scene.Blurred, 8, 9, 7}, {scene.Cloud, 5, 9, 40}, {scene.Infrared, 3, 4, 0}, {scene.Lost, 1, 2, 0}}
		})},
	} {
		got, err := scene.ParseConfig(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
		} else if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%q: %s", c.text, d)
		}
	}
}

func TestParse_listsEveryViolation(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"sed=7&sizes=1x1", []string{`"sed"`, `"sizes"`}},
		{"size=320&seed=-1&fps=fast&frames=many", []string{"size=320", "seed=-1", "fps=fast", "frames=many"}},
		{"size=1x5000&fps=0&frames=0&objects=65&noise=-1", []string{"width 1", "height 5000", "fps 0", "frames 0", "objects 65", "noise -1"}},
		{"fps=NaN", []string{"fps NaN"}},
		{"seed=1&seed=2", []string{"seed is there 2 times"}},
		{"covered=5&moved=a-b&frozen=1-2:x", []string{"covered=5", "moved=a-b", "frozen=1-2:x"}},
		{"covered=5-5&dropped=9-2", []string{"covered 5-5", "dropped 9-2"}},
		{"covered=1-2:3&ramp=1-2:401&moved=1-2:81", []string{"covered amount 3", "ramp to per cent 401", "moved by 81"}},
		{"pillar=5", []string{"pillar=5"}},
		{"pillar=320-1&blurred=1-2:81&cloud=1-2:-1&infrared=1-2:5&lost=2-1", []string{"pillar at 320", "pillar width 1", "blurred by 81", "cloud to per cent -1", "infrared amount 5", "lost 2-1"}},
		{"pillar=-5-10", []string{"pillar=-5-10"}},
		{"seed=%zz", []string{"%zz"}},
	} {
		_, err := scene.Parse(c.text)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v does not speak of %s", c.text, err, want)
			}
		}
	}
}

// FuzzParse: whatever the text, there is no panic, and a configuration that was
// parsed is valid.
func FuzzParse(f *testing.F) {
	f.Add("scene:seed=7&size=320x240&frames=300&fps=10&objects=5&noise=3")
	f.Add(everything)
	f.Add("pillar=10-20&blurred=1-2:3&cloud=1-5:20&infrared=2-3&lost=4-6")
	f.Fuzz(func(t *testing.T, text string) {
		if cfg, err := scene.ParseConfig(text); err == nil {
			if err := cfg.Validate(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
