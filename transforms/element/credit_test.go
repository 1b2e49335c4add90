package element

import "testing"

func TestCreditIsGrantedAndComesBack(t *testing.T) {
	c := &Credit{limit: 100}
	if got := c.Take(60, 10); got != 60 {
		t.Error("there is room for all:", got)
	}
	if got := c.Take(60, 10); got != 40 {
		t.Error("there is room for a part:", got)
	}
	if got := c.Take(1, 1); got != 0 {
		t.Error("there is no room:", got)
	}
	c.Release(5)
	if got := c.Take(60, 10); got != 0 {
		t.Error("there is less room than the least:", got)
	}
	c.Release(1000)
	if got := c.Take(60, 10); got != 60 {
		t.Error("too much was given back:", got)
	}
}

func TestAnOversizedRunPassesAlone(t *testing.T) {
	c := &Credit{limit: 100}
	held := c.Take(500, 500)
	if held != 100 || !c.Grow(held, 300) {
		t.Fatal("nothing else is under way, but it may not go", held)
	}
	if c.Take(1, 1) != 0 {
		t.Error("another may go with it")
	}
	c.Release(300)
	other, held := c.Take(50, 1), c.Take(500, 50)
	if other != 50 || held != 50 || c.Grow(held, 300) {
		t.Error("it may go beside another", other, held)
	}
}

func TestWithoutLimitEverythingGoes(t *testing.T) {
	c := &Credit{}
	if c.Take(1<<40, 1) != 1<<40 || !c.Grow(1, 1<<50) {
		t.Error("refused")
	}
	c.Release(5)
	if c.out != 0 {
		t.Error("counted")
	}
}
