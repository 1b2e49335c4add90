package job

import (
	"testing"
	"time"

	"github.com/framebeam/framebeam/pipelines/lag"
)

func TestALagIsALineOfProgress(t *testing.T) {
	for _, c := range []struct {
		sum  lag.Sum
		want string
	}{
		{lag.Sum{}, "lag 0"},
		{lag.Sum{Frames: 50, Behind: 4960 * time.Millisecond}, "lag 50 (5s)"},
		{lag.Sum{Frames: 5000, Behind: 130 * time.Second, CatchUp: 41400 * time.Millisecond}, "lag 5000 (2m10s), caught up in 41s"},
		{lag.Sum{Frames: 5000, Behind: lag.Unknown, CatchUp: lag.Unknown, Rate: -1}, "lag 5000"},
		{lag.Sum{Frames: 5000, Behind: lag.Unknown, CatchUp: lag.Unknown}, "lag 5000, not catching up"},
		{lag.Sum{Frames: 5000, Lost: 7, Behind: time.Hour, CatchUp: lag.Unknown}, "lag 5000 (1h0m0s), not catching up, 7 of them deleted from the log"},
	} {
		if got := lagLine(&c.sum); got != c.want {
			t.Errorf("%+v: %q, want %q", c.sum, got, c.want)
		}
	}
	if got := len(lagAttrs(&lag.Sum{Behind: lag.Unknown, CatchUp: lag.Unknown})); got != 2 {
		t.Errorf("%d attributes of a lag of which little is known", got)
	}
}
