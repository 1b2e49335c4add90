package store

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Patient is a filesystem on which writing a file may fail and later succeed.
type Patient interface {
	// Patience is how long a file is written anew after such failures.
	Patience() time.Duration
}

// Checker is a filesystem that can tell a wrong configuration or path without
// connecting to anything.
type Checker interface {
	Check(root string) error
}

// Transient reports whether an error says of itself that what failed may
// succeed if the file is written again from its beginning.
func Transient(err error) bool {
	var t interface{ Transient() bool }
	return errors.As(err, &t) && t.Transient()
}

// cleanupPatience is how long a temporary file is tried to be removed after a
// failure. The next job that starts on the folder sweeps what is left.
const cleanupPatience = 30 * time.Second

const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 15 * time.Second
)

// again repeats write while its error is transient, with growing pauses, as long
// as the filesystem's patience lasts.
func (f *Folder) again(ctx context.Context, name string, write func() error) error {
	p, ok := f.fs.(Patient)
	if !ok {
		return write()
	}
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval, wait.Multiplier = firstBackoff, maxBackoff, 2
	said := false
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := write()
		if err != nil && !Transient(err) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(wait), backoff.WithMaxElapsedTime(p.Patience()), backoff.WithNotify(func(err error, _ time.Duration) {
		if !said {
			said = true
			slog.WarnContext(ctx, "a file is written anew", "file", f.Path(name), "for", p.Patience(), "reason", err)
		}
	}))
	return err
}
