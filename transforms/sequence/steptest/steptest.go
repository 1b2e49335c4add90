// Package steptest checks what every step in sequence must keep: results do not
// depend on where its state is saved and restored.
package steptest

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
)

// Run feeds the items to the step alone, as the stage does, and returns their
// results. before is called ahead of each with the camera as it stands, and may
// return another to go on with; nil: no such thing.
func Run(t testing.TB, step sequence.Step, items []element.Item, before func(i int, a *sequence.Analyzer, c *sequence.Camera) *sequence.Camera) []result.Frame {
	t.Helper()
	a, err := sequence.NewAnalyzer([]sequence.Step{step}, 0, 8<<20)
	if err != nil {
		t.Fatal(err)
	}
	c := a.Start()
	defer func() { c.Close() }()
	var rows []result.Frame
	for i := range items {
		if before != nil {
			c = before(i, a, c)
		}
		it := items[i]
		it.Result.Detections = append([]result.Detection(nil), it.Result.Detections...)
		it.Result.Events = append([]result.Event(nil), it.Result.Events...)
		if err := c.Next(&it); err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		rows = append(rows, it.Result)
	}
	return rows
}

// Check runs the step over the items straight through, and with the state saved and
// restored before each of them, and compares results and states. A memory must
// never take more than limit bytes. Damaged states are refused or read, but must
// not panic. It returns the results.
func Check(t testing.TB, step sequence.Step, items []element.Item, limit int) []result.Frame {
	t.Helper()
	straight := Run(t, step, items, nil)
	var last []byte
	restored := Run(t, step, items, func(i int, a *sequence.Analyzer, c *sequence.Camera) *sequence.Camera {
		saved, err := c.Save()
		if err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		c.Close()
		back, err := a.Restore(saved)
		if err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		again, err := back.Save()
		if err != nil || !bytes.Equal(saved, again) {
			t.Fatalf("frame %d: a restored state is saved as other bytes, %v", i, err)
		}
		last = saved
		return back
	})
	for i := range straight {
		if d := cmp.Diff(straight[i], restored[i]); d != "" {
			t.Fatalf("frame %d differs when the state is restored before each frame:\n%s", i, d)
		}
	}
	checkMemory(t, step, items, limit)
	a, err := sequence.NewAnalyzer([]sequence.Step{step}, 0, 8<<20)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(last); i += 1 + len(last)/200 {
		damaged := bytes.Clone(last)
		damaged[i] ^= 0x55
		for _, b := range [][]byte{damaged, last[:i]} {
			if c, err := a.Restore(b); err == nil {
				c.Close()
			}
		}
	}
	return straight
}

// checkMemory looks at what the step's own memory saves.
func checkMemory(t testing.TB, step sequence.Step, items []element.Item, limit int) {
	t.Helper()
	sizes := &sized{Step: step, t: t, limit: limit}
	Run(t, sizes, items, func(_ int, _ *sequence.Analyzer, c *sequence.Camera) *sequence.Camera {
		if _, err := c.Save(); err != nil {
			t.Fatal(err)
		}
		return c
	})
	if _, err := step.Restore([]byte{0xff}); err == nil {
		t.Error("a state of an unknown version is restored")
	}
	if _, err := step.Restore(nil); err == nil {
		t.Error("an empty state is restored")
	}
}

type sized struct {
	sequence.Step
	t     testing.TB
	limit int
}

func (s *sized) Start() sequence.Memory { return &sizedMemory{s.Step.Start(), s} }

type sizedMemory struct {
	sequence.Memory
	of *sized
}

func (m *sizedMemory) Save() []byte {
	b := m.Memory.Save()
	if len(b) > m.of.limit {
		m.of.t.Errorf("a memory takes %d bytes, over its limit of %d", len(b), m.of.limit)
	}
	return b
}
