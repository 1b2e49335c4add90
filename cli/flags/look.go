package flags

import (
	"time"

	"github.com/spf13/pflag"
)

// Zone adds --zone, which [period.Zone] reads. A command with a period has it from [Period].
func Zone(f *pflag.FlagSet) *string {
	return f.String("zone", "", "the IANA time `zone` by whose clocks moments are read and shown, such as Europe/Berlin (default: this "+
		"machine's)")
}

// Boxes adds --boxes.
func Boxes(f *pflag.FlagSet) *bool {
	return f.Bool("boxes", false, "draw what was found, and explain events, as the output says it")
}

// Apart adds --apart.
func Apart(f *pflag.FlagSet) *time.Duration {
	return f.Duration("apart", 10*time.Second, "what is found is put together: of an area, what has no more time than this between it is one stretch; "+
		"of a picture, time is cut into stretches of this length, and the best frame of each camera in each is listed (0: every frame)")
}
