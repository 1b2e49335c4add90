package store_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/framebeam/framebeam/transforms/files/store"
)

func TestJSONOfTheKnownFormatIsRead(t *testing.T) {
	f, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, content, wrong string // "" if it is right
	}{
		{"the known format", `{"format":3,"n":7}`, ""},
		{"fields of later versions", `{"format":3,"n":7,"m":{}}`, ""},
		{"another format, whatever it says", `{"format":4,"n":{}}`, "format 4 is not known here (only 3)"},
		{"no format", `{"n":7}`, "format 0 is not known here (only 3)"},
		{"a torn file", `{"format":3,"n`, "unexpected end of JSON input"},
		{"a field of another kind", `{"format":3,"n":"7"}`, "cannot unmarshal"},
		{"an empty file", ``, "unexpected end of JSON input"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := f.WriteAtomic(t.Context(), "a.json", []byte(c.content)); err != nil {
				t.Fatal(err)
			}
			var v struct{ N int }
			err := f.ReadJSON(t.Context(), "a.json", 3, &v)
			switch {
			case c.wrong == "" && (err != nil || v.N != 7):
				t.Errorf("%+v, %v", v, err)
			case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong) || !strings.Contains(err.Error(), f.Path("a.json"))):
				t.Error(err)
			}
		})
	}
	if err := f.ReadJSON(t.Context(), "none.json", 3, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
