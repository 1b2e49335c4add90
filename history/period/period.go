// Package period is a stretch of capture time, and times of the day in it, as a command
// line says them.
package period

import (
	"errors"
	"fmt"
	"time"

	"github.com/framebeam/framebeam/transforms/config/schedule"
	"github.com/framebeam/framebeam/transforms/config/timezone"
)

// Period is [From, To); where one of them is zero it is open. During are times of the day
// and week, by the clocks of Zone, of which one must hold; none: all day.
type Period struct {
	From, To time.Time
	Zone     *time.Location // nil: UTC
	During   []schedule.Schedule
}

// Parse reads what a command line says of a period:
//
//   - from and to, a moment each (see [Moment]); "" leaves that end open;
//   - zone, an IANA name by whose clocks these are meant; "" is the machine's own zone;
//   - during, times of the day (see [Times]); "" is all day.
//
// It returns every violation, joined, each with the name of its flag.
func Parse(from, to, zone, during string, now time.Time) (Period, error) {
	in, err := Zone(zone)
	if err != nil {
		return Period{Zone: time.Local}, err
	}
	p := Period{Zone: in}
	var errs []error
	for _, end := range []struct {
		flag, text string
		at         *time.Time
	}{{"from", from, &p.From}, {"to", to, &p.To}} {
		if end.text == "" {
			continue
		}
		at, err := Moment(end.text, p.Zone, now)
		if err != nil {
			errs = append(errs, fmt.Errorf("--%s: %w", end.flag, err))
		} else if at.Unix() <= 0 {
			errs = append(errs, fmt.Errorf("--%s: %q is before 1970", end.flag, end.text))
		}
		*end.at = at
	}
	times, err := Times(during)
	if err != nil {
		errs = append(errs, fmt.Errorf("--time-of-day: %w", err))
	}
	p.During = times
	if len(errs) == 0 && !p.From.IsZero() && !p.To.IsZero() && !p.From.Before(p.To) {
		errs = append(errs, fmt.Errorf("--from: %s is not before --to, %s", p.format(p.From), p.format(p.To)))
	}
	return p, errors.Join(errs...)
}

// Zone is the zone that --zone names; "" is the machine's own.
func Zone(name string) (*time.Location, error) {
	if name == "" {
		return time.Local, nil
	}
	zone, err := timezone.Load(name)
	if err != nil {
		return nil, fmt.Errorf("--zone: %w", err)
	}
	return zone, nil
}

// Contains reports whether t is in the period, at one of its times of the day.
func (p Period) Contains(t time.Time) bool {
	return !t.Before(p.From) && (p.To.IsZero() || t.Before(p.To)) && p.onTime(t)
}

// Overlaps reports whether the period may contain a moment of [first, last]. Times of the
// day are not looked at.
func (p Period) Overlaps(first, last time.Time) bool {
	return !last.Before(p.From) && (p.To.IsZero() || first.Before(p.To))
}

// Open reports whether the period is all time.
func (p Period) Open() bool { return p.From.IsZero() && p.To.IsZero() && len(p.During) == 0 }

// Location is the period's zone, never nil.
func (p Period) Location() *time.Location {
	if p.Zone == nil {
		return time.UTC
	}
	return p.Zone
}

// String is for messages.
func (p Period) String() string {
	from, to := "the beginning", "the end"
	if !p.From.IsZero() {
		from = p.format(p.From)
	}
	if !p.To.IsZero() {
		to = p.format(p.To)
	}
	return from + " to " + to
}

func (p Period) format(t time.Time) string {
	return t.In(p.Location()).Format("2006-01-02 15:04:05 -0700")
}

// onTime asks the schedules, whose own zone is UTC, for what the clocks of the period's
// zone show.
func (p Period) onTime(t time.Time) bool {
	if len(p.During) == 0 {
		return true
	}
	wall := wallAt(t, p.Location())
	for _, s := range p.During {
		if s.Covers(wall) {
			return true
		}
	}
	return false
}
