package clip

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/transforms/result"
)

// Event is something that happened, and the row in which it did.
type Event struct {
	result.Event
	Row result.Frame
}

var validID = regexp.MustCompile(`^[0-9a-f]{4,32}$`)

// idDigits is how many digits a whole id has.
const idDigits = 32

// CheckID refuses what is neither an event's id nor the beginning of one.
func CheckID(id string) error {
	if !validID.MatchString(id) {
		return fmt.Errorf("%q is no event's id: 32 hex digits, or the first 4 or more of them", id)
	}
	return nil
}

// ErrNoEvent says that the output has no such event.
var ErrNoEvent = errors.New("the output has no such event")

// Find is the event with an id, which may be shortened to what only one event's begins with.
func Find(ctx context.Context, s *scan.Scan, id string) (*Event, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	var found *Event
	q := scan.Query{Columns: result.OfEvents | result.OfEpoch | result.OfConfig, Filled: result.OfEvents}
	for row, err := range s.Rows(ctx, q) {
		if err != nil {
			return nil, err
		}
		for _, e := range row.Events {
			switch {
			case !strings.HasPrefix(e.ID, id):
			case len(id) == idDigits:
				return &Event{e, *row}, nil
			case found != nil && found.ID != e.ID:
				return nil, fmt.Errorf("event %s: at least two begin so, %s and %s", id, found.ID, e.ID)
			default:
				found = &Event{e, *row}
			}
		}
	}
	if found == nil {
		return nil, fmt.Errorf("event %s: %w", id, ErrNoEvent)
	}
	return found, nil
}
