// Package target says what whoever is told is to the rest: something that a message is sent to,
// and that answers.
package target

import (
	"context"
	"errors"
	"time"

	"github.com/framebeam/framebeam/alerts/message"
)

// Target is where messages are sent. Send may be called by several goroutines at once.
type Target interface {
	// Send sends a message, once, and returns when the receiver has taken it. answer is what it
	// said, for people. The error is a [Refused] if it will never take it; any other is of now.
	Send(ctx context.Context, m *message.Message) (answer string, err error)
	Close() error
}

// Refused is the error of a message that the receiver will never take.
type Refused struct{ Reason string }

func (e *Refused) Error() string { return "refused: " + e.Reason }

// Later is the error of a message that the receiver wants later, and not before After has passed.
type Later struct {
	Reason string
	After  time.Duration
}

func (e *Later) Error() string { return e.Reason }

// IsRefused reports whether a message will never be taken, and why.
func IsRefused(err error) (reason string, ok bool) {
	if r, is := errors.AsType[*Refused](err); is {
		return r.Reason, true
	}
	return "", false
}
