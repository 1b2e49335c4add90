package source

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/log"
)

func entries(offsets ...int64) (out []Entry) {
	for _, o := range offsets {
		out = append(out, Entry{Offset: o, Camera: "a"})
	}
	return out
}

// tracker is one in chunks of 4 that stands at an offset of [0, to).
func tracker(t *testing.T, to, at int64) *Tracker {
	t.Helper()
	rt := NewTracker(newRestriction(&Task{Partition: chunk.Partition{Topic: "frames"}, To: to, LogEnd: max(to, 6)}, 4))
	for o := int64(0); o < at; o++ {
		if !rt.TryClaim(&Records{Entries: entries(o), Next: o + 1, Digest: uint64(o)}) {
			t.Fatal(rt.GetError())
		}
		if (o+1)%4 == 0 && o+1 < at && !rt.TryClaim(&Close{Forget: 2}) {
			t.Fatal(rt.GetError())
		}
	}
	return rt
}

func TestTryClaim(t *testing.T) {
	for _, c := range []struct {
		name   string
		to, at int64
		claim  any
		ok     bool
		bad    bool // an error as well
		next   int64
	}{
		{"the next record", 10, 0, &Records{Entries: entries(0), Next: 1}, true, false, 3},
		{"several records with a gap between and after", 10, 0, &Records{Entries: entries(0, 2), Next: 4}, true, false, 8},
		{"a gap alone", 10, 1, &Records{Next: 3}, true, false, 7},
		{"a gap up to the end of the chunk", 10, 1, &Records{Next: 4}, true, false, 8},
		{"records up to the end of the task", 6, 5, &Records{Entries: entries(5), Next: 6}, true, false, 13},
		{"records beyond the end of the task", 6, 5, &Records{Entries: entries(5), Next: 7}, false, true, 11},
		{"records beyond the end of the chunk", 10, 3, &Records{Entries: entries(3, 4), Next: 5}, false, true, 7},
		{"records before the position", 10, 2, &Records{Entries: entries(1), Next: 3}, false, true, 5},
		{"records out of order", 10, 0, &Records{Entries: entries(1, 0), Next: 3}, false, true, 1},
		{"a record at the offset to go on from", 10, 0, &Records{Entries: entries(1), Next: 1}, false, true, 1},
		{"nothing", 10, 2, &Records{Next: 2}, false, true, 5},
		{"records where the end of a chunk is due", 10, 4, &Records{Entries: entries(4), Next: 5}, false, true, 8},
		{"the end of a chunk that is due", 10, 4, &Close{Forget: 2}, true, false, 9},
		{"the end of a chunk that is not due", 10, 3, &Close{Forget: 2}, false, true, 7},
		{"the end of the last chunk", 4, 4, &Close{Forget: 2}, true, false, 9},
		{"records when done", 6, 6, &Records{Entries: entries(6), Next: 7}, false, false, 13},
		{"an unknown claim", 10, 0, int64(0), false, true, 1},
		{"to tell of a chunk that has begun", 10, 2, &Tell{}, true, false, 5},
		{"to tell at the end of the task", 6, 6, &Tell{}, true, false, 13},
		{"to tell of a chunk that has not begun", 10, 0, &Tell{}, false, false, 1},
		{"to tell when the end is due", 10, 4, &Tell{}, false, false, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			rt := tracker(t, c.to, c.at)
			if ok := rt.TryClaim(c.claim); ok != c.ok || errors.Is(rt.GetError(), errClaim) != c.bad {
				t.Errorf("got %v, error %v", ok, rt.GetError())
			}
			if next := rt.at().Next; next != c.next {
				t.Errorf("next is %d, want %d", next, c.next)
			}
			if c.bad && (rt.IsDone() || rt.TryClaim(c.claim)) {
				t.Error("goes on after an impossible claim")
			}
		})
	}
}

func TestAClaimTellsWhatCameBefore(t *testing.T) {
	rt := NewTracker(newRestriction(&Task{From: 8, To: 100, Cameras: []chunk.CameraOffset{{Camera: "a", Last: 3}, {Camera: "old", Last: 1}}}, 4))
	r := &Records{Entries: []Entry{{Offset: 8, Camera: "a"}, {Offset: 9}, {Offset: 10, Camera: "b"}, {Offset: 11, Camera: "a"}}, Next: 12, Digest: 7, Epoch: 3}
	if !rt.TryClaim(r) {
		t.Fatal(rt.GetError())
	}
	if want := []Entry{{8, "a", 3}, {9, "", 0 + chunk.None}, {10, "b", chunk.None}, {11, "a", 8}}; !cmp.Equal(r.Entries, want) {
		t.Errorf("entries %v, want %v", r.Entries, want)
	}
	end := &Close{Forget: 2}
	if !rt.TryClaim(end) {
		t.Fatal(rt.GetError())
	}
	want := &Close{
		Forget: 2, Index: 2, Offsets: chunk.Span(8, 12), Digest: 7,
		Saved:   []chunk.CameraOffset{{Camera: "a", Last: 11}, {Camera: "b", Last: 10}},
		Cleared: []chunk.CameraOffset{{Camera: "old", Last: 1}},
		Cameras: []chunk.CameraOffset{{Camera: "a", Last: 11}, {Camera: "b", Last: 10}},
	}
	if d := cmp.Diff(want, end); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if r := rt.GetRestriction().(Restriction); len(r.Offsets) != 0 || r.digest() != 0 || r.Last != (log.Last{Offset: 11, Digest: 7, Epoch: 3}) || len(r.Cameras) != 2 {
		t.Errorf("the next chunk begins with %+v", r)
	}
}

func TestItIsToldOncePerGrowth(t *testing.T) {
	rt := tracker(t, 10, 2)
	tell := &Tell{}
	if !rt.TryClaim(tell) || tell.UpTo != 2 || tell.Index != 0 || !tell.Offsets.Equal(chunk.Span(0, 2)) || tell.Digest != 1 {
		t.Fatalf("%+v", tell)
	}
	if rt.TryClaim(&Tell{}) {
		t.Error("told again without growth")
	}
	rt.TryClaim(&Records{Entries: entries(2), Next: 3})
	if !tell.Offsets.Equal(chunk.Span(0, 2)) {
		t.Error("what was told changed")
	}
	if !rt.TryClaim(&Tell{}) {
		t.Error("not told after growth")
	}
	_, res, _ := rt.TrySplit(0)
	if rt.TryClaim(&Tell{}) || NewTracker(res.(Restriction)).TryClaim(&Tell{}) {
		t.Error("a checkpoint makes it be told again")
	}
}

func TestTrySplit(t *testing.T) {
	for at := int64(0); at <= 6; at++ {
		for _, fraction := range []float64{0.01, 0.5, 0.99, 1} {
			t.Run(fmt.Sprintf("%v of the rest at %d does not split", fraction, at), func(t *testing.T) {
				rt := tracker(t, 6, at)
				before := rt.GetRestriction()
				primary, residual, err := rt.TrySplit(fraction)
				if residual != nil || err != nil || !cmp.Equal(primary, before) || !cmp.Equal(rt.GetRestriction(), before) {
					t.Errorf("primary %+v, residual %v, %v", primary, residual, err)
				}
			})
		}
		t.Run(fmt.Sprintf("a checkpoint at %d", at), func(t *testing.T) {
			rt := tracker(t, 6, at)
			before := rt.GetRestriction().(Restriction)
			primary, residual, err := rt.TrySplit(0)
			if err != nil || !rt.IsDone() || rt.GetError() != nil {
				t.Fatal(err, rt.IsDone(), rt.GetError())
			}
			if p := primary.(Restriction); !p.done() || p.Next != before.Next {
				t.Errorf("primary %+v", p)
			}
			if at == 6 {
				if residual != nil {
					t.Errorf("residual %+v of a task that was done", residual)
				}
				return
			}
			if !cmp.Equal(residual, before) {
				t.Errorf("residual %+v, want %+v", residual, before)
			}
			if rt.TryClaim(&Records{Entries: entries(at), Next: at + 1}) || rt.TryClaim(&Close{Forget: 1}) || rt.TryClaim(&Tell{}) || rt.GetError() != nil {
				t.Error("claims after the checkpoint", rt.GetError())
			}
			if _, again, _ := rt.TrySplit(0); again != nil {
				t.Error("split twice")
			}
			// The residual shares no memory.
			other := NewTracker(residual.(Restriction))
			if at%4 != 0 {
				other.TryClaim(&Records{Entries: []Entry{{Offset: at, Camera: "z"}}, Next: at + 1})
			} else if at > 0 {
				other.TryClaim(&Close{Forget: 1})
			}
			if !cmp.Equal(residual, before) {
				t.Error("the residual's tracker changes it")
			}
		})
	}
}

func TestGetProgressIsExact(t *testing.T) {
	rt := tracker(t, 6, 4)
	if done, left := rt.GetProgress(); done != 4 || left != 2 {
		t.Error(done, left)
	}
	rt = NewTracker(newRestriction(&Task{To: chunk.None, LogEnd: 3}, 4))
	for i, want := range []float64{3, 2, 1, 0} {
		if done, left := rt.GetProgress(); done != float64(i) || left != want {
			t.Error(done, left)
		}
		rt.TryClaim(&Records{Entries: entries(int64(i)), Next: int64(i) + 1})
	}
	rt.see(9)
	if _, left := rt.GetProgress(); left != 5 {
		t.Error("after the log grew:", left)
	}
}

func TestIsDoneAndIsBounded(t *testing.T) {
	for _, c := range []struct {
		name          string
		to, at        int64
		done, bounded bool
	}{
		{"at the beginning", 6, 0, false, true},
		{"inside", 6, 5, false, true},
		{"at the end inside a chunk", 6, 6, true, true},
		{"before the end of the last chunk", 4, 4, false, true},
		{"an empty task", 0, 0, true, true},
		{"without end", chunk.None, 6, false, false},
	} {
		rt := tracker(t, c.to, c.at)
		if rt.IsDone() != c.done || rt.IsBounded() != c.bounded {
			t.Errorf("%s: done %v, bounded %v", c.name, rt.IsDone(), rt.IsBounded())
		}
	}
	if rt := NewTracker(newRestriction(&Task{From: 5, To: 5}, 4)); !rt.IsDone() {
		t.Error("an empty task inside a chunk is not done")
	}
}
