package period

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/config/timezone"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := timezone.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func at(t testing.TB, text string) time.Time {
	t.Helper()
	m, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// moments are read on Wednesday, the 3rd of April 2024, three days after clocks were set
// forward in Europe, at 14:30 in Berlin.
const readAt = "2024-04-03T12:30:00Z"

var momentCases = []struct{ name, text, zone, want string }{
	{"a date is its beginning", "2024-05-01", "Europe/Berlin", "2024-04-30T22:00:00Z"},
	{"a date and time", "2024-05-01 15:00", "Europe/Berlin", "2024-05-01T13:00:00Z"},
	{"with seconds and less", "2024-05-01 15:00:01.5", "", "2024-05-01T15:00:01.5Z"},
	{"a T and no zone is by the zone's clocks", "2024-05-01T15:00", "Europe/Berlin", "2024-05-01T13:00:00Z"},
	{"RFC 3339 is exact", "2024-05-01T15:00:00-05:00", "Europe/Berlin", "2024-05-01T20:00:00Z"},
	{"today", "today", "Europe/Berlin", "2024-04-02T22:00:00Z"},
	{"yesterday", "yesterday", "Europe/Berlin", "2024-04-01T22:00:00Z"},
	{"yesterday is another day elsewhere", "yesterday", "Pacific/Auckland", "2024-04-02T11:00:00Z"},
	{"yesterday at a time", "yesterday 15:00", "Europe/Berlin", "2024-04-02T13:00:00Z"},
	{"today at a time", "today 08:15:30", "", "2024-04-03T08:15:30Z"},
	{"a time is today's", "08:15", "Europe/Berlin", "2024-04-03T06:15:00Z"},
	{"now", "now", "Europe/Berlin", readAt},
	{"hours ago", "-2h", "Europe/Berlin", "2024-04-03T10:30:00Z"},
	{"minutes ago", "-90m", "Europe/Berlin", "2024-04-03T11:00:00Z"},
	{"days ago, over the change of clocks, at the same time of day", "-7d", "Europe/Berlin", "2024-03-27T13:30:00Z"},
	{"hours ago are not days", "-168h", "Europe/Berlin", "2024-03-27T12:30:00Z"},
	{"a week and some", "-1w1d2h", "", "2024-03-26T10:30:00Z"},
	{"a time that clocks leave out is when they go on", "2024-03-31 02:30", "Europe/Berlin", "2024-03-31T01:00:00Z"},
	{"a time that they show twice is the first", "2024-10-27 02:30", "Europe/Berlin", "2024-10-27T00:30:00Z"},
	{"a day without midnight begins when it begins", "2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00:00Z"},
	{"a midnight that comes twice is the first", "2018-02-18", "America/Sao_Paulo", "2018-02-18T03:00:00Z"},
	{"a day that a zone never had", "2011-12-30 12:00", "Pacific/Apia", "2011-12-30T10:00:00Z"},
}

func TestMoments(t *testing.T) {
	for _, c := range momentCases {
		got, err := Moment(c.text, zone(t, c.zone), at(t, readAt))
		if err != nil || !got.Equal(at(t, c.want)) {
			t.Errorf("%s: %q in %q is %s, %v; want %s", c.name, c.text, c.zone, got.UTC().Format(time.RFC3339Nano), err, c.want)
		}
	}
}

func TestWhatIsNoMoment(t *testing.T) {
	for _, text := range []string{"", "tomorrow", "2024-13-01", "2024-05-01 25:00", "yesterday now", "-", "-2", "-2y", "7d", "3", "12", "2024",
		"today -2h", "-99999999999999999999h", "05-01", "2024-05-01 15:00 Europe/Berlin"} {
		if got, err := Moment(text, time.UTC, at(t, readAt)); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
}

func TestAPeriodIsHalfOpen(t *testing.T) {
	p, err := Parse("2024-04-01", "2024-04-02", "Europe/Berlin", "", at(t, readAt))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"2024-03-31T21:59:59.999Z": false,
		"2024-03-31T22:00:00Z":     true,
		"2024-04-01T21:59:59.999Z": true,
		"2024-04-01T22:00:00Z":     false,
	} {
		if p.Contains(at(t, text)) != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
	for _, c := range []struct {
		name, first, last string
		want              bool
	}{
		{"ends as it begins", "2024-03-30T00:00:00Z", "2024-03-31T22:00:00Z", true},
		{"ends before", "2024-03-30T00:00:00Z", "2024-03-31T21:59:59Z", false},
		{"is around it", "2024-03-30T00:00:00Z", "2024-05-31T00:00:00Z", true},
		{"begins as it ends", "2024-04-01T22:00:00Z", "2024-05-31T00:00:00Z", false},
	} {
		if p.Overlaps(at(t, c.first), at(t, c.last)) != c.want {
			t.Errorf("what %s: %v", c.name, !c.want)
		}
	}
	if open := (Period{}); !open.Contains(time.Time{}) || !open.Contains(at(t, readAt)) || !open.Open() || p.Open() {
		t.Error("an open period is not all time")
	}
}

func TestTimesOfDayAreByTheClocksOfTheZone(t *testing.T) {
	for _, c := range []struct {
		name, during, at string
		want             bool
	}{
		{"before a night, in summer", "22:00-06:00", "2024-07-01T19:59:59Z", false},
		{"in a night", "22:00-06:00", "2024-07-01T20:00:00Z", true},
		{"in winter nights begin an hour later", "22:00-06:00", "2024-01-01T20:00:00Z", false},
		{"the second of two stretches", "08:00-12:00,13:00-17:30", "2024-07-01T11:00:00Z", true},
		{"between them", "08:00-12:00,13:00-17:30", "2024-07-01T10:30:00Z", false},
		{"days hold for all that follows", "mon-fri 08:00-12:00,13:00-17:30", "2024-07-06T12:00:00Z", false},
		{"until others are named", "mon-fri 08:00-12:00, sat 10:00-14:00", "2024-07-06T11:30:00Z", true},
		{"days without times are whole", "sat,sun", "2024-07-07T12:00:00Z", true},
		{"and nothing else", "sat,sun", "2024-07-08T12:00:00Z", false},
		{"days may go over the week's end", "sat-mon", "2024-07-08T12:00:00Z", true},
		{"24:00 is the end of a day", "12:00-24:00", "2024-07-08T21:59:59Z", true},
		{"and its end is excluded", "12:00-24:00", "2024-07-08T22:00:00Z", false},
	} {
		p, err := Parse("", "", "Europe/Berlin", c.during, at(t, readAt))
		if err != nil {
			t.Fatal(err)
		}
		if p.Contains(at(t, c.at)) != c.want {
			t.Errorf("%s: %v", c.name, !c.want)
		}
	}
}

func TestEveryViolationIsNamed(t *testing.T) {
	_, err := Parse("someday", "1969-01-01", "", "25:00-26:00 moon-fri noon", at(t, readAt))
	for _, want := range []string{"--from", "someday", "--to", "1970", "--time-of-day", "25:00", "moon", "noon"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
	if _, err := Parse("today", "", "Mars/Olympus", "", at(t, readAt)); err == nil || !strings.Contains(err.Error(), "--zone") {
		t.Error(err)
	}
	if _, err := Parse("today", "yesterday", "", "", at(t, readAt)); err == nil || !strings.Contains(err.Error(), "not before") {
		t.Error(err)
	}
}

// TestLocalIsTheFirstMoment compares with a walk over all quarters of an hour around it.
func TestLocalIsTheFirstMoment(t *testing.T) {
	zones := []string{"Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu", "Pacific/Apia", ""}
	rapid.Check(t, func(rt *rapid.T) {
		z := zone(t, rapid.SampledFrom(zones).Draw(rt, "zone"))
		wall := time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 15*365*96).Draw(rt, "quarter")) * 15 * time.Minute)
		got := Local(wall, z)
		want := wall.Add(-30 * time.Hour)
		for !shown(want, z).Equal(wall) && shown(want, z).Before(wall) {
			want = want.Add(15 * time.Minute)
		}
		if !got.Equal(want) {
			rt.Fatalf("%s in %s: %s, want %s", wall, z, got, want.In(z))
		}
	})
}

func TestADayIsFromMidnightToMidnightByTheClocksOfTheZone(t *testing.T) {
	for _, c := range []struct{ zone, at, from, to string }{
		{"", "2024-05-01T00:00:00Z", "2024-05-01T00:00:00Z", "2024-05-02T00:00:00Z"},
		{"", "2024-12-31T23:59:59Z", "2024-12-31T00:00:00Z", "2025-01-01T00:00:00Z"},
		{"Europe/Berlin", "2024-03-31T21:00:00Z", "2024-03-30T23:00:00Z", "2024-03-31T22:00:00Z"},     // 23 hours
		{"Europe/Berlin", "2024-10-27T22:30:00Z", "2024-10-26T22:00:00Z", "2024-10-27T23:00:00Z"},     // 25 hours
		{"America/Sao_Paulo", "2018-11-04T12:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"}, // midnight is left out
	} {
		z := zone(t, c.zone)
		got := Day(at(t, c.at), z)
		if !got.From.Equal(at(t, c.from)) || !got.To.Equal(at(t, c.to)) || got.Zone != z {
			t.Errorf("%s in %q: %v", c.at, c.zone, got)
		}
	}
}

func shown(t time.Time, z *time.Location) time.Time {
	return t.UTC().Add(offsetAt(t, z))
}

// FuzzParse: it never panics, and what it takes has its ends in order and keeps to them.
func FuzzParse(f *testing.F) {
	for _, m := range momentCases {
		f.Add(m.text, "", m.zone, "")
	}
	f.Add("-7d", "now", "Europe/Berlin", "mon-fri 08:00-12:00,13:00-17:30, sat 10:00-14:00")
	f.Fuzz(func(t *testing.T, from, to, zone, during string) {
		p, err := Parse(from, to, zone, during, at(t, readAt))
		if err != nil {
			return
		}
		if !p.To.IsZero() && (!p.From.Before(p.To) || p.Contains(p.To)) {
			t.Errorf("%s", p)
		}
		if !p.From.IsZero() && (p.Contains(p.From.Add(-1)) || len(p.During) == 0 && !p.Contains(p.From)) {
			t.Errorf("%s", p)
		}
	})
}
