package schedule

import (
	"strings"
	"testing"
	"time"
)

func TestCovers(t *testing.T) {
	night := Schedule{From: "20:00", To: "06:00", Zone: "Europe/Berlin"}
	office := Schedule{From: "08:00", To: "17:30", Days: []string{"mon", "fri"}}
	weekend := Schedule{From: "22:00", To: "02:00", Days: []string{"sat"}}
	whole := Schedule{From: "00:00", To: "00:00", Days: []string{"sun"}}
	for _, c := range []struct {
		name string
		s    Schedule
		at   string
		want bool
	}{
		{"the first minute of a night that begins before midnight", night, "2024-07-01T18:00:00Z", true},
		{"the minute before it", night, "2024-07-01T17:59:59Z", false},
		{"its last second, in winter time", night, "2024-01-02T04:59:59Z", true},
		{"its end", night, "2024-01-02T05:00:00Z", false},
		{"a Monday's office hours", office, "2024-07-01T08:00:00Z", true},
		{"their end", office, "2024-07-01T17:30:00Z", false},
		{"a Tuesday's", office, "2024-07-02T12:00:00Z", false},
		{"Saturday night", weekend, "2024-07-06T23:00:00Z", true},
		{"Saturday night after midnight", weekend, "2024-07-07T01:59:00Z", true},
		{"Saturday after midnight, which is Friday's night", weekend, "2024-07-06T01:00:00Z", false},
		{"Sunday night", weekend, "2024-07-07T23:00:00Z", false},
		{"a whole Sunday", whole, "2024-07-07T12:00:00Z", true},
		{"its first second", whole, "2024-07-07T00:00:00Z", true},
		{"the Monday after it", whole, "2024-07-08T00:00:00Z", false},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.s.Validate(); err != nil {
			t.Fatal(err)
		}
		if got := c.s.Covers(at); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestValidateNamesEveryViolation(t *testing.T) {
	err := Schedule{From: "24:00", To: "6:00", Days: []string{"someday"}, Zone: "Mars/Olympus"}.Validate()
	for _, want := range []string{"from", "to", "someday", "Mars/Olympus"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
	if (Schedule{From: "00:00", To: "00:00", Zone: "Local"}).Validate() == nil {
		t.Error("the machine's own zone is taken")
	}
}
