package perframe

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/framebeam/framebeam/transforms/analysis"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/config/schedule"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/models"
)

func copied(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFilesArePinnedWhereAJobIsDescribed(t *testing.T) {
	dir := t.TempDir()
	cascade, model := filepath.Join(dir, "lbpcascade_frontalface.xml"), filepath.Join(dir, "a.onnx")
	copied(t, "/usr/share/opencv4/lbpcascades/lbpcascade_frontalface.xml", cascade)
	copied(t, "testdata/color.onnx", model)
	prototxt, weights := filepath.Join(dir, "a.prototxt"), filepath.Join(dir, "a.caffemodel")
	copied(t, "testdata/color.prototxt", prototxt)
	copied(t, "testdata/color.caffemodel", weights)
	small := `"width":32,"height":32,"output":"classify"`
	f := &frame.Frame{Width: 32, Height: 32, Channels: 3, Encoding: frame.Raw, Data: noise(32 * 32 * 3)}
	for _, c := range []struct {
		spec params.Spec
		file string
	}{
		{params.Spec{Kind: "faces", Name: "faces", Params: json.RawMessage(`{"cascade":"` + cascade + `"}`)}, cascade},
		{params.Spec{Kind: "networks", Name: "networks/a", Params: json.RawMessage(`{` + small + `,"model":"` + model + `"}`)}, model},
		{params.Spec{Kind: "networks", Name: "networks/b", Params: json.RawMessage(`{` + small + `,"model":"` + weights + `","prototxt":"` + prototxt + `"}`)}, prototxt},
	} {
		t.Run(c.spec.Name, func(t *testing.T) {
			spec, err := Resolve(c.spec)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(spec.Params), models.SHA256(read(t, c.file))) {
				t.Fatalf("no digest in %s", spec.Params)
			}
			digest := func(s params.Spec) string {
				a, err := Make(s)
				return made(t, a, err).Digest()
			}
			if digest(c.spec) != digest(spec) {
				t.Error("complete parameters give another digest")
			}
			if again, err := Resolve(spec); err != nil || string(again.Params) != string(spec.Params) {
				t.Errorf("complete parameters become %s, %v", again.Params, err)
			}

			// As a worker sees it that has another file, and then none.
			a, err := Make(spec)
			a = made(t, a, err)
			analyse(t, a, f)
			good := read(t, c.file)
			if err := os.WriteFile(c.file, append(good, '\n'), 0o600); err != nil {
				t.Fatal(err)
			}
			refused(t, spec, f, "SHA-256")
			if err := os.Remove(c.file); err != nil {
				t.Fatal(err)
			}
			refused(t, spec, f, "no such file")
			if _, err := Resolve(c.spec); err == nil || !strings.Contains(err.Error(), "sha256 must be configured") {
				t.Errorf("without a file and a digest: %v", err)
			}
			if err := os.WriteFile(c.file, good, 0o600); err != nil {
				t.Fatal(err)
			}

			moved := strings.ReplaceAll(string(spec.Params), dir, dir+"/../"+filepath.Base(dir))
			if digest(params.Spec{Kind: spec.Kind, Name: spec.Name, Params: json.RawMessage(moved)}) != digest(spec) {
				t.Error("the digest depends on where the file lies")
			}
		})
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// refused checks that the worker's first frame is an error and no dead letter.
func refused(t *testing.T, s params.Spec, f *frame.Frame, want string) {
	t.Helper()
	a, err := Make(s)
	a = made(t, a, err)
	pic := picture{frame: f}
	defer pic.close()
	var out result.PerFrame
	if err := a.Analyse(&pic, &out); err == nil || !strings.Contains(err.Error(), want) || asPoison(err) != nil {
		t.Errorf("error %v, want %q", err, want)
	}
}

func TestSchedulesVariantsArePinnedToo(t *testing.T) {
	spec := params.Spec{
		Kind: "faces", Name: "faces", Off: true,
		During: []params.Variant{{Schedule: schedule.Schedule{}, Params: json.RawMessage(`{"cascade":"lbpcascade_frontalface"}`)}, {Off: true}},
	}
	got, err := Resolve(spec)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(got.During[0].Params), `"sha256":"`) || strings.Contains(string(got.During[0].Params), `"sha256":""`) {
		t.Errorf("variant %s", got.During[0].Params)
	}
	if got.Params != nil || got.During[1].Params != nil || strings.Contains(string(spec.During[0].Params), "sha256") {
		t.Error("what is off, or was given, has changed")
	}
	cfg, err := (Config{Profiles: []Profile{{Analyses: []params.Spec{spec}}}}).Resolve()
	if err != nil || string(cfg.Profiles[0].Analyses[0].During[0].Params) != string(got.During[0].Params) {
		t.Errorf("%+v, %v", cfg, err)
	}
}

func TestWrongParametersAreNamed(t *testing.T) {
	for _, c := range []struct{ kind, raw, field string }{
		{"people", `{"stride":6}`, "stride"},
		{"people", `{"scale":1}`, "scale"},
		{"people", `{"grouping":"some"}`, "grouping"},
		{"faces", `{"cascade":""}`, "cascade"},
		{"faces", `{"sha256":"abc"}`, "sha256"},
		{"faces", `{"min_size":0.5,"max_size":0.4}`, "min_size"},
		{"networks", `{}`, "model"},
		{"networks", `{"model":"a","mean":[1,2]}`, "mean"},
		{"networks", `{"model":"a","mean":[]}`, "mean"},
		{"networks", `{"model":"a","std":[0]}`, "std"},
		{"networks", `{"model":"a","gray":true,"std":[1,2,3]}`, "std"},
		{"networks", `{"model":"a","scale":0}`, "scale"},
		{"networks", `{"model":"a","softmax":true}`, "softmax"},
		{"networks", `{"model":"a","classes":["cat"],"labels":["dog"]}`, "labels"},
		{"networks", `{"model":"a","prototxt_sha256":"` + strings.Repeat("0", 64) + `"}`, "prototxt_sha256"},
		{"networks", `{"model":"a","output":"ssd2"}`, "output"},
		{"pipes", `{}`, "command"},
		{"pipes", `{"command":["a\u0000"]}`, "command/0"},
		{"pipes", `{"command":["a"],"resize":100}`, "resize"},
		{"pipes", `{"command":["a"],"files":[{"path":""}]}`, "files/0/path"},
		{"pipes", `{"command":["a"],"files":[{"path":"b","sha256":"XY"}]}`, "files/0/sha256"},
		{"pipes", `{"command":["a"],"env":{"A=B":""}}`, "env"},
		{"pipes", `{"command":["a"],"inherit":[""]}`, "inherit/0"},
		{"pipes", `{"command":["a"],"attempts":0}`, "attempts"},
		{"pipes", `{"command":["a"],"frame_limit":"2h"}`, "frame_limit"},
		{"histogram", `{"hue":0}`, "hue"},
		{"keypoints", `{"count":0}`, "count"},
	} {
		k, err := analysis.Get(c.kind)
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.Check(json.RawMessage(c.raw))
		found := false
		for _, v := range params.Violations(err) {
			found = found || v.Field == c.field
		}
		if !found {
			t.Errorf("%s %s: %v, want %s to be named", c.kind, c.raw, err, c.field)
		}
	}
}

func TestEveryKindHasASchemaAndADigestOfItsParameters(t *testing.T) {
	for _, k := range Kinds() {
		if _, err := json.Marshal(params.Schema(k.Default)); err != nil {
			t.Errorf("%s: %v", k.Name, err)
		}
	}
	for _, c := range []struct {
		kind string
		raw  [2]string
		same bool
	}{
		{"people", [2]string{`{}`, `{"stride":8}`}, true},
		{"people", [2]string{`{}`, `{"stride":4}`}, false},
		{"faces", [2]string{`{}`, `{"label":"face"}`}, true},
		{"faces", [2]string{`{}`, `{"cascade":"lbpcascade_frontalface"}`}, false},
		{"pipes", [2]string{`{"command":["a"]}`, `{"command":["a"],"processes":4,"attempts":2,"frame_limit":"1s","start_limit":"1s"}`}, true},
		{"pipes", [2]string{`{"command":["a"]}`, `{"command":["a","b"]}`}, false},
		{"pipes", [2]string{`{"command":["a"]}`, `{"command":["a"],"version":"2"}`}, false},
		{"pipes", [2]string{`{"command":["a"]}`, `{"command":["a"],"files":[{"path":"pipe.go"}]}`}, false},
		{"keypoints", [2]string{`{}`, `{"count":65}`}, false},
		{"histogram", [2]string{`{}`, `{"value":5}`}, false},
	} {
		var digests [2]string
		for i, raw := range c.raw {
			a, err := Make(params.Spec{Kind: c.kind, Name: c.kind, Params: json.RawMessage(raw)})
			digests[i] = made(t, a, err).Digest()
		}
		if (digests[0] == digests[1]) != c.same {
			t.Errorf("%s %v: digests %v", c.kind, c.raw, digests)
		}
	}
}
