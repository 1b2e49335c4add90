package store_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/framebeam/framebeam/transforms/files/store"
)

func TestALocalFileIsWrittenAsAWholeOrStaysAsItWas(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.html")
	says := func(text string, fails error) error {
		return store.WriteLocal(file, func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return errors.Join(err, fails)
		})
	}
	broken := errors.New("broken")
	for _, s := range []struct {
		text  string
		fails error
		want  string
	}{{"first", nil, "first"}, {"half", broken, "first"}, {"second", nil, "second"}} {
		if err := says(s.text, s.fails); !errors.Is(err, s.fails) {
			t.Errorf("writing %q ended with %v", s.text, err)
		}
		if b, err := os.ReadFile(file); err != nil || string(b) != s.want {
			t.Errorf("after %q there is %q, %v", s.text, b, err)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(file)); err != nil || len(left) != 1 {
		t.Errorf("there are %v, %v", left, err)
	}
}
