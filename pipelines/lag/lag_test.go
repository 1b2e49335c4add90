package lag

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
)

var begun = time.Date(2024, 5, 1, 8, 0, 0, 0, time.UTC)

// seen is what was seen of a partition so many seconds after it began.
type seen struct {
	at, processed, end int64
	behind             int64 // seconds between the two newest records
}

func TestALagSaysHowFastItGoesAndHowLongItTakes(t *testing.T) {
	for _, c := range []struct {
		name           string
		looks          []seen
		frames         int64
		rate, incoming float64
		catchUp        time.Duration
	}{
		{"of one look nothing is known but what is left", []seen{{0, 10, 110, 10}}, 100, -1, -1, Unknown},
		{"a log that stands is caught up with", []seen{{0, 0, 1000, 0}, {10, 500, 1000, 0}}, 500, 50, 0, 10 * time.Second},
		{"twice as fast as the log grows", []seen{{0, 0, 1000, 0}, {10, 200, 1100, 0}}, 900, 20, 10, 90 * time.Second},
		{"as fast as the log grows, it is never there", []seen{{0, 0, 1000, 0}, {10, 100, 1100, 0}}, 1000, 10, 10, Unknown},
		{"slower, neither", []seen{{0, 0, 1000, 0}, {10, 50, 1100, 0}}, 1050, 5, 10, Unknown},
		{"standing, neither", []seen{{0, 0, 1000, 0}, {10, 0, 1100, 0}}, 1100, 0, 10, Unknown},
		{"a job that keeps up waits for the next frames only", []seen{{0, 0, 50, 0}, {10, 100, 150, 0}}, 50, 10, 10, 0},
		{"but not one that falls behind while it is near", []seen{{0, 0, 50, 0}, {10, 60, 150, 0}}, 90, 6, 10, Unknown},
		{"nothing is left", []seen{{0, 0, 50, 0}, {10, 150, 150, 0}}, 0, 15, 10, 0},
		{"what came before the window does not count", []seen{{0, 0, 9000, 0}, {10, 6000, 9000, 0}, {70, 6060, 9000, 0}}, 2940, 1, 0, 2940 * time.Second},
		{"an output that is another one begins anew", []seen{{0, 500, 1000, 0}, {10, 0, 1000, 0}}, 1000, -1, -1, Unknown},
		{"and so does a log", []seen{{0, 500, 1000, 0}, {10, 500, 600, 0}}, 100, -1, -1, Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			var tracker Tracker
			var got Lag
			for _, s := range c.looks {
				got = tracker.Observe(begun.Add(time.Duration(s.at)*time.Second), Position{Processed: s.processed, End: s.end})
			}
			if got.Frames() != c.frames || got.Rate != c.rate || got.Incoming != c.incoming || got.CatchUp != c.catchUp {
				t.Errorf("%d frames, %v/s, %v/s come, %v; want %d, %v, %v, %v", got.Frames(), got.Rate, got.Incoming, got.CatchUp, c.frames, c.rate, c.incoming, c.catchUp)
			}
		})
	}
}

func TestALagIsInSecondsOfTheLog(t *testing.T) {
	at := func(s int64) time.Time { return begun.Add(time.Duration(s) * time.Second) }
	for _, c := range []struct {
		name         string
		p            Position
		behind, age  time.Duration
		frames, lost int64
	}{
		{"behind", Position{Begin: 0, Processed: 10, End: 30, At: at(10), Newest: at(30)}, 20 * time.Second, 90 * time.Second, 20, 0},
		{"done, and the source silent", Position{Processed: 30, End: 30, At: at(30), Newest: at(30)}, 0, 70 * time.Second, 0, 0},
		{"timestamps that do not ascend", Position{Processed: 10, End: 30, At: at(40), Newest: at(30)}, 0, 60 * time.Second, 20, 0},
		{"nothing processed yet", Position{Processed: 0, End: 30, Newest: at(30)}, Unknown, Unknown, 30, 0},
		{"the log has lost what comes next", Position{Begin: 25, Processed: 10, End: 30, At: at(10), Newest: at(30)}, 20 * time.Second, 90 * time.Second, 20, 15},
		{"and everything", Position{Begin: 30, Processed: 10, End: 30, At: at(10)}, Unknown, 90 * time.Second, 20, 20},
		{"a log that was made anew", Position{Processed: 50, End: 30, At: at(10), Newest: at(30)}, 0, 90 * time.Second, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if b, a, f, l := c.p.Behind(), c.p.Age(at(100)), c.p.Frames(), c.p.Lost(); b != c.behind || a != c.age || f != c.frames || l != c.lost {
				t.Errorf("%v behind, %v old, %d frames, %d lost; want %v, %v, %d, %d", b, a, f, l, c.behind, c.age, c.frames, c.lost)
			}
		})
	}
}

func TestPartitionsAreSummedUp(t *testing.T) {
	at := func(s int64) time.Time { return begun.Add(time.Duration(s) * time.Second) }
	one := Lag{Position: Position{Processed: 10, End: 30, At: at(10), Newest: at(30)}, Rate: 4, Incoming: 2, CatchUp: 10 * time.Second}
	two := Lag{Position: Position{Processed: 30, End: 35, At: at(30), Newest: at(35)}, Rate: 3, Incoming: 2, CatchUp: 5 * time.Second}
	if got, want := Total([]Lag{one, two}), (Sum{25, 0, 20 * time.Second, 7, 4, 10 * time.Second}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	two.Rate, two.Incoming, two.CatchUp, two.At = -1, -1, Unknown, time.Time{}
	if got, want := Total([]Lag{one, two}), (Sum{25, 0, Unknown, 4, 2, Unknown}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, want := Total(nil), (Sum{Rate: -1, Incoming: -1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestALagIsWrittenAsJSON(t *testing.T) {
	l := Lag{
		Position: Position{Partition: chunk.Partition{Topic: "frames", ID: 3}, Processed: 10, End: 30, At: begun, Newest: begun.Add(1500 * time.Millisecond)},
		Seen:     begun.Add(4 * time.Second), Rate: 2.5, Incoming: -1, CatchUp: Unknown,
	}
	b, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"topic":"frames","partition":3,"log_begin":0,"log_end":30,"complete":0,"processed":10,"lag_frames":20,"lost_frames":0,` +
		`"lag_seconds":1.5,"age_seconds":4,"per_second":2.5,"incoming_per_second":null,"catch_up_seconds":null}`
	if string(b) != want {
		t.Errorf("%s\nwant %s", b, want)
	}
}

func TestASumIsWrittenAsJSON(t *testing.T) {
	b, err := json.Marshal(Sum{Frames: 20, Lost: 1, Behind: 1500 * time.Millisecond, Rate: 2.5, Incoming: -1, CatchUp: Unknown})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"lag_frames":20,"lost_frames":1,"lag_seconds":1.5,"per_second":2.5,"incoming_per_second":null,"catch_up_seconds":null}`
	if string(b) != want {
		t.Errorf("%s\nwant %s", b, want)
	}
}
