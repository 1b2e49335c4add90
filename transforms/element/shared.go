package element

import (
	"io"
	"sync"
)

// Shared holds what the copies of a stage in one process use together, by a key that
// says how it is opened. Engines make many copies of a DoFn; they share one log, one
// publisher or one program, and so its connections. The zero value holds nothing.
type Shared[V io.Closer] struct {
	mu    sync.Mutex
	byKey map[string]*Share[V]
}

// Share is a value that several use.
type Share[V io.Closer] struct {
	Value V

	of     *Shared[V]
	key    string
	users  int
	closed bool
}

// Acquire gives what is open under the key, or opens it. Release it. Nobody else opens
// or closes anything meanwhile.
func (s *Shared[V]) Acquire(key string, open func() (V, error)) (*Share[V], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.byKey[key]
	if u == nil {
		v, err := open()
		if err != nil {
			return nil, err
		}
		if s.byKey == nil {
			s.byKey = map[string]*Share[V]{}
		}
		u = &Share[V]{Value: v, of: s, key: key}
		s.byKey[key] = u
	}
	u.users++
	return u, nil
}

// Release gives back what [Shared.Acquire] gave. The last user closes it.
func (u *Share[V]) Release() error {
	u.of.mu.Lock()
	defer u.of.mu.Unlock()
	if u.users--; u.users > 0 {
		return nil
	}
	return u.close()
}

// Discard closes a value that has failed, although others use it: it fails for them
// too, and whoever comes later opens another. It is to be released all the same.
func (u *Share[V]) Discard() error {
	u.of.mu.Lock()
	defer u.of.mu.Unlock()
	return u.close()
}

// close closes it, once. The lock is held.
func (u *Share[V]) close() error {
	if u.closed {
		return nil
	}
	u.closed = true
	delete(u.of.byKey, u.key)
	return u.Value.Close()
}
