package cli

import (
	"testing"

	"github.com/framebeam/framebeam/transforms/picture"
)

func TestWhereThePicturesLieIsSaid(t *testing.T) {
	for _, c := range []struct {
		cameras []string
		done    picture.Rendered
		want    string
	}{
		{nil, picture.Rendered{Packs: 3, Pictures: 57}, "57 pictures in 3 files: 3 below out/images"},
		{nil, picture.Rendered{Packs: 3, Partial: 3, Pictures: 57}, "57 pictures in 3 files: 3 below out/_partial/images, of chunks that are not full yet"},
		{[]string{"gate"}, picture.Rendered{Packs: 3, Partial: 2, Pictures: 5},
			"5 pictures in 3 files: 1 below out/images/camera=gate, 2 below out/_partial/images/camera=gate, of chunks that are not full yet"},
		{nil, picture.Rendered{Kept: 2}, "0 pictures in 0 files"},
	} {
		if got := told("out", c.cameras, c.done); got != c.want {
			t.Errorf("%s\nwant %s", got, c.want)
		}
	}
}
