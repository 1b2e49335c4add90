package launch

import (
	"context"
	"reflect"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime/graphx"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"
	jobpb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/jobmanagement_v1"
	pipepb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/pipeline_v1"
	"google.golang.org/grpc"
)

// listener keeps what it is told.
type listener struct {
	jobpb.JobServiceClient // what is not asked
	prepared               *jobpb.PrepareJobRequest
}

func (s *listener) Prepare(_ context.Context, r *jobpb.PrepareJobRequest, _ ...grpc.CallOption) (*jobpb.PrepareJobResponse, error) {
	s.prepared = r
	return nil, nil
}

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
			var server listener
			if _, err := (&submission{client: &server}).prepare(t.Context(), m, engineOptions{"parallelism": 3}); err != nil {
				t.Fatal(err)
			}
			got := server.prepared.GetPipelineOptions().AsMap()
			if got["beam:option:streaming:v1"] != c.want || got["beam:option:parallelism:v1"] != 3.0 {
				t.Error(got)
			}
		})
	}
}
