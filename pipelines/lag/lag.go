// Package lag says how far an output is behind the log that it is filled from: how much is
// still to be done, how fast that goes, and how long it will take.
//
//	w := lag.Watch(l, out, "frames")
//	for each tick {
//		all, err := w.Look(ctx)
//	}
package lag

import (
	"encoding/json"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
)

// Unknown is a time that nobody knows.
const Unknown time.Duration = -1

// Position is where a partition's log and what was made of it stand.
type Position struct {
	chunk.Partition
	// Begin is the first offset that the log still has, and End the one that the next record
	// will have.
	Begin, End int64
	// Base is the first offset that the output has; chunk.None: no job has begun it.
	Base int64
	// Complete is the end of the contiguous complete chunks, and Processed of all that readers
	// of the output see: beginnings of chunks too. Where no job has begun, both are Begin.
	Complete, Processed int64
	// Newest is the log's timestamp of its last record, and At that of the last one before
	// Processed. Zero: not known.
	Newest, At time.Time
}

// Frames is how many offsets the output is behind. Some may hold no record.
func (p *Position) Frames() int64 { return max(0, p.End-p.Processed) }

// Lost is how many of them the log has not any more: retention was faster than the analysis.
func (p *Position) Lost() int64 { return max(0, min(p.Begin, p.End)-p.Processed) }

// Behind is how much older the last record that was processed is than the last that there
// is, by the log's timestamps. 0 where nothing is left to do; Unknown if one of them is not
// known.
func (p *Position) Behind() time.Duration {
	switch {
	case p.Frames() == 0:
		return 0
	case p.Newest.IsZero() || p.At.IsZero():
		return Unknown
	}
	return max(0, p.Newest.Sub(p.At))
}

// Age is how old the last record that was processed is, by this machine's clock; of a live
// source also how long it has been silent. Unknown if it is not known.
func (p *Position) Age(now time.Time) time.Duration {
	if p.At.IsZero() {
		return Unknown
	}
	return max(0, now.Sub(p.At))
}

// Lag is how far a partition is behind, as it was seen at a moment.
type Lag struct {
	Position
	Seen time.Time
	// Rate is how many offsets a second were processed, and Incoming how many the log got, in
	// the [Window] before. Negative: not known yet.
	Rate, Incoming float64
	// CatchUp is how long it will take until nothing is left, if it goes on like this: 0 where
	// nothing is, Unknown while it does not catch up.
	CatchUp time.Duration
}

// MarshalJSON writes what is not known as null, and times in seconds.
func (l Lag) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Topic     string   `json:"topic"`
		Partition int32    `json:"partition"`
		Begin     int64    `json:"log_begin"`
		End       int64    `json:"log_end"`
		Complete  int64    `json:"complete"`
		Processed int64    `json:"processed"`
		Frames    int64    `json:"lag_frames"`
		Lost      int64    `json:"lost_frames"`
		Behind    *float64 `json:"lag_seconds"`
		Age       *float64 `json:"age_seconds"`
		Rate      *float64 `json:"per_second"`
		Incoming  *float64 `json:"incoming_per_second"`
		CatchUp   *float64 `json:"catch_up_seconds"`
	}{
		l.Topic, l.Partition.ID, l.Begin, l.End, l.Complete, l.Processed, l.Frames(), l.Lost(),
		seconds(l.Behind()), seconds(l.Age(l.Seen)), known(l.Rate), known(l.Incoming), seconds(l.CatchUp),
	})
}

func seconds(d time.Duration) *float64 {
	if d == Unknown {
		return nil
	}
	s := d.Seconds()
	return &s
}

func known(rate float64) *float64 {
	if rate < 0 {
		return nil
	}
	return &rate
}

// Sum is the lag of several partitions together.
type Sum struct {
	Frames, Lost int64
	// Behind is that of the partition that is furthest behind; Unknown if there is one that is
	// behind and of which it is not known.
	Behind time.Duration
	// Rate and Incoming are the sums of those that are known; negative if none is.
	Rate, Incoming float64
	// CatchUp is that of the partition that takes longest; Unknown if one of them does not.
	CatchUp time.Duration
}

// MarshalJSON writes what is not known as null, and times in seconds.
func (s Sum) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Frames   int64    `json:"lag_frames"`
		Lost     int64    `json:"lost_frames"`
		Behind   *float64 `json:"lag_seconds"`
		Rate     *float64 `json:"per_second"`
		Incoming *float64 `json:"incoming_per_second"`
		CatchUp  *float64 `json:"catch_up_seconds"`
	}{s.Frames, s.Lost, seconds(s.Behind), known(s.Rate), known(s.Incoming), seconds(s.CatchUp)})
}

// Total sums up.
func Total(all []Lag) Sum {
	s := Sum{Rate: -1, Incoming: -1}
	longest := func(a, b time.Duration) time.Duration {
		if a == Unknown || b == Unknown {
			return Unknown
		}
		return max(a, b)
	}
	add := func(sum *float64, rate float64) {
		if rate >= 0 {
			*sum = max(0, *sum) + rate
		}
	}
	for i := range all {
		l := &all[i]
		s.Frames += l.Frames()
		s.Lost += l.Lost()
		s.Behind, s.CatchUp = longest(s.Behind, l.Behind()), longest(s.CatchUp, l.CatchUp)
		add(&s.Rate, l.Rate)
		add(&s.Incoming, l.Incoming)
	}
	return s
}
