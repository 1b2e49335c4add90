package params

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type inner struct {
	Ratio float64 `json:"ratio" min:"0.1" max:"1"`
}

type sample struct {
	On      bool           `json:"on"`
	Side    int            `json:"side" min:"1" max:"31" doc:"in pixels"`
	Share   float64        `json:"share" min:"0"`
	Mode    string         `json:"mode" enum:"fast,good"`
	Wait    Duration       `json:"wait" min:"1s" max:"1m"`
	Labels  []string       `json:"labels" enum:"person,car" items:"0,2"`
	Points  [][2]float64   `json:"points" min:"0" max:"1"`
	Weights map[string]int `json:"weights" min:"0"`
	In      inner          `json:"in"`
	Room    int            `json:"room" hidden:"true"`
}

func (s sample) Validate() error {
	errs := []error{Check(s)}
	if s.Side%2 == 0 {
		errs = append(errs, Wrong("side", "%d is not odd", s.Side))
	}
	return errors.Join(errs...)
}

var good = sample{Side: 3, Share: 0.5, Mode: "fast", Wait: Duration(2 * time.Second), In: inner{0.5}, Room: 7}

func TestCheckNamesEveryField(t *testing.T) {
	bad := sample{Side: 40, Share: math.NaN(), Mode: "slow", Wait: Duration(time.Hour), Labels: []string{"person", "dog"},
		Points: [][2]float64{{0, 0}, {1, 1.5}}, Weights: map[string]int{"b": -2, "a": -1}}
	var got []string
	for _, v := range Violations(bad.Validate()) {
		got = append(got, v.Field+": "+v.Text)
	}
	want := []string{
		"side: 40 is not 1 to 31", "share: NaN is not a number of at least 0", `mode: "slow" is not one of fast, good`,
		"wait: 1h0m0s is not 1s to 1m0s", `labels/1: "dog" is not one of person, car`, "points/1/1: 1.5 is not 0 to 1",
		"weights/a: -1 is not a number of at least 0", "weights/b: -2 is not a number of at least 0",
		"in/ratio: 0 is not 0.1 to 1", "side: 40 is not odd",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
}

func TestParametersLieOverTheDefaults(t *testing.T) {
	defaults := good
	defaults.Labels = []string{"person"}
	k := KindOf("sample", "", false, defaults)
	p, err := k.Check(json.RawMessage(`{"wait": "3s", "labels": ["car"], "in": {"ratio": 1}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := defaults
	want.Wait, want.Labels, want.In.Ratio = Duration(3*time.Second), []string{"car"}, 1
	if diff := cmp.Diff(want, p); diff != "" {
		t.Error(diff)
	}
	if defaults.Labels[0] != "person" {
		t.Error("the defaults changed")
	}
	for _, raw := range []string{`{"side": 4}`, `{"sides": 3}`, `{"wait": "soon"}`, `{"wait": 3}`, `[`} {
		if _, err := k.Check(json.RawMessage(raw)); err == nil {
			t.Errorf("%s is taken", raw)
		}
	}
	a, err1 := Digest("sample", 1, want)
	b, err2 := Digest("sample", 1, defaults)
	c, err3 := Digest("sample", 2, want)
	if err := errors.Join(err1, err2, err3); err != nil || a == b || a == c || !strings.HasPrefix(a, "sample v1 ") {
		t.Errorf("digests %s, %s, %s, %v", a, b, c, err)
	}
}

func TestTheSchemaSaysWhatTheTagsSay(t *testing.T) {
	b, err := json.Marshal(Schema(good))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"additionalProperties":false,"properties":{` +
		`"in":{"additionalProperties":false,"properties":{"ratio":{"default":0.5,"maximum":1,"minimum":0.1,"type":"number"}},"type":"object"},` +
		`"labels":{"items":{"enum":["person","car"],"type":"string"},"maxItems":2,"minItems":0,"type":"array"},` +
		`"mode":{"default":"fast","enum":["fast","good"],"type":"string"},` +
		`"on":{"default":false,"type":"boolean"},` +
		`"points":{"items":{"items":{"maximum":1,"minimum":0,"type":"number"},"maxItems":2,"minItems":2,"type":"array"},"type":"array"},` +
		`"share":{"default":0.5,"minimum":0,"type":"number"},` +
		`"side":{"default":3,"description":"in pixels","maximum":31,"minimum":1,"type":"integer"},` +
		`"wait":{"default":"2s","pattern":"^([0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$","type":"string","x-maximum":"1m","x-minimum":"1s"},` +
		`"weights":{"additionalProperties":{"minimum":0,"type":"integer"},"type":"object"}},"type":"object"}`
	if diff := cmp.Diff(want, string(b)); diff != "" {
		t.Error(diff)
	}
}
