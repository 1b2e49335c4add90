package counters

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func TestANameIsTakenApartAsItWasPutTogether(t *testing.T) {
	for value, want := range map[string]string{
		"LineDetector/Crossed": "LineDetector/Crossed", "cut_off": "cut_off", "with__two": "with__two", "a.b:c d,e": "a-b-c-d-e", "": "",
	} {
		name, label, got := Split("events" + between + "type" + between + plain(value))
		if name != "events" || label != "type" || got != want {
			t.Errorf("%q: %q %q %q", value, name, label, got)
		}
	}
	if name, label, value := Split("frames_analyzed"); name != "frames_analyzed" || label != "" || value != "" {
		t.Error(name, label, value)
	}
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.StringMatching(`[A-Za-z0-9_/-]*`).Draw(t, "value")
		if name, label, value := Split("n" + between + "l" + between + plain(v)); name != "n" || label != "l" || value != v {
			t.Fatal(name, label, value)
		}
	})
}

func TestThereAreNotMoreCountersThanTheBound(t *testing.T) {
	c := New("events", "type")
	for i := range 3 * mostValues {
		c.counter(fmt.Sprint(i))
	}
	if len(c.of) > mostValues+1 {
		t.Error(len(c.of))
	}
}
