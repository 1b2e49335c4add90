// Package report shows what a backtest found: as text for a terminal, as Markdown for a
// comment, as a Parquet file of all differences, and as one self-contained HTML file with
// pictures of both sides.
//
// A [Report] is bounded whatever the backtest found: it holds totals and the first
// differences of each group, of the groups that differ most. All are in the Parquet file.
// Equal results and options give equal bytes.
package report

import (
	"context"
	"time"

	"github.com/framebeam/framebeam/history/backtest"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
)

// Options are how a result is shown.
type Options struct {
	// Log is where the frames lie, for pictures; the zero value: none are shown. Parse is
	// how its records are read.
	Log   log.Spec
	Parse frame.ParseOptions
	// MaxBytes is about how large the HTML file may become; default DefaultMaxBytes.
	MaxBytes int
	// PerGroup is how many differences of a group are shown; default DefaultPerGroup.
	PerGroup int
	// Zone is that of the times that are shown; nil: UTC.
	Zone *time.Location
}

const (
	// DefaultMaxBytes is that of [Options].
	DefaultMaxBytes = 20 << 20
	// DefaultPerGroup is that of [Options].
	DefaultPerGroup = 200
)

// The bounds of a report beside those that can be chosen.
const (
	maxGroups  = 200      // of which differences are shown
	maxRows    = 1000     // of totals, in the HTML file
	maxCameras = 100      // with a timeline of their own
	textBytes  = 4 << 10  // about what a difference takes without its pictures
	pairBytes  = 96 << 10 // about what its pictures take
)

func (o Options) filled() Options {
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.PerGroup <= 0 {
		o.PerGroup = DefaultPerGroup
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	return o
}

// Report is what is shown of a result. The result stays the caller's, and open as long as
// the report is used.
type Report struct {
	*backtest.Result
	options Options
	// totals are those that differ, the worst first, then the others.
	totals []backtest.Total
	// detected are those whose detections differ most first.
	detected []backtest.Detected
	groups   []*group // the worst first
	// ungrouped is how many groups differ of which nothing is shown, and how many
	// differences they have.
	ungrouped, ungroupedDifferences int64
	lines                           []*timeline // the worst camera first
	moreCameras                     int         // differ, and have no timeline
}

// New looks at all differences once and draws the pictures of those that are shown.
func New(ctx context.Context, r *backtest.Result, o Options) (*Report, error) {
	rep := &Report{Result: r, options: o.filled()}
	rep.rank()
	if err := rep.collect(); err != nil {
		return nil, err
	}
	if o.Log.Kind != "" {
		if err := rep.illustrate(ctx); err != nil {
			return nil, err
		}
	}
	return rep, nil
}

// collect keeps the differences that are shown, and counts all in time.
func (r *Report) collect() error {
	groups := map[groupKey]*group{}
	for _, g := range r.groups {
		groups[g.groupKey] = g
	}
	lines := map[string]*timeline{}
	for _, l := range r.lines {
		lines[l.camera] = l
	}
	number := 0
	return r.Each(func(d *backtest.Difference) error {
		l := lines[d.Camera]
		bin := -1
		if l != nil {
			bin = l.add(d)
		}
		g := groups[keyOf(d.Key)]
		if g == nil || len(g.shown) == g.quota {
			return nil
		}
		number++
		kept := *d
		s := &shown{Difference: &kept, number: number}
		g.shown = append(g.shown, s)
		if l != nil {
			l.shows(bin, s)
		}
		return nil
	})
}
