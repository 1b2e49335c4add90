// Package ticks is the clock by which stages on Flink come round: a source of its
// own that goes on by itself.
//
// A splittable DoFn that hands back leaves something behind in Flink's state and in
// the TaskManager's heap for ever, with the job servers of Beam before 2.77 (Beam issue
// 27648). So on Flink a stage that reads on keeps its position in keyed state, and what
// comes round is a tick.
package ticks

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/state"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
)

func init() {
	beam.RegisterDoFn(&tickFn{})
	register.Emitter2[string, bool]()
}

// scope is the transform's name as engines show it. It names the package in which the
// transform once was: metrics and savepoints know it by that name.
const scope = "kafkasource.Ticks"

// clockURN is the one source of Beam's runner for Flink that goes on by itself: an
// element about every so many milliseconds, from each of its parallel parts.
const clockURN = "flink:transform:streaming_impulse:v1"

// clock gives elements for ever, at about the interval.
func clock(s beam.Scope, every time.Duration) beam.PCollection {
	payload, err := json.Marshal(map[string]int64{"interval_ms": max(1, every.Milliseconds()), "message_count": 0})
	if err != nil {
		panic(err)
	}
	return beam.External(s, clockURN, payload, nil, []beam.FullType{typex.New(reflect.TypeFor[[]byte]())}, false)[0]
}

// For gives each of the keys a tick for ever, about one in every interval: KV<string,
// bool>. For Flink only.
func For(s beam.Scope, keys []string, every time.Duration) beam.PCollection {
	s = s.Scope(scope)
	// The clock has as many parts as the job has slots. One key makes one of them.
	one := beam.AddFixedKey(s, clock(s, every))
	return beam.ParDo(s, &tickFn{Keys: keys, Every: every, One: state.MakeValueState[[]byte]("one")}, one)
}

// tickFn gives each key a tick.
type tickFn struct {
	Keys  []string
	Every time.Duration
	One   state.Value[[]byte] // never used: engines bring a key to one place only for a DoFn with state

	last time.Time
}

// ProcessElement gives ticks, unless the last are too young.
func (f *tickFn) ProcessElement(_ state.Provider, _ int, _ []byte, emit func(string, bool)) {
	now := time.Now()
	if now.Sub(f.last) < f.Every/2 {
		return
	}
	f.last = now
	for _, k := range f.Keys {
		emit(k, true)
	}
}
