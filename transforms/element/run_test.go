package element

import (
	"testing"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

func FuzzUnmarshalRun(f *testing.F) {
	// UnmarshalRun never panics, and what it accepts it encodes again.
	r := Run{Items: []Item{{Result: result.Frame{Status: result.OK}, Frame: frame.Frame{Camera: "c", Data: []byte{1}}}}}
	f.Add(r.Marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := UnmarshalRun(b); err == nil {
			r.Marshal()
		}
	})
}
