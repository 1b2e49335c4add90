package flags

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/framebeam/framebeam/transforms/config/timezone"
)

// Zone adds --zone, to a command without a period.
func Zone(f *pflag.FlagSet) *string {
	zone := f.String("zone", "", "the IANA time `zone` by whose clocks moments are read and shown, such as Europe/Berlin (default: this "+
		"machine's)")
	return zone
}

// Location is the zone that a flag names; "" is the machine's.
func Location(zone string) (*time.Location, error) {
	if zone == "" {
		return time.Local, nil
	}
	in, err := timezone.Load(zone)
	if err != nil {
		return nil, fmt.Errorf("--zone: %w", err)
	}
	return in, nil
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
