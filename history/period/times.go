package period

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/transforms/config/schedule"
)

var weekdays = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// dayOrDays is a weekday, or from one to another.
var dayOrDays = regexp.MustCompile(`^([a-z]{3})(?:-([a-z]{3}))?$`)

// Times reads times of the day and week: stretches such as 22:00-06:00, of which each ends
// before its second time and may go over midnight, with the days on which they begin
// before them. Commas and spaces part them:
//
//	22:00-06:00
//	08:00-12:00,13:00-17:30
//	mon-fri 08:00-17:30, sat 10:00-14:00
//	sat,sun                                 the whole of them
//
// Days hold for all stretches up to the next days. 24:00 is the end of a day. It returns
// every violation, joined.
func Times(text string) ([]schedule.Schedule, error) {
	var (
		times []schedule.Schedule
		days  []string
		named bool // days were named and no stretch yet
		errs  []error
	)
	fields := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	for _, field := range fields {
		if m := dayOrDays.FindStringSubmatch(field); m != nil {
			if !named {
				days = nil
			}
			more, err := between(m[1], m[2])
			errs = append(errs, err)
			days, named = append(slices.Clip(days), more...), true
			continue
		}
		from, to, ok := strings.Cut(field, "-")
		if !ok {
			errs = append(errs, fmt.Errorf("%q is no stretch of the day such as 22:00-06:00, nor days such as mon-fri", field))
			continue
		}
		if to == "24:00" {
			to = "00:00"
		}
		s := schedule.Schedule{From: from, To: to, Days: days}
		if err := s.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", field, err))
		}
		times, named = append(times, s), false
	}
	if named {
		times = append(times, schedule.Schedule{From: "00:00", To: "00:00", Days: days})
	}
	return times, errors.Join(errs...)
}

// between are the days from one to another, over the week's end if need be; last "" is
// the first alone.
func between(first, last string) ([]string, error) {
	if last == "" {
		last = first
	}
	i, j := slices.Index(weekdays, first), slices.Index(weekdays, last)
	if i < 0 || j < 0 {
		return nil, fmt.Errorf("%q or %q is not one of %s", first, last, strings.Join(weekdays, ", "))
	}
	if j < i {
		j += len(weekdays)
	}
	var days []string
	for ; i <= j; i++ {
		days = append(days, weekdays[i%len(weekdays)])
	}
	return days, nil
}
