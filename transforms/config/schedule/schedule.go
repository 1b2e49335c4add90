// Package schedule says at which times of the day and week something holds.
package schedule

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/framebeam/framebeam/transforms/config/timezone"
)

// Schedule is a stretch of the day, on some days of the week. From and To are
// clock times of the zone, To excluded. If To is not after From, the stretch goes
// over midnight and belongs to the day on which it begins. Equal times are a whole
// day.
type Schedule struct {
	Name string   `json:"name" doc:"what analyses call it"`
	From string   `json:"from" doc:"clock time at which it begins, 20:00"`
	To   string   `json:"to" doc:"clock time at which it ends, 06:00"`
	Days []string `json:"days,omitempty" enum:"mon,tue,wed,thu,fri,sat,sun" doc:"days on which it begins; none: every day"`
	Zone string   `json:"zone,omitempty" doc:"IANA time zone; empty: UTC"`
}

var (
	clock = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
	days  = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} // as time.Weekday
)

// Validate returns every violation, joined.
func (s Schedule) Validate() error {
	var errs []error
	for _, c := range []struct{ field, value string }{{"from", s.From}, {"to", s.To}} {
		if !clock.MatchString(c.value) {
			errs = append(errs, fmt.Errorf("%s: %q is not a clock time such as 06:30", c.field, c.value))
		}
	}
	for _, d := range s.Days {
		if !slices.Contains(days, d) {
			errs = append(errs, fmt.Errorf("days: %q is not one of mon, tue, wed, thu, fri, sat, sun", d))
		}
	}
	if _, err := timezone.Load(s.Zone); err != nil {
		errs = append(errs, fmt.Errorf("zone: %w", err))
	}
	return errors.Join(errs...)
}

// Covers reports whether the schedule holds at t. It must be valid.
func (s Schedule) Covers(t time.Time) bool {
	zone, err := timezone.Load(s.Zone)
	if err != nil {
		return false
	}
	t = t.In(zone)
	at, from, to := t.Format("15:04"), s.From, s.To
	day := t.Weekday()
	switch {
	case from < to:
		return from <= at && at < to && s.on(day)
	case at >= from:
		return s.on(day)
	case at < to:
		return s.on((day + 6) % 7)
	}
	return false
}

func (s Schedule) on(day time.Weekday) bool {
	return len(s.Days) == 0 || slices.Contains(s.Days, days[day])
}
