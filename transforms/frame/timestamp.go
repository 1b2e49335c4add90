package frame

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// zonedLayouts are the forms of timestamps that may say a zone, or not; each may have a
// fraction of a second.
var zonedLayouts = []string{
	"2006-01-02 15:04:05", // java.sql.Timestamp.toString, Python's str(datetime)
	"2006-01-02T15:04:05", // java.time.LocalDateTime.toString, isoformat()
	"20060102T150405",     // ISO 8601 without separators
}

// zones are how a zone may be written. Abbreviations but these name several zones.
var zones = []string{"Z07:00", "Z0700", "Z07", " Z07:00", " Z0700", " Z07", " UTC", " GMT"}

// plainLayouts never say a zone.
var plainLayouts = []string{
	"Jan 2, 2006 3:04:05 PM",       // Gson's dates up to Java 8
	"Jan 2, 2006, 3:04:05 PM",      // from Java 9
	"Jan 2, 2006, 3:04:05\u202fPM", // from Java 20, with a narrow no-break space
}

var timeLayouts = func() (all []string) {
	for _, l := range zonedLayouts {
		all = append(all, l)
		for _, z := range zones {
			all = append(all, l+z)
		}
	}
	return append(all, plainLayouts...)
}()

// time reads a time of one of timeLayouts, in zone if it says none, or a number as
// sinceEpoch does, which may stand in a string. In the hour that is put back in autumn
// a time without zone names two instants: it takes always the same one, which one
// depends on the zone.
func (o object) time(key string, zone *time.Location) (time.Time, error) {
	raw, err := o.member(key)
	if err != nil {
		return time.Time{}, err
	}
	s := string(raw)
	if s[0] == '"' {
		if s, err = o.text(key); err != nil {
			return time.Time{}, err
		}
	}
	if t, isNumber, ok := sinceEpoch(s); ok {
		return t, nil
	} else if isNumber {
		return time.Time{}, fmt.Errorf("%s %.60q is in no unit for sure: seconds since 1970 have 10 digits, milliseconds 11 to 13, microseconds 16, nanoseconds 19", key, raw)
	}
	for _, layout := range timeLayouts {
		in := zone
		if strings.HasSuffix(layout, "UTC") || strings.HasSuffix(layout, "GMT") {
			in = time.UTC // to the layout they are mere letters
		}
		if t, err := time.ParseInLocation(layout, s, in); err == nil && inTime(t) {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%s %.60q is not a time from 1970 to 2261", key, raw)
}

// epochUnits are the units of numbers since 1970, by what they make of times from least
// to 2261. They leave gaps, and what falls into one is refused: 1970 is what becomes of
// seconds that are taken for milliseconds. Cameras that stamp with seconds, micro- or
// nanoseconds have done so since 2001 (10, 16 and 19 digits); milliseconds are the
// original's unit and may be older.
var epochUnits = []struct {
	perSecond, least int64
}{
	{1, 1_000_000_000},
	{1e3, 31_536_000_000}, // 1971
	{1e6, 1_000_000_000_000_000},
	{1e9, 1_000_000_000_000_000_000},
}

// sinceEpoch reads a decimal number of seconds, milli-, micro- or nanoseconds since 1970,
// cut to nanoseconds. Which they are is told by its size.
func sinceEpoch(s string) (t time.Time, isNumber, ok bool) {
	whole, fraction, ok := decimal(s)
	if !ok {
		return time.Time{}, false, false
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, true, false
	}
	for _, u := range epochUnits {
		if n < u.least || n/u.perSecond >= lastTime.Unix() {
			continue
		}
		// What is below the unit, as nanoseconds.
		places := 0
		for u := u.perSecond; u < 1e9; u *= 10 {
			places++
		}
		below, _ := strconv.ParseInt("0"+(fraction + "000000000")[:places], 10, 64)
		t = time.Unix(n/u.perSecond, n%u.perSecond*(1e9/u.perSecond)+below)
		return t.UTC(), true, inTime(t)
	}
	return time.Time{}, true, false
}

// decimal takes a number apart into the digits before its point and those after it, an
// exponent reckoned in: Java writes 1.795342272123E12.
func decimal(s string) (whole, fraction string, ok bool) {
	const longest = 60 // digits, and the exponent
	s = strings.TrimPrefix(strings.ToLower(s), "+")
	mantissa, exponent, scaled := strings.Cut(s, "e")
	whole, fraction, _ = strings.Cut(mantissa, ".")
	digits := whole + fraction
	if whole == "" || len(digits) > longest || strings.Trim(digits, "0123456789") != "" {
		return "", "", false
	}
	if !scaled {
		return whole, fraction, true
	}
	e, err := strconv.Atoi(exponent)
	if err != nil || e < -longest || e > longest {
		return "", "", false
	}
	at := len(whole) + e
	digits = strings.Repeat("0", max(-at, 0)) + digits + strings.Repeat("0", max(at-len(digits), 0))
	at = max(at, 0)
	return "0" + digits[:at], digits[at:], true
}
