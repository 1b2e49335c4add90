package launch

import (
	"reflect"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime/graphx"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"
	pipepb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/pipeline_v1"
)

func TestAPipelineWithoutEndIsTold(t *testing.T) {
	bytes := []beam.FullType{typex.New(reflect.TypeFor[[]byte]())}
	for _, c := range []struct {
		name string
		add  func(beam.Scope)
		want bool
	}{
		{"bounded", func(s beam.Scope) { beam.Impulse(s) }, false},
		{"without end", func(s beam.Scope) { beam.External(s, "clock", nil, nil, bytes, false) }, true},
		{"both", func(s beam.Scope) { beam.Impulse(s); beam.External(s, "clock", nil, nil, bytes, false) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, s := beam.NewPipelineWithRoot()
			c.add(s)
			edges, _, err := p.Build()
			if err != nil {
				t.Fatal(err)
			}
			m, err := graphx.Marshal(edges, &graphx.Options{Environment: &pipepb.Environment{Urn: "test"}})
			if err != nil {
				t.Fatal(err)
			}
			if got := unbounded(m); got != c.want {
				t.Error(got)
			}
		})
	}
}
