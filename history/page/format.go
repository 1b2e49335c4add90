package page

import (
	"html/template"
	"reflect"
	"strconv"
	"time"
)

// Funcs are the functions that every template has:
//
//	count  a whole number, its thousands apart
//	plural a count with its word: plural 2 "frame" "frames"
//	at     a time of day with its date, to the millisecond, in its own zone
func Funcs() template.FuncMap {
	count := func(n any) string { return Count(reflect.ValueOf(n).Int()) }
	return template.FuncMap{"count": count, "plural": Plural, "at": At}
}

// Count writes a whole number with its thousands apart, by spaces that do not break.
func Count[T ~int | ~int32 | ~int64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	sign := ""
	if n < 0 {
		sign, s = "\u2212", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return sign + s
}

// Plural is a count with the word for one or for many.
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + many
}

// At writes a moment to the millisecond, with its zone's distance from UTC.
func At(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.Format("2006-01-02 15:04:05.000 ") + zone(t)
}

func zone(t time.Time) string {
	if _, off := t.Zone(); off == 0 {
		return "UTC"
	}
	return t.Format("-07:00")
}
