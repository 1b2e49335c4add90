package ledger

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/alerts/rule"
	"github.com/framebeam/framebeam/transforms/eventsink"
)

func open(t *testing.T, folder string) *Ledger {
	t.Helper()
	l, err := Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestWhatIsWrittenIsThereAgainAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	p := l.Page("ops", "events", 3)
	if _, ok, err := p.Position(); ok || err != nil {
		t.Fatal(ok, err)
	}
	want := Position{Topic: "id", Offset: 7, Last: 6, Digest: 1 << 63, Epoch: 2}
	p.MoveTo(want)
	p.Know("one")
	m, err := p.Memory("r", "gate")
	if err != nil {
		t.Fatal(err)
	}
	m.Hold(&eventsink.Event{Camera: "gate"})
	if err := p.Write(); err != nil {
		t.Fatal(err)
	}
	p.Know("two") // is not written
	p.MoveTo(Position{Offset: 8})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir)
	p = l.Page("ops", "events", 3)
	got, ok, err := p.Position()
	if diff := cmp.Diff(want, got); diff != "" || !ok || err != nil {
		t.Error(diff, ok, err)
	}
	for id, want := range map[string]bool{"one": true, "two": false} {
		if known, err := p.Knows(id); known != want || err != nil {
			t.Error(id, known, err)
		}
	}
	n := 0
	err = p.Holding(func(of, camera string, m *rule.Memory) error {
		if n++; of != "r" || camera != "gate" || m.Held.Count != 1 {
			t.Error(of, camera, m)
		}
		return nil
	})
	if n != 1 || err != nil {
		t.Error(n, err)
	}
	// Another target and another partition know nothing of it.
	for _, other := range []*Page{l.Page("ops", "events", 4), l.Page("guard", "events", 3)} {
		if known, err := other.Knows("one"); known || err != nil {
			t.Error(known, err)
		}
	}
}

func TestTheOldestIdsAreForgotten(t *testing.T) {
	l := open(t, t.TempDir())
	p := l.Page("ops", "events", 0)
	for i := range Known + 10 {
		p.Know(fmt.Sprint(i))
		if p.Full() {
			if err := p.Write(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := p.Write(); err != nil {
		t.Fatal(err)
	}
	for i, want := range map[int]bool{0: false, 9: false, 10: true, Known + 9: true} {
		if known, err := p.Knows(fmt.Sprint(i)); known != want || err != nil {
			t.Error(i, known, err)
		}
	}
}

func TestOnlyOneProcessHasIt(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	if _, err := Open(dir); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
}
