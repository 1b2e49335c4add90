package browser_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/framebeam/framebeam/testdata/browser"
)

// The browser itself finds what it is there to find.
func TestWhatIsWrongWithAPageIsFound(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.html")
	err := os.WriteFile(file, []byte(`<!doctype html><title>x</title><img src="http://pictures.example/x.png">
		<script>console.error("told"); undefinedName()</script>`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	p := browser.Open(t, file, browser.Desktop)
	if n := browser.Eval[int](p, "innerWidth"); n != 1280 {
		t.Errorf("the window is %d wide", n)
	}
	bad := strings.Join(p.Bad(), "\n")
	for _, want := range []string{"a request to http://pictures.example/x.png", "told", "undefinedName"} {
		if !strings.Contains(bad, want) {
			t.Errorf("%q is not among what went wrong:\n%s", want, bad)
		}
	}
	p.Bad()
}
