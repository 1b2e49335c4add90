package flags

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/history/period"
)

// PeriodGroup is the group of a period's flags in the help. Their --from is a moment of
// capture, not the place in a log that a job's is.
const PeriodGroup = "Period"

// PeriodFlags are the flags that name a period.
type PeriodFlags struct {
	from, to, during string
	zone             *string
}

// Period adds --from, --to, --zone and --time-of-day.
func Period(f *pflag.FlagSet) *PeriodFlags {
	p := &PeriodFlags{}
	program.InGroup(f, PeriodGroup, func(f *pflag.FlagSet) {
		f.StringVar(&p.from, "from", "", "only frames captured at this `moment` or later: 2024-05-01 (its beginning), \"2024-05-01 15:00\", "+
			"2024-05-01T15:00:00+02:00, 15:00 (of today), today, \"yesterday 15:00\", now, -2h, -7d")
		f.StringVar(&p.to, "to", "", "only frames captured before this `moment`, which is said like --from")
		p.zone = Zone(f)
		f.StringVar(&p.during, "time-of-day", "", "only frames captured at these `times` of the day or week: 22:00-06:00; "+
			"\"mon-fri 08:00-12:00,13:00-17:30, sat 10:00-14:00\"; sat,sun")
	})
	return p
}

// Period is the period that the flags name, as seen now; an error names every violation.
func (p *PeriodFlags) Period(now time.Time) (period.Period, error) {
	return period.Parse(p.from, p.to, *p.zone, p.during, now)
}
