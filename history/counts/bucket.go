package counts

import (
	"fmt"
	"strings"
	"time"

	"github.com/framebeam/framebeam/history/period"
)

// Per is how long the buckets are in which events are counted: a stretch of the clock, or of
// the calendar.
type Per struct {
	clock  time.Duration // divides a day; 0: a day or longer
	days   int           // 1 or 7, a week, which begins on Monday
	months int           // 1
}

// ParsePer reads how long buckets are: a duration that divides a day, from 1m on, such as
// 15m, 1h or 6h; or hour, day, week, month.
func ParsePer(text string) (Per, error) {
	switch text {
	case "hour":
		return Per{clock: time.Hour}, nil
	case "day", "24h":
		return Per{days: 1}, nil
	case "week":
		return Per{days: 7}, nil
	case "month":
		return Per{months: 1}, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Minute || d > 12*time.Hour || d%time.Minute != 0 || (24*time.Hour)%d != 0 {
		return Per{}, fmt.Errorf("%q is not hour, day, week, month or a duration that divides a day, such as 15m or 6h", strings.TrimSpace(text))
	}
	return Per{clock: d}, nil
}

// bucket is [from, to).
type bucket struct{ from, to time.Time }

// Of is the bucket that t lies in, by the clocks of a zone. Buckets follow on each other
// without gaps, and begin when clocks show their beginning for the first time; those of an
// hour or less also where clocks are set, so that an hour which they show twice is two.
func (p Per) of(t time.Time, zone *time.Location) bucket {
	t = t.In(zone)
	if p.clock > 0 && p.clock <= time.Hour {
		return p.short(t)
	}
	wall := p.floor(t)
	for {
		next := p.next(wall)
		if to := period.Local(next, zone); t.Before(to) {
			return bucket{period.Local(wall, zone), to}
		}
		wall = next // clocks were set back over the beginning of the next
	}
}

// short is the bucket of an hour or less.
func (p Per) short(t time.Time) bucket {
	shift := offset(t)
	from := t.UTC().Add(shift).Truncate(p.clock).Add(-shift) // Truncate counts from a midnight
	b := bucket{from.In(t.Location()), from.Add(p.clock).In(t.Location())}
	set, unset := t.ZoneBounds()
	if !set.IsZero() && set.After(b.from) && offset(set.Add(-1)) != shift {
		b.from = set
	}
	if !unset.IsZero() && unset.Before(b.to) && offset(unset) != shift {
		b.to = unset
	}
	return b
}

func offset(t time.Time) time.Duration {
	_, seconds := t.Zone()
	return time.Duration(seconds) * time.Second
}

// floor is the date and time that clocks show when the bucket of t begins.
func (p Per) floor(t time.Time) time.Time {
	day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	switch {
	case p.months > 0:
		return day.AddDate(0, 0, 1-day.Day())
	case p.days == 7:
		return day.AddDate(0, 0, -int(day.Weekday()+6)%7)
	case p.days == 1:
		return day
	}
	clock := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
	return day.Add(clock.Truncate(p.clock))
}

func (p Per) next(wall time.Time) time.Time {
	if p.clock > 0 {
		return wall.Add(p.clock)
	}
	return wall.AddDate(0, p.months, p.days)
}

// shortest is about how long the shortest buckets are.
func (p Per) shortest() time.Duration {
	if p.clock > 0 {
		return p.clock
	}
	return 24 * time.Hour
}
