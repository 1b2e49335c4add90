package launch

import (
	"context"
	"errors"
	"fmt"
)

// ErrCancelled is that a job was cancelled, as its engine says: by whomever.
var ErrCancelled = errors.New("it was cancelled")

// NotCancelled is that a job is to end and may go on, since it could not be cancelled.
type NotCancelled struct {
	Job, ID string // its name, and what the job server calls it
	Why     error  // why it is to end; context.Canceled if it is interrupted
	Err     error  // why it could not be cancelled
	ByHand  string // how to cancel it
}

func (e *NotCancelled) Error() string {
	why := "interrupted"
	if !errors.Is(e.Why, context.Canceled) {
		why = e.Why.Error()
	}
	return fmt.Sprintf("%s, but the job %s (%s) may go on, cancelling it failed: %v; cancel it by hand: %s", why, e.Job, e.ID, e.Err, e.ByHand)
}

func (e *NotCancelled) Unwrap() []error { return []error{e.Why, e.Err} }

// interrupted reports whether an error is that work was interrupted, and nothing of it
// goes on.
func interrupted(err error) bool {
	if _, on := errors.AsType[*NotCancelled](err); on {
		return false
	}
	return errors.Is(err, context.Canceled) || errors.Is(err, ErrCancelled)
}
