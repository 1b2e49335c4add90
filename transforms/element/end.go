package element

import (
	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
)

func init() {
	beam.RegisterDoFn(&endFn{})
	register.Iter1[int]()
}

// End ends a pipeline behind a stage that emits nothing, a PCollection of
// KV<string, int>. Engines need it: prism keeps a core busy with a stage whose output no
// other stage takes. Nothing is grouped, so nothing stays in the engine's state.
func End(s beam.Scope, nothing beam.PCollection) {
	beam.ParDo0(s, &endFn{}, beam.GroupByKey(s, nothing))
}

type endFn struct{}

// ProcessElement is never called: nothing is grouped.
func (*endFn) ProcessElement(string, func(*int) bool) {}
