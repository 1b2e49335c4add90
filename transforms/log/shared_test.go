package log

import (
	"context"
	"testing"
)

type closing struct {
	Log    // what is not asked
	closed int
}

func (c *closing) Close() error { c.closed++; return nil }

func TestReadersOfOneLogShareItUntilTheLastIsDone(t *testing.T) {
	spec := Spec{Kind: "closing", Brokers: []string{"a"}}
	opened := []*closing{}
	Register("closing", func(context.Context, Spec) (Log, error) {
		opened = append(opened, &closing{})
		return opened[len(opened)-1], nil
	})
	defer delete(openers, "closing")
	a, err1 := Acquire(t.Context(), spec)
	b, err2 := Acquire(t.Context(), Spec{Kind: "closing", Brokers: []string{"a"}})
	if err1 != nil || err2 != nil || a != b || len(opened) != 1 {
		t.Fatal(err1, err2, len(opened))
	}
	if err := Release(spec); err != nil || opened[0].closed != 0 {
		t.Error("closed while it is used", err)
	}
	if err := Release(spec); err != nil || opened[0].closed != 1 {
		t.Error("not closed", err)
	}
	if _, err := Acquire(t.Context(), spec); err != nil || len(opened) != 2 {
		t.Error("not opened again", err)
	}
	if err := Release(spec); err != nil {
		t.Error(err)
	}
}
