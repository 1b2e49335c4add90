package analyses

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAConfigurationIsReadBackFromItsRecord(t *testing.T) {
	want, err := Parse("a.yaml", []byte("motion: {threshold: 33}\njson_zone: Europe/Berlin\nmax_side: 4000\nsilence: 3s\n"))
	if err != nil {
		t.Fatal(err)
	}
	text, _, err := want.Effective()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Recorded(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := Recorded("motion: true"); err == nil {
		t.Error("what is no record was read")
	}
}
