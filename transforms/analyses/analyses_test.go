package analyses

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/transforms/sequence"
)

func parse(t *testing.T, text string) Config {
	t.Helper()
	cfg, err := Parse("analyses.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func digest(t *testing.T, cfg Config) string {
	t.Helper()
	_, sum, err := cfg.Effective()
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func TestWhatIsLeftOutIsTheDefault(t *testing.T) {
	motion := func(change func(*sequence.MotionConfig)) Config {
		cfg := Default()
		change(cfg.Motion)
		return cfg
	}
	off := Default()
	off.Quality, off.Motion = false, nil
	for _, c := range []struct {
		name, text string
		want       Config
	}{
		{"an empty file", "", Default()},
		{"comments alone", "# nothing special\n", Default()},
		{"what is on by default, switched on", "quality: true\nmotion: true\n", Default()},
		{"motion without parameters", "motion: {}\n", Default()},
		{"one parameter of motion", "motion: {min_area: 12.5}\n", motion(func(m *sequence.MotionConfig) { m.MinArea = 12.5 })},
		{"everything off", "quality: false\nmotion: false\n", off},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, parse(t, c.text)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if cfg, err := Load(""); err != nil || !cmp.Equal(cfg, Default()) {
		t.Errorf("no file: %+v, %v", cfg, err)
	}
}

func TestTheDocumentedFileIsTheDefault(t *testing.T) {
	source, err := os.ReadFile("analyses.go")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, m := range regexp.MustCompile(`(?m)^//\t(.*)$`).FindAllStringSubmatch(string(source), -1) {
		text.WriteString(m[1] + "\n")
	}
	for _, field := range []string{"quality", "motion", "blur", "threshold", "min_area", "silence", "state_limit", "forget_chunks", "json_zone", "max_pixels", "max_side"} {
		if !strings.Contains(text.String(), field+":") {
			t.Errorf("%s is not documented", field)
		}
	}
	if diff := cmp.Diff(Default(), parse(t, text.String())); diff != "" {
		t.Error(diff)
	}
}

func TestEveryViolationIsListedWithItsLine(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"everything at once", `quality: often
motion:
  blur: 2
  threshold: 255
  min_area: -1
  colour: red
silence: 25h
state_limit: 100
forget_chunks: 0
json_zone: Mars/Olympus
max_pixels: 0
max_side: 1048577
speed: 3
`, []string{
			`1: analyses: quality: is "often", not true or false`,
			"3: motion: blur: blur 2 is not an odd number of 1 to 31",
			"4: motion: threshold: threshold 255 is not 0 to 254",
			"5: motion: min_area: min area -1 is not a number of at least 0",
			`6: motion: unknown field "colour" (known: blur, min_area, threshold)`,
			`7: analyses: silence: "25h" is not a duration from 1ms to 24h, such as 10s`,
			"8: analyses: state_limit: 100 is not 4096 to 8388608",
			"9: analyses: forget_chunks: 0 is not 1 to 1048576",
			`10: analyses: json_zone: time zone "Mars/Olympus": unknown time zone Mars/Olympus`,
			"11: analyses: max_pixels: 0 is not 1 to 1073741824",
			"12: analyses: max_side: 1048577 is not 1 to 1048576",
			`13: analyses: unknown field "speed" (known: forget_chunks, json_zone, max_pixels, max_side, motion, quality, silence, state_limit)`}},
		{"values that are missing", "quality:\nmotion:\nsilence:\njson_zone: ''\n", []string{
			"1: analyses: quality: is empty, not true or false",
			"2: analyses: motion: is empty, not true, false or a mapping of parameters",
			"3: analyses: silence: is empty, not a string",
			"4: analyses: json_zone: is empty"}},
		{"a zone that is another on every machine", "json_zone: Local\n", []string{
			`1: analyses: json_zone: time zone "Local" depends on the machine: give an IANA name such as "Europe/Berlin"`}},
		{"motion that is neither on nor off", "motion: [blur]\n", []string{
			"1: analyses: motion: is a list, not true, false or a mapping of parameters"}},
		{"a list", "- quality\n", []string{"1: analyses is not a mapping of fields to values"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("a.yaml", []byte(c.text))
			if err == nil {
				t.Fatal("all is well")
			}
			if diff := cmp.Diff(c.want, strings.Split(strings.ReplaceAll(err.Error(), "a.yaml:", ""), "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
	missing := filepath.Join(t.TempDir(), "none.yaml")
	if _, err := Load(missing); err == nil || !strings.Contains(err.Error(), missing) {
		t.Error(err)
	}
}

func TestTheDigestChangesWithWhatCanChangeResults(t *testing.T) {
	seen := map[string]string{}
	for _, text := range []string{
		"", "quality: false", "motion: false", "motion: {blur: 5}", "motion: {threshold: 21}", "motion: {min_area: 299.5}",
		"silence: 9s", "state_limit: 262145", "forget_chunks: 63", "json_zone: Europe/Berlin", "max_pixels: 67108863", "max_side: 16383",
	} {
		sum := digest(t, parse(t, text))
		if other, twice := seen[sum]; twice {
			t.Errorf("%q and %q have one digest", text, other)
		}
		seen[sum] = text
	}
}

func TestTheDigestDoesNotChangeWithTheSpelling(t *testing.T) {
	want := digest(t, Default())
	for _, text := range []string{
		"# a comment\n", "---\n{}\n", "{quality: true, motion: {}}", "motion: true\nquality: true\n", "motion:\n  min_area: 300.0\n  blur: 3\n",
		"motion: {min_area: 3e2}", "silence: 10000ms", "silence: '10s'", "json_zone: \"UTC\"",
	} {
		if digest(t, parse(t, text)) != want {
			t.Errorf("%q has another digest than the default", text)
		}
	}
	if digest(t, parse(t, "motion: {min_area: -0.0}")) != digest(t, parse(t, "motion: {min_area: 0}")) {
		t.Error("the sign of zero changes the digest")
	}
}

func TestARecordedConfigurationIsTheSame(t *testing.T) {
	for _, text := range []string{"", "motion: false", "quality: false\nmotion: {min_area: 0.1}\njson_zone: Europe/Berlin\nsilence: 1ms\n"} {
		cfg := parse(t, text)
		recorded, _, err := cfg.Effective()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Recorded(string(recorded))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(cfg, got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
	if _, err := Recorded("not JSON"); err == nil {
		t.Error("nonsense is a configuration")
	}
}

func TestStagesAreMadeOfTheConfiguration(t *testing.T) {
	for _, c := range []struct {
		text     string
		perFrame []string
		steps    int
		handOver bool
	}{
		{"", []string{"quality"}, 1, true},
		{"motion: false", []string{"quality"}, 0, false},
		{"quality: false", nil, 1, true},
		{"quality: false\nmotion: false", nil, 0, false},
	} {
		cfg := parse(t, c.text)
		p := cfg.PerFrame(true)
		s, err := cfg.Sequence(true)
		if err != nil || !cmp.Equal(p.Analyses, c.perFrame) || p.HandOver != c.handOver || !p.Paced || !s.Paced || len(s.Steps) != c.steps {
			t.Errorf("%q: %+v, %+v, %v", c.text, p, s, err)
		}
	}
}
