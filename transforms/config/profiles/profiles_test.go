package profiles

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/transforms/frame"
)

var rewrite = flag.Bool("rewrite", false, "write the schema and the reference anew")

func parse(t testing.TB, text string) Config {
	t.Helper()
	cfg, err := Parse("analyses.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func stages(t testing.TB, cfg Config) Stages {
	t.Helper()
	s, err := cfg.Stages()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestShippedSchemaAndReferenceAreThoseOfTheAnalyses(t *testing.T) {
	schema, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"schema.json": string(schema), "../../../docs/parameters.md": Reference()} {
		if *rewrite {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s (make schema writes it anew)", diff)
		}
	}
}

func TestWhatIsLeftOutIsTheDefault(t *testing.T) {
	def := stages(t, Default())
	for _, text := range []string{
		"", "# nothing special\n", "---\n{}\n", "quality: true\nmotion: true\n", "motion: {}\n", "{quality: true, motion: {}}",
		"motion:\n  min_area: 300.0\n  blur: 3\n", "motion: {min_area: 3e2}", "silence: 10000ms", "silence: '10s'", "json_zone: \"UTC\"",
		"schedules: [{name: night, from: '20:00', to: '06:00'}]", "cameras: []",
	} {
		if diff := cmp.Diff(def, stages(t, parse(t, text))); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
	if cfg, err := Load(""); err != nil || stages(t, cfg).Digest != def.Digest {
		t.Errorf("no file: %+v, %v", cfg, err)
	}
	if stages(t, parse(t, "motion: {min_area: -0.0}")).Digest != stages(t, parse(t, "motion: {min_area: 0}")).Digest {
		t.Error("the sign of zero changes the digest")
	}
}

func TestTheDocumentedFileIsTheDefault(t *testing.T) {
	source, err := os.ReadFile("profiles.go")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, m := range regexp.MustCompile(`(?m)^//\t(.*)$`).FindAllStringSubmatch(string(source), -1) {
		text.WriteString(m[1] + "\n")
	}
	for field := range settings {
		if !strings.Contains(text.String(), field+":") {
			t.Errorf("%s is not documented", field)
		}
	}
	if diff := cmp.Diff(stages(t, Default()), stages(t, parse(t, text.String()))); diff != "" {
		t.Error(diff)
	}
}

func TestEveryViolationIsListedWithItsLine(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"what the schema says", `quality: often
motion:
  threshold: 255
  min_area: -1
  colour: red
state_limit: 100
forget_chunks: 0
max_pixels: 0
max_side: 1048577
speed: 3
cameras:
  - motion: 3
    match: gate
  - quality: false
schedules:
  - {name: night, from: "20:00"}
`, []string{
			"1: quality: got string, want boolean or object",
			"3: motion: threshold: 255 is more than 254",
			"4: motion: min_area: -1 is less than 0",
			`5: motion: unknown field "colour"`,
			"6: state_limit: 100 is less than 4096",
			"7: forget_chunks: 0 is less than 1",
			"8: max_pixels: 0 is less than 1",
			"9: max_side: 1048577 is more than 1048576",
			`10: analyses: unknown field "speed"`,
			"12: cameras: 0: motion: got number, want boolean or object",
			"14: cameras: 1: missing property 'match'",
			"16: schedules: 0: missing property 'to'"}},
		{"what the schema cannot say", `motion:
  blur: 2
silence: 25h
json_zone: Mars/Olympus
schedules:
  - name: night
    from: "25:00"
    to: "06:00"
  - {name: night, from: "06:00", to: "07:00", zone: Local}
cameras:
  - match: "[a-"
`, []string{
			"2: motion: blur: 2 is not odd",
			`3: analyses: silence: "25h" is not a duration from 1ms to 24h, such as 10s`,
			`4: analyses: json_zone: time zone "Mars/Olympus": IANA knows none of this name (2025c; such as Europe/Berlin)`,
			`6: schedules: night: from: "25:00" is not a clock time such as 06:30`,
			`9: schedules: night: zone: time zone "Local": IANA knows none of this name (2025c; such as Europe/Berlin)`,
			`9: schedules: two are named "night"`,
			`11: cameras: match: "[a-" is not a pattern: syntax error in pattern`}},
		{"parameters that do not go together, where they are said", `motion:
  blur: 2
cameras:
  - match: gate
    motion: {threshold: 3, during: {nigth: false}}
  - match: yard
    motion:
      blur: 4
      only: [dusk]
`, []string{
			"2: motion: blur: 2 is not odd",
			"5: motion: during/nigth: there is no such schedule",
			"8: motion: blur: 4 is not odd",
			`9: motion: only/0: there is no schedule "dusk"`}},
		{"whatever is looked at, in one run", `json_zone: Mars/Olympus
backgroud: true
background: {contrast: 1}
tracking: {from: [background, motoin], high: much}
lines:
  low: {points: [[0, 0.99], [1, 0.99]]}
  bad: {points: [[0, 0.5], [1, "x"]], margn: 0.1, direction: up}
zones:
  ramp: {polygon: [[0, 0], [1, 1], [1, 0], [0, 1]], loiter: 10}
  hall: {polygon: [[0, 0], [1, 0], [1, 1]], of: trackin, only: [nigth]}
schedules:
  - {name: night, from: "20:00", zone: Local}
  - {name: day, from: "6", to: "20:00", dyas: [mon]}
  - later
cameras:
  - match: "[a-"
    motion: {blur: 2, treshold: 3}
  - quality: 3
    motion: {blur: 4}
  - &all {match: gate}
`, []string{
			`1: analyses: json_zone: time zone "Mars/Olympus": IANA knows none of this name (2025c; such as Europe/Berlin)`,
			`2: analyses: unknown field "backgroud"; did you mean "background"?`,
			"3: background: contrast: 1 is less than 2",
			"4: tracking: high: got string, want number",
			`4: tracking: reads "motoin", which is not switched on for the same cameras; did you mean "motion"?`,
			"6: low: points: nothing can cross it forward: beyond it there is less than the margin of 0.02 before the picture's edge, where feet leave it; move it inwards, make margin smaller, or set direction to \"backward\"",
			`7: lines: bad: unknown field "margn"; did you mean "margin"?`,
			"7: lines: bad: direction: value must be one of 'both', 'forward', 'backward'",
			"7: lines: bad: points: 1: 1: got string, want number",
			"9: zones: ramp: loiter: a number has no unit: write 10s for ten seconds, say",
			"9: ramp: polygon: edges 0 and 2 touch: it crosses itself",
			`10: hall: reads "trackin", which is not switched on for the same cameras; did you mean "tracking"?`,
			"12: schedules: 0: missing property 'to'",
			`12: schedules: night: zone: time zone "Local": IANA knows none of this name (2025c; such as Europe/Berlin)`,
			`13: schedules: 1: unknown field "dyas"; did you mean "days"?`,
			`13: schedules: day: from: "6" is not a clock time such as 06:30`,
			"14: schedules: 2: got string, want object",
			`16: cameras: match: "[a-" is not a pattern: syntax error in pattern`,
			`17: cameras: 0: motion: unknown field "treshold"; did you mean "threshold"?`,
			"17: motion: blur: 2 is not odd",
			"18: cameras: 1: missing property 'match'",
			"18: cameras: 1: quality: got number, want boolean or object",
			"19: motion: blur: 4 is not odd",
			"20: cameras/2 is an anchor or alias, which are not read"}},
		{"schedules that are not there", `cameras:
  - match: gate
    motion: {during: {nigth: false}}
  - match: yard
    motion:
      only: [dusk]
`, []string{
			"3: motion: during/nigth: there is no such schedule",
			`6: motion: only/0: there is no schedule "dusk"`}},
		{"a zone that is another on every machine", "json_zone: Local\n", []string{
			`1: analyses: json_zone: time zone "Local": IANA knows none of this name (2025c; such as Europe/Berlin)`}},
		{"durations without a unit", "silence: 10\nzones:\n  ramp: {polygon: [[0, 0], [1, 0], [1, 1]], loiter: 30}\n  yard: {polygon: [[0, 0], [1, 0], [1, 1]], loiter: '2.5'}\nbackground: true\ntracking: true\n", []string{
			"1: silence: a number has no unit: write 10s for ten seconds, say",
			"3: zones: ramp: loiter: a number has no unit: write 10s for ten seconds, say",
			`4: zones: yard: loiter: "2.5" has no unit: write 2.5s for seconds, say`}},
		{"a list", "- quality\n", []string{"1: analyses: got array, want object"}},
		{"what JSON cannot say", "quality: &a true\nmotion: *a\n", []string{
			"1: quality is an anchor or alias, which are not read", "2: motion is an anchor or alias, which are not read"}},
		{"a key twice", "motion: true\nmotion: false\n", []string{"2: : motion is already given in line 1"}},
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

func TestPatternsThatFitNoCameraAreTold(t *testing.T) {
	c := Default()
	for _, match := range []string{"gate-*", "yard", "gate", "Front *", "*"} {
		c.Cameras = append(c.Cameras, Override{Match: match})
	}
	st := stages(t, c)
	if diff := cmp.Diff([]string{"yard", "gate"}, st.Unmatched([]string{"gate-1", "id--Front.20Door"})); diff != "" {
		t.Error(diff)
	}
}

func TestTheConfigOfARowIsFoundInTheRecordedConfiguration(t *testing.T) {
	c, err := Parse("a.yaml", []byte("cameras:\n  - match: gate\n    motion: false\n"))
	if err != nil {
		t.Fatal(err)
	}
	st, err := c.Stages()
	if err != nil {
		t.Fatal(err)
	}
	got, err := RecordedProfiles(st.Text)
	if err != nil {
		t.Fatal(err)
	}
	want := []RecordedProfile{{"gate", st.PerFrame.Profiles[0].Digest}, {"", st.PerFrame.Profiles[1].Digest}}
	if diff := cmp.Diff(want, got); diff != "" || want[0].Digest == want[1].Digest {
		t.Error(diff)
	}
}

func TestTheDigestChangesWithWhatCanChangeResults(t *testing.T) {
	seen := map[string]string{}
	const night = "schedules: [{name: night, from: '20:00', to: '06:00'}]\n"
	for _, text := range []string{
		"", "quality: false", "motion: false", "motion: {blur: 5}", "motion: {threshold: 21}", "motion: {min_area: 299.5}",
		"silence: 9s", "state_limit: 262145", "forget_chunks: 63", "json_zone: Europe/Berlin", "max_pixels: 67108863", "max_side: 16383",
		"cameras: [{match: gate, motion: false}]", "cameras: [{match: yard, motion: false}]", "cameras: [{match: gate, silence: 1s}]",
		night + "motion: {only: [night]}", night + "motion: {during: {night: false}}", night + "motion: {during: {night: {threshold: 30}}}",
		"schedules: [{name: night, from: '20:01', to: '06:00'}]\nmotion: {during: {night: false}}",
	} {
		sum := stages(t, parse(t, text)).Digest
		if other, twice := seen[sum]; twice {
			t.Errorf("%q and %q have one digest", text, other)
		}
		seen[sum] = text
	}
}

func TestCamerasHaveWhatTheFirstMatchSays(t *testing.T) {
	cfg := parse(t, `
motion: {threshold: 30, blur: 5}
cameras:
  - match: gate-1
    quality: false
    motion: {blur: 7}
  - match: gate-*
    motion: false
    silence: 1m
  - match: "*"
    motion: {during: {night: {threshold: 99}, noon: false}, min_area: 1}
schedules:
  - {name: noon, from: "12:00", to: "13:00"}
  - {name: night, from: "20:00", to: "06:00"}
`)
	st := stages(t, cfg)
	type camera struct {
		Quality  bool
		Silence  time.Duration
		Motion   string
		Variants []string
	}
	short := func(raw json.RawMessage) string {
		var m struct {
			Blur, Threshold int
			MinArea         float64 `json:"min_area"`
		}
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		b, _ := json.Marshal(m)
		return string(b)
	}
	var got []camera
	for i, p := range st.Sequence.Profiles {
		c := camera{Quality: len(st.PerFrame.Profiles[i].Analyses) > 0, Silence: p.Silence}
		for _, s := range p.Steps {
			c.Motion = short(s.Params)
			for _, v := range s.During {
				text := "off"
				if !v.Off {
					text = short(v.Params)
				}
				c.Variants = append(c.Variants, v.Schedule.Name+" "+text)
			}
		}
		got = append(got, c)
	}
	want := []camera{
		{false, 10 * time.Second, `{"Blur":7,"Threshold":30,"min_area":300}`, nil},
		{true, time.Minute, "", nil},
		{true, 10 * time.Second, `{"Blur":5,"Threshold":30,"min_area":1}`, []string{"noon off", `night {"Blur":5,"Threshold":99,"min_area":1}`}},
		{true, 10 * time.Second, `{"Blur":5,"Threshold":30,"min_area":300}`, nil},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	a, err := st.Sequence.Analyzer("gate-2")
	if err != nil || a.Pixels() != frame.NoPixels {
		t.Errorf("gate-2 has steps, %v", err)
	}
	if st.PerFrame.Profiles[0].Digest == st.PerFrame.Profiles[3].Digest {
		t.Error("cameras that are analysed differently have one digest")
	}
}

func TestARecordedConfigurationHasItsSettings(t *testing.T) {
	for _, text := range []string{"", "quality: false\nmotion: {min_area: 0.1}\njson_zone: Europe/Berlin\nstate_limit: 300000\n"} {
		cfg := parse(t, text)
		got, err := Recorded(stages(t, cfg).Text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(cfg.Settings, got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
	for _, text := range []string{"not JSON", "{}"} {
		if _, err := Recorded(text); err == nil {
			t.Errorf("%q is a configuration", text)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"", "motion: {blur: 5}", "cameras: [{match: 'a*', motion: false}]", "schedules:\n- {name: n, from: '20:00', to: '06:00'}\nmotion: {only: [n]}", "a: &b [*b]", "motion: {min_area: 1e400}"} {
		f.Add(text)
	}
	// A configuration is refused, or stages can be made of it, twice alike, if the
	// files that it names are there.
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := Parse("a.yaml", []byte(text))
		if err != nil {
			return
		}
		a, err := cfg.Stages()
		if err != nil {
			return
		}
		if b, err := cfg.Stages(); err != nil || a.Digest != b.Digest {
			t.Errorf("made again: %v", err)
		}
	})
}

func TestWhenMakesADetectorAStep(t *testing.T) {
	text := `quality: false
motion: false
background: true
people: {when: {moves: background, every: 1s}}
faces: {when: true, during: {night: {scale: 1.2}}}
tracking: {from: [people, faces]}
schedules: [{name: night, from: "20:00", to: "06:00"}]
cameras: [{match: gate, people: {when: false}, faces: false, tracking: {from: [people]}}]
`
	st := stages(t, parse(t, text))
	var order []string
	for _, s := range st.Sequence.Profiles[1].Steps {
		order = append(order, s.Name)
	}
	if want := []string{"background", "faces", "people", "tracking"}; !slices.Equal(order, want) {
		t.Errorf("steps %v, want %v", order, want)
	}
	if n := len(st.PerFrame.Profiles[1].Analyses); n != 0 {
		t.Errorf("%d analyses of a frame on its own", n)
	}
	if a := st.PerFrame.Profiles[0].Analyses; len(a) != 1 || a[0].Name != "people" || a[0].When != nil {
		t.Errorf("of the gate: %+v", a)
	}
	again, err := FromRecord(st.Text)
	if err != nil || again.Digest != st.Digest {
		t.Errorf("recorded it is %s, not %s: %v", again.Digest, st.Digest, err)
	}
	for _, c := range []struct{ text, want string }{
		{"people: {when: {every: 2h}}", "1: people: when/every: 2h0m0s is not 0s to 1h0m0s"},
		{"people: {when: {moves: background}}", `1: people: reads "background", which is not switched on`},
		{"people: {when: {moves: cuts}}", "1: people: when: moves:"},
		{"quality: {when: true}", `quality: unknown field "when"`},
		{"people: {when: true}\nactivity: {yard: {from: [people]}}", `yard: reads "people", which looks at some frames only`},
	} {
		if _, err := Parse("f", []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.text, err, c.want)
		}
	}
}
