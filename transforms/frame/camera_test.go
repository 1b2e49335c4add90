package frame

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCameraIDsOfTheOriginalAreMappedReversibly(t *testing.T) {
	for original, want := range map[string]string{
		"gate-1": "gate-1", "A.b_c-9": "A.b_c-9", "id--gate": "id--gate", "id--.zz": "id--.zz",
		"Front Door": "id--Front.20Door", "Tür": "id--T.C3.BCr", "": "id--", "..": "id--.2E.2E", "a/b": "id--a.2Fb",
		"id--Front.20Door":             "id--id--Front.2E20Door",
		strings.Repeat("a", MaxCamera): strings.Repeat("a", MaxCamera),
		strings.Repeat("ü", 20):        "id--" + strings.Repeat(".C3.BC", 20),
		strings.Repeat("ü", 21):        "",
		strings.Repeat("a", 129):       "",
	} {
		got := CameraID(original)
		if got != want {
			t.Errorf("%q is %q, want %q", original, got, want)
		}
		if got != "" && OriginalCamera(got) != original {
			t.Errorf("%q is %q, and back %q", original, got, OriginalCamera(got))
		}
	}
}

func TestNoTwoCameraIDsBecomeOne(t *testing.T) {
	parts := rapid.SliceOfN(rapid.SampledFrom([]string{"id--", ".", "2E", ".20", ".C3", "a", " ", "ü", "-", "\xff", "\x00", "/"}), 0, 8)
	draw := rapid.OneOf(rapid.Custom(func(t *rapid.T) string { return strings.Join(parts.Draw(t, "parts"), "") }), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		x, y := CameraID(a), CameraID(b)
		switch {
		case x != "" && !ValidCamera(x):
			t.Fatalf("%q is %q, which is no camera id", a, x)
		case x != "" && OriginalCamera(x) != a:
			t.Fatalf("%q is %q, and back %q", a, x, OriginalCamera(x))
		case x != "" && x == y && a != b:
			t.Fatalf("%q and %q are both %q", a, b, x)
		case CameraID(x) == x && x != a && x != "":
			t.Fatalf("%q is %q, which also stands for itself", a, x)
		}
		if ValidCamera(a) && !strings.HasPrefix(a, mapped) && x != a {
			t.Fatalf("%q was legal and is %q", a, x)
		}
	})
}

func TestARecordBelongsToTheCameraThatItsWireNames(t *testing.T) {
	value := `{"cameraId":"Front Door","data":""}`
	for _, c := range []struct {
		name, key, value string
		headers          []Header
		want             string
	}{
		{"the key of a CloudEvent is never mapped", "Front Door", value, []Header{{"ce_id", []byte("x")}}, ""},
		{"a CloudEvent without a key has no camera", "", value, []Header{{"ce_id", []byte("x")}}, ""},
		{"a key that looks mapped is itself in a CloudEvent", "id--Front.20Door", value, []Header{{"ce_id", []byte("x")}}, "id--Front.20Door"},
		{"a key that looks mapped is mapped on the JSON wire", "id--Front.20Door", value, nil, "id--id--Front.2E20Door"},
		{"a key is looked at before cameraId", "gate", value, nil, "gate"},
		{"without a key cameraId counts", "", value, nil, "id--Front.20Door"},
		{"an object that is no frame has no camera", "", `{"cameraId":"gate"}`, nil, ""},
		{"what is no object has no camera", "Front Door", "hello", nil, ""},
	} {
		rec := Record{Key: []byte(c.key), Value: []byte(c.value), Headers: c.headers}
		if got := rec.Camera(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
