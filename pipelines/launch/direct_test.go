package launch

import (
	"errors"
	"strings"
	"testing"
)

// A real one, shortened.
const fell = `job framebeamanalyze20261130t192802 failed: panic in stage.Execute bundle processing goroutine: runtime error: invalid memory address or nil pointer dereference, stage: &{ID:stage-004 transforms:[e7] primaryInput: outputs:[{Transform:e7 Local:i0 Global:n9}]},stackTrace:
goroutine 105482 [running]:
github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism/internal/worker.(*W).sendInstruction(0x0, {0x2dc1350, 0x2fce7e674cd0}, 0x2fce7fd102d0)
github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism/internal/worker.(*B).Progress(0x2fce7ec9fb30, {0x2dc1350, 0x2fce7e674cd0}, 0x0)`

func TestAFaultOfTheRunnersOwnIsToldFromFailuresOfAJob(t *testing.T) {
	err := stumbled(errors.New(fell))
	if !errors.Is(err, ErrStumbled) || strings.Contains(err.Error(), "goroutine 105482") || !strings.Contains(err.Error(), "nil pointer") {
		t.Errorf("%v", err)
	}
	for _, other := range []string{
		"job x failed: panic in stage.Execute bundle processing goroutine: something else",
		"job x failed: DoFn[…] failed: kafka: leader not available",
	} {
		if err := stumbled(errors.New(other)); errors.Is(err, ErrStumbled) || err.Error() != other {
			t.Errorf("%s: %v", other, err)
		}
	}
}
