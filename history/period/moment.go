package period

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Clock times of a day, and layouts of a moment with its date. In all of them T may stand
// for the space.
var (
	clocks  = []string{"15:04", "15:04:05.999999999"}
	moments = []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05.999999999"}
)

// before is a moment before now: -90m, -2h, -7d, -1w, -1d12h.
var before = regexp.MustCompile(`^-(?:([0-9]{1,5})w)?(?:([0-9]{1,6})d)?((?:[0-9]{1,9}(?:\.[0-9]{1,9})?(?:h|m|s))*)$`)

// Moment reads a moment, by the clocks of a zone if it does not name its own:
//
//	2024-05-01                 its beginning
//	2024-05-01 15:00           with seconds if they matter
//	2024-05-01T15:00:00+02:00  RFC 3339, which is exact in every zone
//	today, yesterday           their beginning; yesterday 15:00, too
//	15:00                      of today
//	now, -2h, -7d, -1w         days and weeks are those of the calendar
//
// A clock time that the zone has twice (clocks are set back) is the first of the two; one
// that it has not (clocks are set forward) is the end of what is left out.
func Moment(text string, zone *time.Location, now time.Time) (time.Time, error) {
	s := strings.TrimSpace(text)
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	now = now.In(zone)
	if s == "now" {
		return now, nil
	}
	if m := before.FindStringSubmatch(s); m != nil && len(s) > 1 {
		return ago(m, zone, now)
	}
	day, rest, _ := strings.Cut(s, " ")
	switch day {
	case "today":
		s = date(now, 0) + " " + rest
	case "yesterday":
		s = date(now, -1) + " " + rest
	}
	s = strings.TrimSpace(s)
	if !strings.Contains(s, "-") {
		s = date(now, 0) + " " + s
		if !isClock(s[len("2006-01-02 "):]) {
			s = ""
		}
	}
	s = strings.Replace(s, "T", " ", 1)
	for _, layout := range moments {
		if wall, err := time.Parse(layout, s); err == nil {
			return Local(wall, zone), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no moment such as 2024-05-01, \"2024-05-01 15:00\", 2024-05-01T15:00:00+02:00, 15:00, today, "+
		"\"yesterday 15:00\", now, -2h or -7d", text)
}

func isClock(s string) bool {
	for _, layout := range clocks {
		if _, err := time.Parse(layout, s); err == nil {
			return true
		}
	}
	return false
}

// date is that of some days after now.
func date(now time.Time, days int) string { return now.AddDate(0, 0, days).Format("2006-01-02") }

// ago is the moment that weeks, days and a duration before now.
func ago(m []string, zone *time.Location, now time.Time) (time.Time, error) {
	weeks, _ := strconv.Atoi(m[1]) // "" is 0, and the expression bounds the rest
	days, _ := strconv.Atoi(m[2])
	t := now
	if days += 7 * weeks; days > 0 {
		wall := time.Date(now.Year(), now.Month(), now.Day()-days, now.Hour(), now.Minute(), now.Second(), now.Nanosecond(), time.UTC)
		t = Local(wall, zone)
	}
	if m[3] == "" {
		return t, nil
	}
	d, err := time.ParseDuration(m[3])
	if err != nil {
		return time.Time{}, fmt.Errorf("%q: %w", m[0], err)
	}
	return t.Add(-d), nil
}

// Local is the first moment at which the clocks of a zone show the date and time of wall
// (whose own zone does not matter), or, if they leave it out, at which they show more.
func Local(wall time.Time, zone *time.Location) time.Time {
	u := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), time.UTC)
	earlier, later := offsetAt(u.Add(-24*time.Hour), zone), offsetAt(u.Add(24*time.Hour), zone)
	first := u.Add(-max(earlier, later)).In(zone) // the further ahead clocks are, the earlier they show it
	if wallAt(first, zone).Equal(u) {
		return first
	}
	second := u.Add(-min(earlier, later)).In(zone)
	if wallAt(second, zone).Equal(u) {
		return second
	}
	start, _ := second.ZoneBounds()
	return start.In(zone)
}

// Day is that of a moment, by the clocks of a zone.
func Day(t time.Time, zone *time.Location) Period {
	t = t.In(zone)
	at := func(days int) time.Time {
		return Local(time.Date(t.Year(), t.Month(), t.Day()+days, 0, 0, 0, 0, time.UTC), zone)
	}
	return Period{From: at(0), To: at(1), Zone: zone}
}

func offsetAt(t time.Time, zone *time.Location) time.Duration {
	_, offset := t.In(zone).Zone()
	return time.Duration(offset) * time.Second
}

// wallAt is what the clocks of a zone show at t, as a moment of UTC.
func wallAt(t time.Time, zone *time.Location) time.Time { return t.UTC().Add(offsetAt(t, zone)) }
