package chunksink

import (
	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
)

func init() {
	beam.RegisterDoFn(&endsFn{})
}

// Ends makes parts of chunk ends (chunk.End), keyed for [Write].
func Ends(s beam.Scope, ends beam.PCollection) beam.PCollection {
	return beam.ParDo(s.Scope("chunksink.Ends"), &endsFn{}, ends)
}

type endsFn struct{}

func (*endsFn) ProcessElement(end chunk.End) (string, element.Part) {
	return end.Key(), element.Part{ID: end.ID, End: &end}
}
