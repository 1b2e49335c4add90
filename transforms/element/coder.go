package element

import (
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
)

func init() {
	beam.RegisterCoder(reflect.TypeOf(Run{}), func(r Run) []byte { return r.Marshal() }, UnmarshalRun)
	beam.RegisterCoder(reflect.TypeOf(Part{}), func(p Part) []byte { return p.Marshal() }, UnmarshalPart)
}
