package params

import "testing"

func TestAPatternIsForTheIdOfACameraAndForItsOriginalOne(t *testing.T) {
	for _, c := range []struct {
		pattern, camera string
		want            bool
	}{
		{"", "gate", true},
		{"gate", "gate", true},
		{"gate-*", "gate-1", true},
		{"gate-?", "gate-12", false},
		{"Front Door", "id--Front.20Door", true},
		{"Front *", "id--Front.20Door", true},
		{"T?r", "id--T.C3.BCr", true},
		{"id--T*", "id--T.C3.BCr", true},
		{"*", "id--a.2Fb", true},
		{"Front Door", "id--Back.20Door", false},
		{"[", "gate", false},
	} {
		if got := Matches(c.pattern, c.camera); got != c.want {
			t.Errorf("%q is for %q: %v", c.pattern, c.camera, got)
		}
	}
}
