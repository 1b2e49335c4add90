package sequence

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

// told runs what a camera's log holds through the stage, saving and restoring before each
// record, and returns for each the status and the events. A word is a state of the source
// and its second, as in "lost@5", or a frame: "3@5" has number 3 in epoch e.
func told(t *testing.T, a *Analyzer, log string) (rows []result.Frame, saved []byte) {
	t.Helper()
	c := a.Start()
	for i, word := range strings.Fields(log) {
		what, second, _ := strings.Cut(word, "@")
		var at int64
		if _, err := fmt.Sscan(second, &at); err != nil {
			t.Fatal(word, err)
		}
		it := element.Item{Result: result.Frame{Topic: "t", Offset: int64(10 + i), Camera: "door", Status: result.OK}}
		if state := frame.SourceState(what); state.Valid() {
			it.Result.DescribeSource(&frame.SourceChange{State: state, At: time.Unix(at, 0), Reason: "why " + what, Sequence: -1})
		} else {
			it.Frame = frame.Frame{Camera: "door", Epoch: "e", Captured: time.Unix(at, 0), Data: []byte{1}}
			if _, err := fmt.Sscan(what, &it.Frame.Sequence); err != nil {
				t.Fatal(word, err)
			}
			it.Result.Describe(&it.Frame)
		}
		b, err := c.Save()
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		if c, err = a.Restore(b); err != nil {
			t.Fatal(err)
		}
		if err := c.Next(&it); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, it.Result)
	}
	saved, err := c.Save()
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	return rows, saved
}

func bare(t *testing.T) *Analyzer {
	a, err := NewAnalyzer(nil, time.Hour, 0)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// saidOf writes the events about the source: "offset type transition value snapshot".
func saidOf(rows []result.Frame) (list []string) {
	for _, r := range rows {
		for _, e := range r.Events {
			if e.Analysis == result.OfSource {
				list = append(list, fmt.Sprintf("%d %s %s %v of %d", r.Offset, e.Type, e.Transition, e.Value, e.Snapshot))
			}
		}
	}
	return list
}

func TestEventsFollowFromWhatIsSaidOfASource(t *testing.T) {
	for name, c := range map[string]struct {
		log  string
		want []string
	}{
		"a camera that is switched off for a while": {
			"0@1 started@2 1@2 lost@12 2@500 back@501 3@501",
			[]string{"13 SourceLost begin 0 of 12", "14 SourceLost end 488 of 14"},
		},
		"its last frame is not known before the first word": {
			"0@1 lost@12 1@20", []string{"11 SourceLost begin 0 of 11", "12 SourceLost end 8 of 12"},
		},
		"a camera that never opens": {
			"lost@5", []string{"10 SourceLost begin 0 of 10"},
		},
		"it is said only once, whoever says it": {
			"0@1 started@1 lost@12 lost@20 1@30", []string{"12 SourceLost begin 0 of 12", "14 SourceLost end 18 of 14"},
		},
		"a collector that is ended and started again": {
			"0@1 started@1 1@2 stopped@3 2@9 started@9", []string{"13 SourceStopped begin 0 of 12", "14 SourceStopped end 6 of 14"},
		},
		"and finds the camera gone": {
			"stopped@3 lost@9 0@20",
			[]string{"10 SourceStopped begin 0 of 10", "11 SourceStopped end 6 of 11", "11 SourceLost begin 0 of 11", "12 SourceLost end 11 of 12"},
		},
		"a collector that is ended while the camera is gone": {
			"lost@3 stopped@9 0@20 back@20",
			[]string{"10 SourceLost begin 0 of 10", "11 SourceStopped begin 0 of 11", "12 SourceLost end 17 of 12", "12 SourceStopped end 11 of 12"},
		},
		"the first frame is lost, or cannot be read": {
			"lost@3 back@9 0@10", []string{"10 SourceLost begin 0 of 10", "11 SourceLost end 6 of 11"},
		},
		"back after a silence in which the camera was forgotten": {
			"0@9 back@9 1@10", []string{"11 SourceLost end 0 of 11"},
		},
		"films that end": {
			"0@1 ended@1", []string{"11 SourceEnded  0 of 11"},
		},
		"films that cannot be read, and once more": {
			"failed@1 failed@2 0@9 ended@9",
			[]string{"10 SourceFailed begin 0 of 10", "12 SourceFailed end 8 of 12", "13 SourceEnded  0 of 12"},
		},
		"a clock that is set back": {
			"lost@100 0@50", []string{"10 SourceLost begin 0 of 10", "11 SourceLost end 0 of 11"},
		},
		"a request that was carried out twice": {
			"0@1 started@1 lost@2 1@3 back@3 0@1 started@1 lost@2 1@3 back@3 2@4",
			[]string{"12 SourceLost begin 0 of 12", "13 SourceLost end 1 of 13"},
		},
	} {
		rows, _ := told(t, bare(t), c.log)
		if got := saidOf(rows); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

func TestARecordOfASourceIsNoFrameAndItsCopyIsKnown(t *testing.T) {
	rows, _ := told(t, bare(t), "0@1 started@1 1@2 lost@4 1@2 lost@4 2@9")
	var got []string
	ids := map[string]bool{}
	for _, r := range rows {
		got = append(got, string(r.Status))
		for _, e := range r.Events {
			if e.Type == result.EventFramesMissing || e.ID == "" || ids[e.ID] {
				t.Errorf("offset %d: %+v", r.Offset, e)
			}
			ids[e.ID] = true
		}
	}
	if want := []string{"ok", "source", "ok", "source", "repeat", "source_repeat", "ok"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if r := rows[3]; r.Reason != "lost" || r.Detail != "why lost" || r.Captured != 4_000_000 {
		t.Errorf("%+v", r)
	}
}

// Who has no such records keeps the bytes of all states.
func TestACameraOfWhichNothingWasSaidIsSavedAsEver(t *testing.T) {
	_, without := told(t, bare(t), "0@1 1@2")
	_, with := told(t, bare(t), "0@1 started@1 1@2")
	if without[0] != cameraVersion || with[0] != cameraSourceVersion {
		t.Errorf("versions %d and %d", without[0], with[0])
	}
}

func TestWhatIsRememberedOfASourceIsBounded(t *testing.T) {
	var log strings.Builder
	for i := range 500 {
		fmt.Fprintf(&log, "lost@%d %d@%d ", 2*i+1_000_000_000, i, 2*i+1_000_000_001)
	}
	a := bare(t)
	rows, saved := told(t, a, log.String())
	c, err := a.Restore(saved)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(saidOf(rows)); n != 1000 || len(c.told.told) != toldOfSource || len(c.told.append(nil)) > c.told.size() {
		t.Errorf("%d events, %d changes in %d bytes of at most %d", n, len(c.told.told), len(c.told.append(nil)), c.told.size())
	}
	for i := range saved {
		if c, err := a.Restore(saved[:i]); err == nil {
			c.Close()
			t.Errorf("the first %d bytes are a state", i)
		}
	}
}
