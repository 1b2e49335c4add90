package timezone

import (
	"strings"
	"testing"
	"time"
)

func TestZonesFollowTheRulesOfThisProgram(t *testing.T) {
	t.Setenv("ZONEINFO", t.TempDir())
	for _, c := range []struct {
		name, at string
		want     string
	}{
		{"", "2023-07-01T12:00:00Z", "12:00 +0000"},
		{"UTC", "2023-07-01T12:00:00Z", "12:00 +0000"},
		{"Europe/Berlin", "2024-07-01T12:00:00Z", "14:00 +0200"},
		{"Europe/Berlin", "2024-10-27T01:30:00Z", "02:30 +0100"}, // the second time
		{"America/Mexico_City", "2022-07-01T12:00:00Z", "07:00 -0500"},
		{"America/Mexico_City", "2023-07-01T12:00:00Z", "06:00 -0600"}, // no summer time since October 2022
	} {
		z, err := Load(c.name)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := at.In(z).Format("15:04 -0700"); got != c.want {
			t.Errorf("%s in %q is %s, want %s", c.at, c.name, got, c.want)
		}
	}
}

func TestNamesThatDependOnTheMachineAreNotKnown(t *testing.T) {
	for _, name := range []string{"Local", "localtime", "posixrules", "Europe", "Europe/", "../etc/localtime", "/etc/localtime", "Middle-earth/Bree", "europe/berlin"} {
		if z, err := Load(name); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v, %v", name, z, err)
		}
	}
}

func TestEveryZoneCanBeLoaded(t *testing.T) {
	a, err := archive()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range a.File {
		if f.FileInfo().IsDir() {
			continue
		}
		n++
		if _, err := Load(f.Name); err != nil {
			t.Error(err)
		}
	}
	if n < 500 {
		t.Errorf("%d zones", n)
	}
}
