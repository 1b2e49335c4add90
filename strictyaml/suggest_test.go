package strictyaml

import (
	"testing"

	"pgregory.net/rapid"
)

func TestTheNearestNameIsSuggestedIfItIsNearEnough(t *testing.T) {
	names := []string{"background", "brightness", "quality", "zones", "lines", "on", "rtsp"}
	for written, want := range map[string]string{
		"backgroud": "background", "backgroundd": "background", "bakcground": "background", "Background": "background",
		"qualty": "quality", "zone": "zones", "linse": "lines", "no": "on", "line": "lines", "lnies": "lines",
		"colour": "", "x": "", "": "", "background": "",
	} {
		if want != "" {
			want = `; did you mean "` + want + `"?`
		}
		if got := DidYouMean(written, names); got != want {
			t.Errorf("%q: %q, want %q", written, got, want)
		}
	}
}

func TestEditsAreADistance(t *testing.T) {
	word := rapid.StringMatching(`[abc]{0,7}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := []rune(word.Draw(t, "a")), []rune(word.Draw(t, "b"))
		d := edits(a, b)
		if d != edits(b, a) || (d == 0) != (string(a) == string(b)) || d > max(len(a), len(b)) || d < max(len(a), len(b))-min(len(a), len(b)) {
			t.Fatalf("%q and %q: %d and %d", string(a), string(b), d, edits(b, a))
		}
		// One edit is one.
		if len(a) > 0 {
			i := rapid.IntRange(0, len(a)-1).Draw(t, "at")
			if d := edits(a, append(append([]rune{}, a[:i]...), a[i+1:]...)); d != 1 {
				t.Fatalf("a letter less is %d", d)
			}
		}
	})
}
