package sequence

import (
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
)

func init() {
	beam.RegisterCoder(reflect.TypeOf(Run{}), func(r Run) []byte { return r.Marshal() }, UnmarshalRun)
}
