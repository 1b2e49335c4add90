package nodes

import (
	"errors"
	"fmt"
	"time"

	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/transforms/config/schedule"
	"github.com/framebeam/framebeam/transforms/config/timezone"
)

// Config says what nodes are made of.
type Config struct {
	Output  string   // folder: an absolute path or scheme://…
	Cameras []string // only these; none: all
	Period  Period
	// Every is the length of the stretches of time of which each has a shot: its key frames
	// if the analysis cuts has told any, else its first frame.
	Every time.Duration
}

// Bounds of Every, and what it is by default.
const (
	DefaultEvery = 10 * time.Second
	leastEvery   = 100 * time.Millisecond
	mostEvery    = 24 * time.Hour
)

// Validate returns every violation, joined.
func (c Config) Validate() error {
	errs := []error{scan.CheckCameraIDs(c.Cameras)}
	if c.Every < leastEvery || c.Every > mostEvery {
		errs = append(errs, fmt.Errorf("--every=%v: not %v to %v", c.Every, leastEvery, mostEvery))
	}
	return errors.Join(errs...)
}

// Period is a period.Period as it travels to workers.
type Period struct {
	From, To int64  // microseconds since 1970; 0: open
	Zone     string // of During, as period.Period shows time
	During   []schedule.Schedule
}

// PeriodOf is what workers are told of a period.
func PeriodOf(p period.Period) Period {
	t := Period{During: p.During, Zone: p.Location().String()}
	if !p.From.IsZero() {
		t.From = p.From.UnixMicro()
	}
	if !p.To.IsZero() {
		t.To = p.To.UnixMicro()
	}
	return t
}

// period is the inverse of [PeriodOf]. Clocks of this machine are those of wherever this is.
func (p Period) period() (period.Period, error) {
	t := period.Period{During: p.During, Zone: time.Local}
	if p.Zone != time.Local.String() {
		z, err := timezone.Load(p.Zone)
		if err != nil {
			return t, err
		}
		t.Zone = z
	}
	if p.From != 0 {
		t.From = time.UnixMicro(p.From)
	}
	if p.To != 0 {
		t.To = time.UnixMicro(p.To)
	}
	return t, nil
}
