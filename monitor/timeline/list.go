// Package timeline is what the page's view Events needs: events by time, newest first, page by
// page; a day of all cameras; pictures and clips of events; and new ones as they come.
package timeline

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/framebeam/framebeam/history/events"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/result"
)

// place is where an event lies in the order of all: by time, then by its place in the log and its
// index in the frame. It stays as it is whatever comes later, so a page can begin at it.
type place struct {
	At        int64  `json:"t"` // µs since 1970
	Topic     string `json:"f"`
	Partition int32  `json:"p"`
	Offset    int64  `json:"o"`
	Index     int    `json:"i"`
}

func placeOf(row *result.Frame, index int) place {
	return place{row.At().UnixMicro(), row.Topic, row.Partition, row.Offset, index}
}

func (a place) compare(b place) int {
	return cmp.Or(cmp.Compare(a.At, b.At), strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition),
		cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Index, b.Index))
}

// String is the place as an address has it.
func (a place) String() string {
	b, _ := json.Marshal(a) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

var errPlace = errors.New("this is no place in a list")

func parsePlace(text string) (p place, err error) {
	if len(text) > 1024 {
		return p, errPlace
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(b, &p) != nil {
		return p, errPlace
	}
	return p, nil
}

// item is an event in the order of all.
type item struct {
	events.Found
	place place
}

// wanted says which events are listed.
type wanted struct {
	events.Filter
	// Stage: those of the sequence stage too, unless types or analyses are named.
	stage bool
	// beyond: only those after it, in the direction of the list; nil: all.
	beyond *place
	oldest bool // oldest first
	limit  int
}

// wants reports whether an event is listed; camera, period and place are looked at elsewhere.
func (q *wanted) wants(e *result.Event) bool {
	return q.told(e) && q.Wants(e)
}

// told reports whether an event is of those that are told of: not of the sequence stage, unless that
// is asked for.
func (q *wanted) told(e *result.Event) bool {
	return q.stage || len(q.Types)+len(q.Analyses) > 0 || result.OfAnalysis(*e)
}

// order is that of the list.
func (q *wanted) order(a, b place) int {
	if q.oldest {
		return a.compare(b)
	}
	return b.compare(a)
}

// tries is how often a list is begun anew because a file went away under it: a partial one
// that grew, or what retention removed.
const tries = 8

// list are the first events in the list's order, at most limit, and whether there are more. Of
// the output only the files are read that may have one of them.
func (q *wanted) list(ctx context.Context, s *scan.Scan) (list []item, more bool, err error) {
	for try := 1; ; try++ {
		list, more, err = q.once(ctx, s)
		if !errors.Is(err, fs.ErrNotExist) || try == tries {
			return list, more, err
		}
	}
}

func (q *wanted) once(ctx context.Context, s *scan.Scan) (list []item, more bool, err error) {
	look := scan.Query{
		Period: q.Period, Cameras: q.Cameras, EventTypes: q.Types,
		Columns: result.OfEpoch | result.OfEvents | result.OfConfig, Filled: result.OfEvents,
	}
	if q.beyond != nil {
		at := time.UnixMicro(q.beyond.At)
		if q.oldest && (look.Period.From.IsZero() || look.Period.From.Before(at)) {
			look.Period.From = at
		}
		if until := at.Add(time.Microsecond); !q.oldest && (look.Period.To.IsZero() || look.Period.To.After(until)) {
			look.Period.To = until
		}
	}
	var files []output.Entry
	for e, err := range s.Files(ctx, look) {
		if err != nil {
			return nil, false, err
		}
		files = append(files, e)
	}
	// The file first whose rows may come first.
	edge := func(e *output.Entry) int64 {
		if q.oldest {
			return e.Statistics.First
		}
		return -e.Statistics.Last
	}
	slices.SortStableFunc(files, func(a, b output.Entry) int { return cmp.Compare(edge(&a), edge(&b)) })
	keep := func() {
		slices.SortFunc(list, func(a, b item) int { return q.order(a.place, b.place) })
		if len(list) > q.limit+1 {
			list = list[:q.limit+1]
		}
	}
	for i := range files {
		f := &files[i]
		if len(list) > q.limit {
			last := list[q.limit].place.At
			if !q.oldest {
				last = -last
			}
			if edge(f) > last {
				break // all that is in it, and in the files that follow, comes later
			}
		}
		err := s.Output().Read(ctx, f.Name, result.Selection{
			Columns: look.Columns, Filled: look.Filled, Row: func(r *result.Frame) bool {
				return (len(q.Cameras) == 0 || slices.Contains(q.Cameras, r.Camera)) && look.Period.Contains(r.At())
			},
		}, func(rows []result.Frame) error {
			for i := range rows {
				for k := range rows[i].Events {
					it := item{events.Found{Frame: &rows[i], Event: &rows[i].Events[k]}, placeOf(&rows[i], k)}
					if q.wants(it.Event) && (q.beyond == nil || q.order(*q.beyond, it.place) < 0) {
						list = append(list, it)
					}
				}
			}
			if len(list) > 4*(q.limit+1) {
				keep()
			}
			return ctx.Err()
		})
		if err != nil {
			return nil, false, err
		}
		keep()
	}
	if more = len(list) > q.limit; more {
		list = list[:q.limit]
	}
	return list, more, nil
}
