package ticks

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime/graphx"
	pipepb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/pipeline_v1"
)

func TestEveryPartitionGetsATickButNotFromEverySlot(t *testing.T) {
	fn := &tickFn{Keys: []string{"a", "b"}, Every: time.Hour}
	var got []string
	element := func() { fn.ProcessElement(nil, 0, nil, func(key string, _ bool) { got = append(got, key) }) }
	element()
	element()
	if !slices.Equal(got, []string{"a", "b"}) {
		t.Error(got)
	}
	fn.last = fn.last.Add(-fn.Every)
	element()
	if !slices.Equal(got, []string{"a", "b", "a", "b"}) {
		t.Error("no tick in the next interval", got)
	}
}

func TestTheClockIsThatOfFlinksRunner(t *testing.T) {
	p, s := beam.NewPipelineWithRoot()
	For(s, []string{"a"}, 200*time.Millisecond)
	edges, _, err := p.Build()
	if err != nil {
		t.Fatal(err)
	}
	m, err := graphx.Marshal(edges, &graphx.Options{Environment: &pipepb.Environment{Urn: "test"}})
	if err != nil {
		t.Fatal(err)
	}
	var clocks int
	for _, tr := range m.GetComponents().GetTransforms() {
		if tr.GetSpec().GetUrn() != clockURN {
			continue
		}
		clocks++
		var payload map[string]int
		if err := json.Unmarshal(tr.GetSpec().GetPayload(), &payload); err != nil || payload["interval_ms"] != 200 || payload["message_count"] != 0 {
			t.Errorf("payload %s, %v", tr.GetSpec().GetPayload(), err)
		}
		for _, id := range tr.GetOutputs() {
			if m.GetComponents().GetPcollections()[id].GetIsBounded() != pipepb.IsBounded_UNBOUNDED {
				t.Error("the clock has an end")
			}
		}
	}
	if clocks != 1 {
		t.Errorf("%d clocks", clocks)
	}
}
