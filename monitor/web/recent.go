package web

import (
	"sync"
	"time"
)

// mostRecent are kept of what was read a moment ago.
const mostRecent = 32

// Recent keeps what was read a moment ago, so that many who ask for the same at once have it
// read once. Its zero value keeps it for no longer than it takes to be read.
type Recent[T any] struct {
	// For is how long.
	For time.Duration

	mu    sync.Mutex
	known map[string]*recent[T]
}

type recent[T any] struct {
	mu    sync.Mutex // held while it is read
	at    time.Time  // zero: it was not read yet
	value T
}

// Get is what read gives of a key now, or gave a moment ago. Errors are not kept.
func (r *Recent[T]) Get(key string, read func() (T, error)) (T, error) {
	one := r.of(key)
	one.mu.Lock()
	defer one.mu.Unlock()
	if one.at.IsZero() || time.Since(one.at) >= r.For {
		value, err := read()
		if err != nil {
			return value, err
		}
		one.value, one.at = value, time.Now()
	}
	return one.value, nil
}

func (r *Recent[T]) of(key string) *recent[T] {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.known[key]
	if one == nil {
		if len(r.known) >= mostRecent || r.known == nil {
			r.known = map[string]*recent[T]{}
		}
		one = &recent[T]{}
		r.known[key] = one
	}
	return one
}
