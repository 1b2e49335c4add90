package element

import (
	"errors"
	"testing"
)

type closing struct{ closed int }

func (c *closing) Close() error { c.closed++; return nil }

func TestWhatIsSharedIsOpenUntilTheLastIsDone(t *testing.T) {
	var s Shared[*closing]
	opened := 0
	open := func() (*closing, error) { opened++; return &closing{}, nil }
	acquire := func(key string) *Share[*closing] {
		t.Helper()
		u, err := s.Acquire(key, open)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	a, b, other := acquire("a"), acquire("a"), acquire("b")
	if a.Value != b.Value || a.Value == other.Value || opened != 2 {
		t.Fatal(opened)
	}
	if err := a.Release(); err != nil || a.Value.closed != 0 {
		t.Error("closed while it is used", err)
	}
	if err := b.Release(); err != nil || b.Value.closed != 1 {
		t.Error("not closed", err)
	}
	if c := acquire("a"); c.Value == a.Value || opened != 3 {
		t.Error("not opened again")
	}
	if _, err := s.Acquire("c", func() (*closing, error) { return nil, errors.New("no") }); err == nil || s.byKey["c"] != nil {
		t.Error("what cannot be opened is there")
	}
}

func TestWhatIsDiscardedIsOpenedAnewWhileOthersHaveIt(t *testing.T) {
	var s Shared[*closing]
	open := func() (*closing, error) { return &closing{}, nil }
	a, _ := s.Acquire("a", open)
	b, _ := s.Acquire("a", open)
	if err := a.Discard(); err != nil || a.Value.closed != 1 {
		t.Error("not closed", err)
	}
	c, _ := s.Acquire("a", open)
	if c.Value == a.Value {
		t.Error("not opened anew")
	}
	for _, u := range []*Share[*closing]{a, b} {
		if err := u.Release(); err != nil {
			t.Error(err)
		}
	}
	if a.Value.closed != 1 || c.Value.closed != 0 || s.byKey["a"] != c {
		t.Error("closed twice, or the new one was closed")
	}
}
