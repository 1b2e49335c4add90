package pixels

import (
	"strings"
	"testing"
)

func TestSingleThreaded(t *testing.T) {
	SingleThreaded()
	if n := threads(); n != 1 {
		t.Errorf("OpenCV has %d threads", n)
	}
}

func TestBuildNamesWhatPixelsDependOn(t *testing.T) {
	b := Build()
	if !strings.Contains(b, "OpenCV "+Version()) || len(strings.Fields(b)) < 4 {
		t.Errorf("build %q names neither version nor CPU features", b)
	}
}
