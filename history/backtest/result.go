// Package backtest says what another configuration would have found in a part of a log:
// it plans which analyses have to be computed and which are stored, computes those, and
// compares what happens with what is stored, with a second configuration, or one output
// with another.
package backtest

import (
	"errors"
	"time"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/result"
)

// Side is one of the two that are compared.
type Side struct {
	// Name is for people: a configuration's file, an output.
	Name string
	// Configs are the cameras' configurations that made the side's rows, by the digest
	// that a row names ([result.Frame.Config]).
	Configs map[string]Config
}

// Config is how the cameras of a row's configuration are analysed.
type Config struct {
	// Analyses are those of a frame on its own, then the steps, in the order in which
	// they run. [params.Spec].Params are whole, such as a line's points.
	Analyses []params.Spec
	// Text is the whole configuration that it is of, as JSON.
	Text string
}

// Kind is how two runs differ.
type Kind string

const (
	// Added happens only after the change.
	Added Kind = "added"
	// Removed happens only before the change.
	Removed Kind = "removed"
	// Changed happens in both at the same frame, but with another track, label, value or
	// detail: Difference.Fields says which.
	Changed Kind = "changed"
	// Moved happens in both, within [Options.Window] of capture time.
	Moved Kind = "moved"
)

// Key is what happens, but for when. Two events are the same if they have one key and one
// frame: an event's id would not do, since it holds the digest of the analysis.
type Key struct {
	Camera     string
	Analysis   string // "lines/gate"; "sequence" for events of the stage itself
	Rule       string // "gate"; "" if the analysis has no rules
	Type       string
	Transition string
}

// Difference is an event that one side has and the other has not, or has otherwise.
type Difference struct {
	Key
	Kind Kind
	// Fields are what differs of a changed one: "track", "label", "value", "detail",
	// "snapshot".
	Fields []string
	// Before and After are the two pictures to show, the sides' rows with what they
	// found there. Of added, removed and changed ones both are of the same frame.
	Before, After Moment
}

// Moment is a frame as one side sees it.
type Moment struct {
	// Event happens at the frame; nil: nothing of the key does.
	Event *result.Event
	// Frame is the side's row, with its place in the log, its detections and all events,
	// but without quality and features. Its topic, partition and offset name the picture.
	Frame result.Frame
}

// Happens is the moment at which it happens: of the event that there is, the one after the
// change if there are two.
func (d *Difference) Happens() *Moment {
	if d.After.Event != nil {
		return &d.After
	}
	return &d.Before
}

// Captured is when it happens.
func (d *Difference) Captured() time.Time {
	return time.UnixMicro(d.Happens().Frame.Captured).UTC()
}

// Shift is by how much later a moved one happens; 0 otherwise.
func (d *Difference) Shift() time.Duration {
	if d.Kind != Moved {
		return 0
	}
	return time.Duration(d.After.Frame.Captured-d.Before.Frame.Captured) * time.Microsecond
}

// Count is how many events there are, and how they differ.
type Count struct {
	Before, After                  int64 // all events of either side
	Added, Removed, Changed, Moved int64
	// Renumbered are in both alike but for a running number, such as how many have
	// crossed a line so far. They are not among Changed, and no differences.
	Renumbered int64
}

// Differs is how many differences there are.
func (c Count) Differs() int64 { return c.Added + c.Removed + c.Changed + c.Moved }

// Add adds another.
func (c *Count) Add(o Count) {
	c.Before += o.Before
	c.After += o.After
	c.Added += o.Added
	c.Removed += o.Removed
	c.Changed += o.Changed
	c.Moved += o.Moved
	c.Renumbered += o.Renumbered
}

// Total is the count of a key.
type Total struct {
	Key
	Count
}

// Bucket is the count of a stretch of capture time, in which an event lies by its frame.
type Bucket struct {
	From time.Time // and Result.BucketWidth long
	Count
}

// Detected counts what an analysis found in a camera's frames.
type Detected struct {
	Camera, Analysis string
	Frames           int64 // in which either side found something
	Differ           int64 // of them, with other numbers of detections
	Before, After    int64 // detections
}

// Work is what was done for an analysis.
type Work struct {
	Analysis string
	Cameras  []string // sorted; at most [MostNamed]
	More     int      // cameras that are not named
	Frames   int64
	// Why it had to be computed, for people; "" of what was taken from the store.
	Why string
}

// MostNamed is how many cameras are named in one place.
const MostNamed = 20

// Result is what a backtest found. Close it.
type Result struct {
	Before, After Side

	// From and To are the period that was asked for, zero where it is open, and First and
	// Last the capture times of the frames that were compared.
	From, To    time.Time
	First, Last time.Time
	Cameras     []string // that had frames, sorted
	Frames      int64    // compared
	Decoded     int64    // of which the picture had to be decoded
	Elapsed     time.Duration

	// Exact: the differences are those of two whole live runs, event for event. Otherwise
	// Bounds say why they may not be. Notes say what else is to be known.
	Exact         bool
	Bounds, Notes []string

	Computed, Taken []Work // sorted by analysis

	Sum    Count
	Totals []Total // of every key that either side has, sorted by the key's fields in their order

	// Timeline are buckets of equal width, at most [MostBuckets], without those in which
	// nothing happened, ascending.
	Timeline    []Bucket
	BucketWidth time.Duration
	// Timelines are those of the cameras that differ most, at most [MostTimelines], of
	// buckets of the same width.
	Timelines map[string][]Bucket

	// Detections are counted if [Options.Detections] asks for it; sorted.
	Detections []Detected

	differences *spool
}

// MostBuckets is the longest timeline.
const MostBuckets = 512

// MostTimelines is how many cameras have a timeline of their own.
const MostTimelines = 100

// FramesPerSecond is how many frames were compared in a second.
func (r *Result) FramesPerSecond() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Frames) / r.Elapsed.Seconds()
}

// Differences is how many [Result.Each] gives: Sum.Differs().
func (r *Result) Differences() int64 { return r.Sum.Differs() }

// Each calls fn for every difference in the order of capture time, then of topic,
// partition and offset. They may be millions: they lie in a temporary file, and one at a
// time is in memory. fn ends it early with [ErrStop].
func (r *Result) Each(fn func(*Difference) error) error {
	if r.differences == nil {
		return nil
	}
	if err := r.differences.each(fn); !errors.Is(err, ErrStop) {
		return err
	}
	return nil
}

// ErrStop ends [Result.Each].
var ErrStop = errors.New("enough")

// Close removes the temporary file.
func (r *Result) Close() error {
	if r.differences == nil {
		return nil
	}
	return r.differences.close()
}

// Of is a result with these differences, whose totals are those of what is given: for
// tests of what shows results.
func Of(r Result, differences ...Difference) (*Result, error) {
	r.differences = newSpool()
	for i := range differences {
		if err := r.differences.add(&differences[i]); err != nil {
			return nil, errors.Join(err, r.Close())
		}
	}
	return &r, nil
}
