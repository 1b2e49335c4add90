package sequence

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/wire"
)

func TestNumbersJudgeFrames(t *testing.T) {
	type step struct {
		epoch string
		seq   int64
		want  string
	}
	cases := []struct {
		name  string
		steps []step
	}{
		{"an unbroken epoch is all new", []step{{"a", 0, "ok begins"}, {"a", 1, "ok"}, {"a", 2, "ok"}}},
		{"an epoch that begins above 0 says what is missing", []step{{"a", 4, "ok begins 4 missing"}}},
		{"a hole is counted", []step{{"a", 0, "ok begins"}, {"a", 3, "ok 2 missing"}}},
		{"the same number again is a repeat", []step{{"a", 0, "ok begins"}, {"a", 0, "repeat"}}},
		{"a late frame never seen is out of order, and then a repeat", []step{{"a", 0, "ok begins"}, {"a", 2, "ok 1 missing"}, {"a", 1, "out_of_order"}, {"a", 1, "repeat"}}},
		{"an epoch that was left resets nothing", []step{{"a", 0, "ok begins"}, {"b", 0, "ok begins"}, {"a", 0, "repeat"}, {"a", 1, "out_of_order"}, {"b", 1, "ok"}}},
		{"frames without a number are always new", []step{{"", -1, "ok"}, {"", -1, "ok"}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var n numbers
			for i, s := range c.steps {
				v := n.see(&frame.Frame{Epoch: s.epoch, Sequence: s.seq})
				got := string(v.status)
				if v.begins {
					got += " begins"
				}
				if v.missing > 0 {
					got += fmt.Sprintf(" %d missing", v.missing)
				}
				if got != s.want {
					t.Errorf("frame %d (%s/%d) is %q, want %q", i, s.epoch, s.seq, got, s.want)
				}
			}
		})
	}
}

func TestNumbersStayBoundedAndNeverCallASeenFrameNew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var n numbers
		seen := map[string]bool{}
		epochs := rapid.IntRange(1, maxEpochs).Draw(t, "epochs")
		for range rapid.IntRange(1, 400).Draw(t, "frames") {
			f := &frame.Frame{
				Epoch:    fmt.Sprint(rapid.IntRange(1, epochs).Draw(t, "epoch")),
				Sequence: rapid.Int64Range(0, 600).Draw(t, "sequence"),
			}
			v := n.see(f)
			key := fmt.Sprint(f.Epoch, "/", f.Sequence)
			if seen[key] && v.status != result.Repeat {
				t.Fatalf("frame %s was seen and is %q", key, v.status)
			}
			seen[key] = true
		}
		b := n.append(nil)
		if len(b) > 64<<10 {
			t.Fatalf("numbers take %d bytes", len(b))
		}
		r := wire.NewReader(b)
		back := readNumbers(r)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if string(back.append(nil)) != string(b) {
			t.Fatal("numbers changed on the way through their encoding")
		}
	})
}

func FuzzRestore(f *testing.F) {
	// Restore never panics, and what it accepts it saves again.
	a := testAnalyzer(f)
	c := a.Start()
	it := element.Item{Result: result.Frame{Status: result.OK}, Frame: frame.Frame{Epoch: "e", Data: []byte{1}}}
	if err := c.Next(&it); err != nil {
		f.Fatal(err)
	}
	b, err := c.Save()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{cameraVersion})
	plain, err := NewAnalyzer(nil, 0, 1<<30)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := plain.Restore(b)
		if err != nil {
			return
		}
		if _, err := c.Save(); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzUnmarshalChain(f *testing.F) {
	f.Add((&chain{position: 7, waiting: []int64{3, -1}}).marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := unmarshalChain(b); err == nil {
			m.marshal()
		}
	})
}

// played gives a camera one frame of each epoch, in order, and returns what
// happened: "ok", "repeat", with the stage's own events of the memory.
func played(t testing.TB, c *Camera, epochs ...string) (got []string) {
	t.Helper()
	for i, name := range epochs {
		it := element.Item{Result: result.Frame{Offset: int64(i), Status: result.OK}, Frame: frame.Frame{Camera: "c", Epoch: name, Data: []byte{1}}}
		if err := c.Next(&it); err != nil {
			t.Fatal(err)
		}
		what := string(it.Result.Status)
		for _, e := range it.Result.Events {
			if e.Type == result.EventEpochForgotten || e.Type == result.EventCameraUnknown {
				if what += " " + e.Type; e.ID == "" {
					t.Error("an event without an id")
				}
			}
		}
		got = append(got, what)
	}
	return got
}

func TestBeyondTheMemoryOfEpochsADoubleIsNeverSilent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, err := NewAnalyzer(nil, 0, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		c := a.Start()
		defer c.Close()
		forgotten, seen := 0, map[string]bool{}
		for range rapid.IntRange(1, 300).Draw(t, "frames") {
			name := fmt.Sprint("file-", rapid.IntRange(0, 100).Draw(t, "epoch"))
			it := element.Item{Result: result.Frame{Status: result.OK}, Frame: frame.Frame{Camera: "c", Epoch: name, Data: []byte{1}}}
			if err := c.Next(&it); err != nil {
				t.Fatal(err)
			}
			for _, e := range it.Result.Events {
				if e.Type == result.EventEpochForgotten {
					forgotten++
				}
			}
			if seen[name] && it.Result.Status == result.OK {
				// Each time an epoch is analysed again, one was told to be forgotten before.
				if forgotten--; forgotten < 0 {
					t.Fatalf("epoch %s is analysed again, and nothing was said", name)
				}
			}
			seen[name] = true
			saved, err := c.Save()
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
			if c, err = a.Restore(saved); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestALiveCameraThatReconnectsForMonthsIsNoNews(t *testing.T) {
	a, err := NewAnalyzer(nil, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	c := a.Start()
	defer c.Close()
	c.forgettable = true
	var names []string
	for i := range 300 {
		names = append(names, fmt.Sprintf("20240501T080000.%03dZ-0123456789abcdef", i))
	}
	for i, got := range played(t, c, names...) {
		if got != "ok" {
			t.Errorf("epoch %d: %s", i, got)
		}
	}
	// A file's epoch is news when it is forgotten, wherever it stood.
	for i, got := range played(t, c, append([]string{"file-1"}, names[:70]...)...) {
		if want := map[bool]string{true: "ok EpochForgotten", false: "ok"}[i == maxEpochs]; got != want {
			t.Errorf("frame %d: %s, want %s", i, got, want)
		}
	}
}

func TestAFilmOfACameraThatMayHaveBeenForgottenSaysSo(t *testing.T) {
	a, err := NewAnalyzer(nil, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		chunk, forget int64
		want          string
	}{{63, 64, "ok"}, {64, 64, "ok CameraUnknown"}, {1000, 0, "ok"}} {
		seq := sequencer{analyzer: func(string) (*Analyzer, error) { return a, nil }, forget: c.forget}
		item := func(i int64) element.Item {
			return element.Item{Result: result.Frame{Offset: c.chunk*16 + i, Status: result.OK}, Frame: frame.Frame{Camera: "c", Epoch: "file-1", Sequence: i, Data: []byte{1}}}
		}
		run := element.Run{Link: chunk.Link{N: 16, Chunk: c.chunk, Camera: "c", Kind: chunk.Frames, Prev: chunk.Fresh}, Items: []element.Item{item(0), item(1)}}
		m := chain{position: chunk.None}
		parts, cam, err := seq.take(&m, &run, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		cam.Close()
		got := string(parts[0].Results[0].Status)
		for _, e := range parts[0].Results[0].Events {
			if e.Type == result.EventCameraUnknown {
				got += " " + e.Type
			}
		}
		if got != c.want || len(parts[0].Results[1].Events) > 0 {
			t.Errorf("in chunk %d: %s, want %s", c.chunk, got, c.want)
		}
	}
}
